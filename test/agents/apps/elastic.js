import { createServer } from 'node:http'
import { calls, load, makeLogger, tell } from './common.js'

const { ecsFormat } = await load('@elastic/ecs-pino-format')
const lines = []
const options = ecsFormat({
  convertReqRes: true,
  apmIntegration: false,
  serviceName: 'shop',
  serviceVersion: '1.2.3',
})
const log = await makeLogger({ ...options, name: 'shop' }, (line) => lines.push(line))
calls(log)
const server = createServer((req, res) => {
  res.end('ok')
  log.info({ req, res }, 'a request')
}).listen(0, '127.0.0.1', async () => {
  await fetch(`http://127.0.0.1:${server.address().port}/orders?q=1`, { headers: { 'user-agent': 'test' } })
  tell({ lines })
  process.exit(0)
})
