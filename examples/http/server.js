// A plain node:http service with one record a request: `node server.js`. It starts, sends itself requests, and ends.
import { createServer, get } from 'node:http'
import { logger } from 'spoor'
import { requestLogger } from 'spoor/http'

const server = createServer(
  requestLogger({ ignore: ['/healthz'] }, async (req, res) => {
    const { pathname } = new URL(req.url, 'http://localhost')
    if (pathname === '/healthz') return res.end('ok')
    if (pathname === '/endless') return res.write('begun')
    if (pathname !== '/orders') return res.writeHead(404).end()
    req.log.info('orders asked for')
    await new Promise((done) => setTimeout(done, 5))
    logger.info('orders loaded', { rows: 3 })
    res.end('[1,2,3]')
  }),
)

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const ask = (path, headers) => fetch(url + path, { headers }).then((response) => response.text())
  await ask('/healthz')
  await ask('/orders?page=2', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })
  await ask('/nowhere')
  // A client that goes away in the middle of the answer.
  const leaving = get(`${url}/endless`, (response) => response.once('data', () => leaving.destroy()))
  leaving.on('error', () => {}).on('close', () => server.close())
})
