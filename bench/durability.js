// `node bench/durability.js [records]`: what each durability level of the file transport costs, in µs a record from
// the caller's side, 20 records to a turn of the event loop, into a file in the temporary folder. Prints a table.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { createLogger, fileTransport } from '../dist/index.js'

const PER_TURN = 20
const ROUNDS = 3
const count = Number(process.argv[2] ?? 100_000)
const LEVELS = [
  ['turn, never synced (the default)', {}, 1],
  ['record', { durability: 'record' }, 1],
  ['interval: a thread writes every 100 ms', { durability: 'interval' }, 1],
  ['turn, synced once a second', { fsync: 'interval' }, 1],
  ['turn, synced after each turn', { fsync: 'always' }, 0.05],
  ['record, synced after each', { durability: 'record', fsync: 'always' }, 0.01],
]

async function measure(options, records) {
  const folder = mkdtempSync(join(tmpdir(), 'spoor-durability-'))
  const file = fileTransport({ path: join(folder, 'app.log'), compress: 'off', ...options })
  const log = createLogger({ level: 'info', lifecycle: false, source: 'off', transports: [file] })
  log.info('warm', { order_id: -1 })
  await setImmediate()
  const from = process.hrtime.bigint()
  for (let i = 0; i < records; ) {
    for (const stop = Math.min(i + PER_TURN, records); i < stop; i++)
      log.info('order placed', { order_id: i, total: 9.5 })
    await setImmediate()
  }
  const ns = Number(process.hrtime.bigint() - from)
  await file.close()
  rmSync(folder, { recursive: true })
  return ns / records / 1000
}

const results = LEVELS.map(() => [])
for (let round = 0; round < ROUNDS; round++)
  for (const [i, [, options, share]] of LEVELS.entries())
    results[i].push(await measure(options, Math.ceil(count * share)))
console.log('| level | µs a record, least of three | x the default |\n|---|--:|--:|')
const base = Math.min(...results[0])
for (const [i, [name]] of LEVELS.entries()) {
  const least = Math.min(...results[i])
  console.log(`| ${name} | ${least.toFixed(2)} | ${(least / base).toFixed(2)} |`)
}
