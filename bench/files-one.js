// Writes records with rotation every 10 MB: `node files-one.js spoor|winston <folder> <records>`. Sends
// { from, calls, until }: epoch milliseconds of the first call, the last call's return, and the last byte's arrival.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'

const [library, folder, text] = process.argv.slice(2)
const count = Number(text)
const PER_TURN = 32

const OPEN = {
  async spoor() {
    const { createLogger, fileTransport } = await import('../dist/index.js')
    const path = join(folder, 'app.log')
    const file = fileTransport({ path, maxSize: '10MB' })
    const log = createLogger({ level: 'info', lifecycle: false, transports: [file] })
    return { log, close: () => new Promise((done) => log.flush(done)) }
  },
  async winston() {
    const { default: winston } = await import('winston')
    const { default: DailyRotateFile } = await import('winston-daily-rotate-file')
    const { combine, timestamp, json } = winston.format
    const transports = [
      new DailyRotateFile({ dirname: folder, filename: 'app-%DATE%', extension: '.log', maxSize: '10m' }),
    ]
    const log = winston.createLogger({ level: 'info', format: combine(timestamp(), json()), transports })
    // Its 'finish' comes before its bytes: that they have all arrived is seen from the files.
    return { log, close: async () => {} }
  },
}

const sizeOf = () =>
  readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

// The time at which the folder last grew, known to 20 ms, once it has been still for a second.
async function stillSince() {
  let size = -1
  let since = Date.now()
  while (Date.now() - since < 1000) {
    const now = sizeOf()
    if (now !== size) {
      size = now
      since = Date.now()
    }
    await setTimeout(20)
  }
  return since
}

const { log, close } = await OPEN[library]()
const from = Date.now()
for (let i = 0; i < count; ) {
  for (const stop = Math.min(i + PER_TURN, count); i < stop; i++)
    log.info('order placed', { order_id: i, total: 9.5 })
  await setImmediate()
}
const calls = Date.now()
await close()
const until = library === 'spoor' ? Date.now() : await stillSince()
process.send({ from, calls, until }, () => process.exit())
