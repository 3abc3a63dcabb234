// Answers requests at once and leaves the work to a queue.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { captureContext, getLogger } from 'spoor'
import { requestLogger } from 'spoor/http'

const log = getLogger('producer')
let server

export async function startShop(queue) {
  server = createServer(
    requestLogger({}, (_req, res) => {
      log.info('job queued', { job: 'mail' })
      queue.postMessage({ job: 'mail', context: captureContext() })
      res.writeHead(202).end()
    }),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

export async function stopShop() {
  server.closeAllConnections()
  await once(server.close(), 'close')
}
