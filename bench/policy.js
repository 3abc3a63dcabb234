// `node bench/policy.js [--quick] [--check]`: what a flood costs the service that it runs in, with LOG_RATE_LIMIT and without, and
// what LOG_BUFFER writes and holds at 1,000 requests a second of which 1 % fail. Prints two tables; a missed target is
// exit code 1. Ratios are taken within a round, where both were measured one after the other.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answer, ask, start } from './child.js'
import { median, ratio } from './figures.js'

const quick = process.argv.includes('--quick')
const ROUNDS = quick ? 2 : 5
const FLOOD_MS = quick ? 3000 : 10_000
const CONNECTIONS = 16
const LIMIT = { rateLimit: '1000/s' }
const BUFFER = { perSecond: 1000, ms: quick ? 4000 : 20_000, failEvery: 100 }
const DEBUGS = 10

const folder = mkdtempSync(join(tmpdir(), 'spoor-policy-'))

/** A server with this loop and these rules, under `load(port)`. */
async function serve(loop, rules, load) {
  const path = join(folder, 'app.log')
  rmSync(path, { force: true })
  const server = start('policy-server.js', [loop, JSON.stringify(rules), path])
  const { port } = await answer(server, `${loop} ${JSON.stringify(rules)}`)
  const result = await load(port)
  const told = once(server, 'message')
  server.send('usage')
  const [usage] = await told
  const exited = once(server, 'exit')
  server.disconnect()
  await exited
  return { ...result, usage, bytes: statSync(path).size, path }
}

const FLOODS = [
  ['no loop', 'none', LIMIT],
  ['a loop that calls nothing', 'nothing', LIMIT],
  ['a loop that logs, LOG_RATE_LIMIT=1000/s', 'logs', LIMIT],
  ['a loop that logs, no limit', 'logs', {}],
]

async function floods() {
  const results = FLOODS.map(() => ({ perSecond: [], p99: [], turns: [], bytes: [], heldBack: [] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (let k = 0; k < FLOODS.length; k++) {
      const at = (k + round) % FLOODS.length
      const [, loop, rules] = FLOODS[at]
      const load = (port) => ask('http-load.js', [port, CONNECTIONS, FLOOD_MS])
      const { perSecond, p99, usage, bytes } = await serve(loop, rules, load)
      const of = results[at]
      of.perSecond.push(perSecond)
      of.p99.push(p99)
      of.turns.push(usage.turns)
      of.bytes.push(bytes)
      of.heldBack.push(usage.counts.limit?.heldBack ?? 0)
    }
  }
  console.log(
    `\n| beside | requests/s | p99 ms | turns of the loop | MB written in ${FLOOD_MS / 1000} s | held back |`,
  )
  console.log('|---|--:|--:|--:|--:|--:|')
  for (const [at, [name]] of FLOODS.entries()) {
    const { perSecond, p99, turns, bytes, heldBack } = results[at]
    const cells = [median(perSecond).toFixed(0), median(p99).toFixed(1), median(turns)]
    console.log(
      `| ${[name, ...cells, (median(bytes) / 1024 ** 2).toFixed(1), median(heldBack)].join(' | ')} |`,
    )
  }
  const kept = ratio(results[2].perSecond, results[1].perSecond)
  return [
    target(
      'requests/s beside a loop that logs, limited / beside one that calls nothing',
      kept.median,
      'more',
      0.8,
    ),
  ]
}

async function buffered() {
  const { perSecond, ms, failEvery } = BUFFER
  const load = (port) => ask('policy-load.js', [port, perSecond, ms, failEvery])
  const all = await serve('none', { level: 'debug' }, load)
  const held = await serve('none', { buffer: 'debug' }, load)
  const records = readFileSync(held.path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
  const byRequest = Map.groupBy?.(records, ({ request_id }) => request_id) ?? groups(records)
  const failed = [...byRequest.values()].filter((some) => some.some(({ status }) => status === 503))
  const whole = failed.filter((some) => some.filter(({ level }) => level === 'debug').length === DEBUGS)
  const row = (name, { sent, bytes, late, usage: { peak, cpu } }) =>
    `| ${[
      name,
      ((sent * 1000) / ms).toFixed(0),
      late.toFixed(0),
      (bytes / 1024 ** 2).toFixed(2),
      (peak.rss / 1024 ** 2).toFixed(0),
      `${peak.held} in ${peak.scopes} scopes, ${(peak.bytes / 1024).toFixed(0)} KB`,
      ((cpu.user + cpu.system) / sent).toFixed(0),
    ].join(' | ')} |`
  console.log(
    '\n| | requests/s | load late, ms | MB written | peak RSS, MB | held at most | CPU µs a request |',
  )
  console.log('|---|--:|--:|--:|--:|--:|--:|')
  console.log(row('LOG_LEVEL=debug', all))
  console.log(row('LOG_BUFFER=debug', held))
  return [
    target('bytes with LOG_BUFFER=debug / with LOG_LEVEL=debug', held.bytes / all.bytes, 'less', 0.05),
    target('failed requests with all their debug records', whole.length / held.failed, 'more', 1),
  ]
}

function groups(records) {
  const found = new Map()
  for (const record of records)
    found.set(record.request_id, [...(found.get(record.request_id) ?? []), record])
  return found
}

function target(what, value, better, limit) {
  return { what, value, met: better === 'less' ? value <= limit : value >= limit, limit, better }
}

const targets = [...(await floods()), ...(await buffered())]
rmSync(folder, { recursive: true })
console.log('\n| target | value | to be | met |\n|---|--:|--:|---|')
for (const { what, value, met, limit, better } of targets) {
  console.log(
    `| ${what} | ${value.toFixed(3)} | ${better === 'less' ? '<=' : '>='} ${limit} | ${met ? 'yes' : '**no**'} |`,
  )
  if (!met && process.argv.includes('--check')) process.exitCode = 1
}
