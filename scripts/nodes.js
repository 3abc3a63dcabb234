// Runs the tests on every Node that spoor supports, over one build, and writes what each version lacks to
// docs/node-versions.md. Usage: node scripts/nodes.js [--quick]
// --quick leaves out the version that runs this script, whose tests ran already, and, on all but the newest, what takes
// minutes and asks little of Node itself (the command, kills under faults of the network); it writes nothing.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { majors, nodeBinary, withNode } from './lib/nodes.js'
import { record } from './lib/summary.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run `npm run build` first')

const LONG = ['test/cli/**', 'test/faults/ship-*.test.ts', 'test/faults/killed.test.ts']

const rows = []
for (const major of majors) {
  const binary = nodeBinary(major)
  if (values.quick && binary === process.execPath) continue
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()
  console.log(`\n== Node ${version}`)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run']
  // What is random is run in full on one version; what differs between versions is not random.
  const {
    SPOOR_RUNS: _runs,
    SPOOR_RUNS_HOSTILE: _hostile,
    SPOOR_RUNS_KILL: _kills,
    ...env
  } = { ...withNode(binary), SPOOR_TYPES: 'off' }
  const newest = major === majors.at(-1)
  if (values.quick && !newest) vitest.push(...LONG.flatMap((pattern) => ['--exclude', pattern]))
  const done = spawnSync(binary, vitest, { cwd: root, env, stdio: 'inherit' })
  if (done.status !== 0) {
    process.exitCode = 1
    if (done.status === null) record(0, 1)
  }
  rows.push({ version, passed: done.status === 0, has: probe(binary) })
}
if (!values.quick && process.exitCode !== 1) write(rows)

function probe(binary) {
  const script = join(root, 'scripts/lib/probe.js')
  return JSON.parse(execFileSync(binary, ['--no-warnings', script], { encoding: 'utf8' }))
}

function write(rows) {
  const names = Object.keys(rows[0].has)
  const table = [
    `| | ${rows.map((row) => row.version).join(' | ')} |`,
    `|---|${rows.map(() => '---').join('|')}|`,
    `| all tests | ${rows.map(() => 'pass').join(' | ')} |`,
    ...names.map((name) => `| ${name} | ${rows.map((row) => (row.has[name] ? 'yes' : 'no')).join(' | ')} |`),
  ].join('\n')
  const file = join(root, 'docs/node-versions.md')
  const [before, rest] = readFileSync(file, 'utf8').split('<!-- measured -->')
  const after = rest.split('<!-- end -->')[1]
  writeFileSync(file, `${before}<!-- measured -->\n${table}\n<!-- end -->${after}`)
}
