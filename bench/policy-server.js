// A service in its own process: `node policy-server.js <loop: none|nothing|logs> <rules as JSON> <path>`. It answers by
// node:http, logs ten debug and two info records a request, waits and fails where the path says so; beside it a loop runs
// that yields by setImmediate, and logs or does not. Sends its port; after 'usage' what it has used and counted.

import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { requestLogger } from '../dist/http.js'
import { createLogger, fileTransport, stats } from '../dist/index.js'

const [loop, rules, path] = process.argv.slice(2)
const logger = createLogger({
  ...{
    level: 'info',
    lifecycle: false,
    transports: [fileTransport({ path, rotate: 'off', maxSize: '10GB' })],
  },
  ...JSON.parse(rules),
})

const order = (id) => JSON.stringify({ order_id: id, total: 9.5, currency: 'EUR', end: true })

async function handle(req, res) {
  const id = req.url.slice(req.url.lastIndexOf('/') + 1)
  for (let step = 0; step < 5; step++) logger.debug('query planned', { order_id: id, step, table: 'orders' })
  logger.info('order loaded', { order_id: id, items: 3 })
  await (req.url.startsWith('/orders') ? null : setTimeout(50))
  for (let step = 5; step < 10; step++)
    logger.debug('price looked up', { order_id: id, step, currency: 'EUR' })
  logger.info('order priced', { order_id: id, total: 9.5 })
  res.statusCode = req.url.startsWith('/fail') ? 503 : 200
  res.end(order(id))
}

let turns = 0
const LOOPS = {
  none() {},
  nothing() {
    turns++
    setImmediate(LOOPS.nothing)
  },
  logs() {
    logger.info('the loop again', { turns: ++turns, shard: 7 })
    setImmediate(LOOPS.logs)
  },
}

const peak = { rss: 0, held: 0, bytes: 0, scopes: 0 }
setInterval(() => {
  const { held = 0, bytes = 0, scopes = 0 } = stats(logger).buffer ?? {}
  const now = { rss: process.memoryUsage.rss(), held, bytes, scopes }
  for (const key of Object.keys(peak)) peak[key] = Math.max(peak[key], now[key])
}, 50).unref()

const server = createServer(requestLogger({ logger }, handle))
server.listen(0, '127.0.0.1', () => {
  LOOPS[loop]()
  process.send({ port: server.address().port })
})
process.on('message', () => process.send({ turns, peak, cpu: process.cpuUsage(), counts: stats(logger) }))
process.on('disconnect', () => process.exit())
