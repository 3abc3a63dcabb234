// The results as one text, which is both the terminal's table and RESULTS.md, and as JSON.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { cases } from './cases.js'
import { median, spread } from './figures.js'
import { shipTables } from './ship-report.js'
import { countedTable, keyTable, number, range, table } from './tables.js'
import { targets } from './targets.js'

const require = createRequire(import.meta.url)

const PACKAGES = [
  'pino',
  'pino-http',
  'express',
  'fastify',
  'winston',
  'winston-daily-rotate-file',
  'pino-roll',
  'rotating-file-stream',
  'bunyan',
  '@logtape/logtape',
  '@logtape/file',
  'tslog',
  'log4js',
  'pino-loki',
  'winston-loki',
  'pino-elasticsearch',
  'pino-opentelemetry-transport',
  '@opentelemetry/sdk-trace-node',
]

function versionOf(name) {
  for (const folder of require.resolve.paths(name)) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }
  return 'missing'
}

export function machine() {
  const [cpu] = cpus()
  return {
    cpu: `${cpus().length} x ${cpu.model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    node: process.version,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    load: loadavg().map((one) => Number(one.toFixed(2))),
  }
}

function targetTable(list) {
  const rows = list.map(({ what, value, cpu, limit, better, met, note }) => [
    what + (note ? ` (${note})` : ''),
    number(value.median),
    range(value),
    cpu ? number(cpu.median) : '',
    limit === undefined ? '' : `${better === 'less' ? '<=' : '>='} ${limit}`,
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ])
  return table(['', 'median', 'spread', 'by CPU', 'target', ''], rows)
}

function caseTable(name, results) {
  const ours = results.spoor && median(results.spoor.ns)
  const rows = Object.entries(results)
    .sort(([, a], [, b]) => median(a.ns) - median(b.ns))
    .map(([contender, { ns, cpu, lost }]) => [
      contender,
      number(median(ns)),
      range(spread(ns)),
      number(median(cpu)),
      ours ? number(median(ns) / ours) : '',
      lost ? `${lost} lost` : '',
    ])
  const head = [cases[name].title, 'ns', 'spread', 'CPU ns', 'x spoor', '']
  return table(head, rows)
}

const PACE = [
  ['callsPerSecond', 'calls/s'],
  ['perSecond', 'on disk/s'],
  ['cpu', 'CPU µs/record'],
  ['peak', 'peak MiB', 2 ** 20],
  ['files', 'files'],
]
const DELAY = [
  ['p99', 'p99 ms'],
  ['max', 'max ms'],
  ['gapP99', 'timer p99 ms'],
  ['gapMax', 'timer max ms'],
  ['ms', 'of ms'],
]
const EXIT = [
  ['found', 'found'],
  ['share', '%', 0.01],
]

function filesTables({ records, exitRecords, megabytes, plain, gzip, delayPlain, delayGzip, exit }) {
  const delays = Object.keys(delayPlain).flatMap((name) => [
    [name, delayPlain[name]],
    ...(delayGzip?.[name] ? [[`${name}, compressing`, delayGzip[name]]] : []),
  ])
  return [
    countedTable(`${number(records)} records, 10 MB a file`, plain, PACE),
    gzip && countedTable('the same with gzip', gzip, PACE),
    keyTable(`loop delay, ${megabytes} MB a file`, Object.fromEntries(delays), DELAY),
    countedTable(`${number(exitRecords)} records, then process.exit`, exit, EXIT),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** Each part's run, those of one run together. */
function runLines(runs) {
  const lines = new Map()
  for (const [part, { date, mode, machine: m }] of Object.entries(runs)) {
    const line = `${date}, ${mode} run; ${m.cpu}, ${m.memory}, ${m.system}, Node ${m.node}; load ${m.load.join(' ')} at the start, ${m.loadEnd.join(' ')} at the end`
    lines.set(line, [...(lines.get(line) ?? []), part])
  }
  return [...lines].map(([line, parts]) => `- **${parts.join(', ')}**: ${line}`).join('\n')
}

function text({ runs, ...results }, list) {
  const { records = {}, http, imports, files, ship } = results
  const packages = Object.assign({}, ...Object.values(runs).map((run) => run.machine.packages))
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  const part = (title, body) => body && `## ${title}\n\n${body}`
  return [
    '# Results of the benchmark',
    runLines(runs),
    `${versions.join(', ')}.`,
    'Made by `npm run bench`; how it measures, and how each peer is set up, stands in bench/README.md.',
    part('Targets', targetTable(list)),
    part(
      'A record',
      Object.keys(records)
        .map((name) => caseTable(name, records[name]))
        .join('\n\n'),
    ),
    part(
      'HTTP: three records a request',
      http &&
        keyTable('', http, [
          ['perSecond', 'requests/s'],
          ['p99', 'p99 ms'],
          ['p50', 'p50 ms'],
          ['cpu', 'CPU µs/request'],
        ]),
    ),
    part(
      'Loading it',
      imports &&
        keyTable('', imports, [
          ['ms', 'ms'],
          ['total', 'process MiB', 2 ** 20],
          ['rss', 'growth MiB', 2 ** 20],
          ['heap', 'heap KiB', 2 ** 10],
        ]),
    ),
    part('Files that rotate', files && filesTables(files)),
    part('Shipping', ship && shipTables(ship)),
  ]
    .filter(Boolean)
    .join('\n\n')
}

const beside = (name) => new URL(name, import.meta.url)

/** What was kept: `runs` says of each part when and where it was measured. */
export function readResults() {
  const { targets: _targets, ...results } = JSON.parse(readFileSync(beside('results.json'), 'utf8'))
  return results
}

/** Prints the results; writes them beside this file when `keep`. Returns the targets. */
export function report(results, keep) {
  const list = targets(results)
  const write = (name, content) => writeFileSync(beside(name), `${content}\n`)
  // First of all: what took an hour must not go because a table can't be made of it.
  if (keep) write('results.json', JSON.stringify({ ...results, targets: list }, null, 1))
  const page = text(results, list)
  process.stdout.write(`${page}\n`)
  if (keep) write('RESULTS.md', page)
  return list
}
