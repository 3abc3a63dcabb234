// Two pino transports by name: pino-roll writes files that rotate, pino-pretty writes for people. Each runs in a
// worker of its own. Usage: node index.js
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, pinoTransport, shutdown, withContext } from 'spoor'

const directory = process.env.OUT ?? mkdtempSync(join(tmpdir(), 'spoor-pino-'))

const logger = createLogger({
  level: 'debug',
  transports: [
    pinoTransport({
      name: 'roll',
      target: 'pino-roll',
      options: { file: join(directory, 'app'), frequency: 'daily', size: '10m', extension: '.log' },
    }),
    pinoTransport({
      name: 'pretty',
      level: 'info',
      target: 'pino-pretty',
      options: { colorize: false, ignore: 'service,version,env,host,pid', singleLine: true },
    }),
  ],
})

withContext({ request_id: 'mail-7' }, () => {
  logger.debug('cache is cold')
  logger.info('order placed', { order_id: 42 })
  logger.error('payment failed', new Error('card refused'), { order_id: 42 })
})

// Not needed for the records: process.exit would leave them just as well. Here the file is to be read.
await shutdown(logger)
const [file] = readdirSync(directory)
const records = readFileSync(join(directory, file), 'utf8').trim().split('\n')
for (const record of records) console.log(record)

// What a pino transport gets looks as if pino had written it.
const [first, ...more] = records.map((line) => JSON.parse(line))
assert.equal(first.level, 20)
assert.equal(typeof first.time, 'number')
assert.equal(more.length, 2)
if (process.env.OUT === undefined) rmSync(directory, { recursive: true })
