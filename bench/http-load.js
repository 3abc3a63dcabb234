// The load, in its own process: `node http-load.js <port> <connections> <ms>`. Each connection sends its next request
// when the last one's response has ended. Sends { answered, perSecond, p50, p99 }: answered with
// the warm-up, the rest without; times in milliseconds.

import { connect } from 'node:net'

const [port, connections, ms] = process.argv.slice(2).map(Number)
const WARM_MS = Math.min(1000, ms / 2)
// The handler's body ends with this; headers can't.
const END = '"end":true}'

const latencies = []
let answered = 0
const from = performance.now() + WARM_MS
const until = from + ms
let open = connections

function client(id) {
  const request = `GET /orders/${1000 + id} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nuser-agent: bench\r\n\r\n`
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sent = 0
  const send = () => {
    sent = performance.now()
    socket.write(request)
  }
  socket.setEncoding('latin1')
  socket.on('connect', send)
  socket.on('data', (text) => {
    if (!text.endsWith(END)) return
    answered++
    const now = performance.now()
    if (sent >= from) latencies.push(now - sent)
    if (now < until) send()
    else socket.destroy()
  })
  socket.on('close', () => {
    if (--open === 0) report()
  })
}

function report() {
  latencies.sort((a, b) => a - b)
  const at = (share) => latencies[Math.floor(latencies.length * share)]
  const requests = latencies.length
  process.send({ answered, perSecond: (requests * 1000) / ms, p50: at(0.5), p99: at(0.99) }, () =>
    process.exit(),
  )
}

for (let id = 0; id < connections; id++) client(id)
