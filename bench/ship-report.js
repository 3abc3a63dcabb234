// The tables of shipping.

import { countedTable, keyTable, number } from './tables.js'

const MIB = ['peak', 'peak MiB', 2 ** 20]
const FLOOD = [['main', 'thread µs'], ['calls', 'call µs'], ['cpu', 'CPU µs'], ['perSecond', 'arrive/s'], MIB]
const DELAY = [
  ['p99', 'p99 ms'],
  ['max', 'max ms'],
  ['gapP99', 'timer p99 ms'],
  ['gapMax', 'timer max ms'],
  MIB,
]
const OUTAGE = [['caughtUp', 'caught up s'], ...DELAY]
const LATENCY = [
  ['p50', 'p50 ms'],
  ['p99', 'p99 ms'],
  ['max', 'max ms'],
]
const BACKLOG = [['perSecond', 'records/s'], MIB]
const LIMITED = [
  ['perSecond', 'records/s'],
  ['share', '% of the limit', 0.01],
  ['tooMany', '429s'],
  ['pushes', 'pushes'],
  MIB,
]

const NAMES = { loki: 'Loki', opensearch: 'OpenSearch', collector: 'Collector' }

/** The libraries that have this part. */
const having = (libraries, part) =>
  Object.fromEntries(Object.entries(libraries).flatMap(([name, of]) => (of[part] ? [[name, of[part]]] : [])))

const some = (table, title, results, keys) => Object.keys(results).length > 0 && table(title, results, keys)

export function shipTables({ sizes, flood = {}, scoped = {}, service = {}, latency, backlog = {} }) {
  const { perSecond, downMs } = sizes.service
  const limited = Object.entries(backlog).filter(([, { share }]) => share)
  const others = Object.entries(backlog).filter(([, { share }]) => !share)
  const size = number(sizes.backlog.records)
  return [
    ...Object.entries(flood).map(([backend, libraries]) =>
      countedTable(`${NAMES[backend]}: ${number(sizes.records[backend])} records at once`, libraries, FLOOD),
    ),
    ...Object.values(scoped).map((libraries) =>
      countedTable('Loki: the same in a request', libraries, FLOOD),
    ),
    ...Object.entries(service).flatMap(([backend, libraries]) => [
      some(
        keyTable,
        `${NAMES[backend]}: ${number(perSecond[backend])} records/s`,
        having(libraries, 'calm'),
        DELAY,
      ),
      some(countedTable, `the same, down for ${downMs / 1000} s`, having(libraries, 'down'), OUTAGE),
    ]),
    latency &&
      countedTable(`call to answer, ${sizes.latency.perSecond} records/s`, { spoor: latency }, LATENCY),
    some(countedTable, `a backlog of ${size}`, Object.fromEntries(others), BACKLOG),
    some(countedTable, `a backlog of ${size}`, Object.fromEntries(limited), LIMITED),
  ]
    .filter(Boolean)
    .join('\n\n')
}
