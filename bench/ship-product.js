// Stands before OpenSearch for Elastic's client, which works with nothing that does not say it is Elasticsearch, and
// asks for types that only that knows: `node ship-product.js <target>`. Sends its port.

import { Agent, createServer, request } from 'node:http'

const target = new URL(process.argv[2])
const agent = new Agent({ keepAlive: true })

const plain = (value) => value?.replace('vnd.elasticsearch+', '').replace(/;\s*compatible-with=\d+/, '')

const server = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming
  for (const name of ['accept', 'content-type']) if (headers[name]) headers[name] = plain(headers[name])
  const { hostname: host, port } = target
  const further = request({ host, port, method, path, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode, { ...answer.headers, 'x-elastic-product': 'Elasticsearch' })
    answer.pipe(outgoing)
  })
  further.on('error', () => incoming.socket.destroy())
  incoming.pipe(further)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit())
