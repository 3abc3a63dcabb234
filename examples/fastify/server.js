// A Fastify service with one record a request: `node server.js`. It starts, sends itself a few requests, and ends.
import Fastify from 'fastify'
import { getLogger, logger } from 'spoor'
import { fastifyLogging, requestLogger } from 'spoor/fastify'

const app = Fastify({ ...fastifyLogging({ ignore: ['/healthz'], slowMs: '1s' }) })
await app.register(requestLogger)

// Code that knows nothing of requests: its records carry the request's id all the same.
const db = getLogger('db')
async function findOrder(id) {
  await new Promise((done) => setTimeout(done, 5))
  db.info('order loaded', { order_id: id, rows: 1 })
  if (id === '13') throw new Error('order 13 is locked')
  return { id, total: 42 }
}

app.get('/healthz', async () => 'ok')
app.get('/orders/:id', async (request) => {
  request.log.info('order asked for')
  return findOrder(request.params.id)
})

const url = await app.listen({ port: 0, host: '127.0.0.1' })
const get = (path, headers) => fetch(url + path, { headers }).then((response) => response.text())
await get('/healthz')
await get('/orders/7', { 'x-request-id': 'from-the-client-1' })
await get('/orders/13')
await get('/nowhere')
logger.info('that was all')
await app.close()
