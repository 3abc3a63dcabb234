import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

const HEAD = ['step', 'passed', 'failed', 'seconds', 'date', 'commit', 'Node', 'seed', 'properties', 'kills']

/**
 * Puts the results of a full run into docs/evidence.md. What was not run stays as it was, with its own day.
 *
 * @param results { name, passed, failed, seconds } of each step
 * @param env SPOOR_SEED; SPOOR_RUNS_HOSTILE, how often each property of "what may leave" was tried; SPOOR_RUNS_KILL
 */
export function writeEvidence(root, results, env) {
  const path = join(root, 'docs/evidence.md')
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
  const date = new Date().toISOString().slice(0, 10)
  const rows = existsSync(path) ? rowsOf(readFileSync(path, 'utf8')) : new Map()
  for (const { name, passed, failed, seconds } of results) {
    const how = [env.SPOOR_SEED, env.SPOOR_RUNS_HOSTILE, env.SPOOR_RUNS_KILL]
    rows.set(name, [name, passed, failed, seconds, date, commit, process.version, ...how])
  }
  const text = [
    '# Evidence',
    '',
    'What the full runs gave: `npm run test:full` runs everything, `npm run test:full -- test/faults/ship-killed.test.ts` those tests alone. It is written by that command; do not edit it.',
    '',
    `Machine: ${cpus().length} x ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}. \`properties\` is how often each property of what may leave was tried, \`kills\` how often a process was killed in each way.`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `|${'---|'.repeat(HEAD.length)}`,
    ...[...rows.values()].map((row) => `| ${row.join(' | ')} |`),
    '',
  ].join('\n')
  writeFileSync(path, text)
}

/** The rows of the page by step. */
function rowsOf(page) {
  const rows = new Map()
  for (const line of page.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim())
    const row = cells.slice(1, -1)
    if (row.length === HEAD.length && row[0] !== HEAD[0] && !row[0].startsWith('---')) rows.set(row[0], row)
  }
  return rows
}
