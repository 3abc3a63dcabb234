// The results as one text, which is both the terminal's table and RESULTS.md, and as JSON.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { cases } from './cases.js'
import { median, spread } from './figures.js'
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

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
const number = (value) =>
  value.toLocaleString('en', { minimumFractionDigits: digits(value), maximumFractionDigits: digits(value) })
const range = ({ min, max }) => `${number(min)} – ${number(max)}`

/** A Markdown table whose columns line up, so that a terminal shows it as it is. */
function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row) =>
    `| ${row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
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

const rowsOf = (results, keys) =>
  Object.entries(results).map(([name, of]) => [
    name,
    ...keys.flatMap(([key, , scale = 1]) => {
      const value = spread(of[key].map((one) => one / scale))
      return [number(value.median), range(value)]
    }),
  ])

const keyTable = (title, results, keys) =>
  table([title, ...keys.flatMap(([, label]) => [label, 'spread'])], rowsOf(results, keys))

// In one word when all is there: what is wrong is what has to be seen.
function remark({ lost = [], doubled, broken }) {
  const sum = (values) => values.reduce((all, one) => all + one, 0)
  const wrong = Object.entries({ lost, doubled, broken }).filter(([, values]) => sum(values) > 0)
  return wrong.map(([what, values]) => `${sum(values).toLocaleString('en')} ${what}`).join(', ') || 'whole'
}

/** As `keyTable`, and what was lost, doubled or broken in all rounds. */
function countedTable(title, results, keys) {
  const remarks = Object.values(results).map((of) => [remark(of)])
  const rows = rowsOf(results, keys).map((row, i) => [...row, ...remarks[i]])
  return table([title, ...keys.flatMap(([, label]) => [label, 'spread']), ''], rows)
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

function text({ date, mode, machine: m, ...results }, list) {
  const { records = {}, http, imports, files } = results
  const versions = Object.entries(m.packages).map(([name, version]) => `${name} ${version}`)
  const part = (title, body) => body && `## ${title}\n\n${body}`
  return [
    '# Results of the benchmark',
    `${date}, ${mode} run; ${m.cpu}, ${m.memory}, ${m.system}, Node ${m.node}; load ${m.load.join(' ')} at the start, ${m.loadEnd.join(' ')} at the end.`,
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
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** Prints the results; writes them beside this file when `keep`. Returns the targets. */
export function report(results, keep) {
  const list = targets(results)
  const page = text(results, list)
  process.stdout.write(`${page}\n`)
  if (keep) {
    const write = (name, content) => writeFileSync(new URL(name, import.meta.url), `${content}\n`)
    write('RESULTS.md', page)
    write('results.json', JSON.stringify({ ...results, targets: list }, null, 1))
  }
  return list
}
