// An Express service with one record a request: `node server.js`. It starts, sends itself a few requests, and ends.
import express from 'express'
import { addContext, getLogger, logger } from 'spoor'
import { requestLogger } from 'spoor/express'

const app = express()
app.use(
  requestLogger({
    ignore: ['/healthz'],
    getUser: (req) => req.user && { user_id: req.user.id },
  }),
)
app.use(express.json())
app.use((req, _res, next) => {
  if (req.headers.authorization === 'Bearer ada') req.user = { id: 'ada' }
  next()
})

// Code that knows nothing of requests: its records carry the request's id all the same.
const db = getLogger('db')
async function findOrder(id) {
  await new Promise((done) => setTimeout(done, 5))
  db.info('order loaded', { order_id: id, rows: 1 })
  if (id === '13') throw new Error('order 13 is locked')
  return { id, total: 42 }
}

app.get('/healthz', (_req, res) => res.send('ok'))
app.get('/orders/:id', async (req, res) => {
  addContext({ tenant: 't-9' })
  req.log.info('order asked for')
  res.json(await findOrder(req.params.id))
})
app.use((err, _req, res, _next) => res.status(500).json({ error: err.message }))

const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const get = (path, headers) => fetch(url + path, { headers }).then((response) => response.text())
  await get('/healthz')
  await get('/orders/7', { authorization: 'Bearer ada', 'x-request-id': 'from-the-client-1' })
  await get('/orders/13')
  await get('/nowhere')
  logger.info('that was all')
  server.close()
})
