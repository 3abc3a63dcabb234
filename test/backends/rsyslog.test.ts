import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { beforeAll, expect, it } from 'vitest'
import { poll } from './support/poll.ts'
import { type Rsyslog, type RsyslogLine, startRsyslog } from './support/rsyslog.ts'

let rsyslog: Rsyslog
beforeAll(async () => {
  rsyslog = await startRsyslog()
})

const TIME = '2026-01-02T03:04:05.123456Z'
const message = (id: string, text: string) =>
  `<14>1 ${TIME} db-1 shop 12 ${id} [spoor@32473 trace_id="4bf9\\]"] \ufeff${text}`
/** RFC 6587, section 3.4.1. */
const framed = (text: string) => `${Buffer.byteLength(text)} ${text}`

async function over(socket: Socket, text: string): Promise<void> {
  socket.end(framed(text))
  await once(socket, 'close')
}

function datagram(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.send(text, rsyslog.udpPort, '127.0.0.1', (error) => {
      socket.close()
      if (error === null) resolve()
      else reject(error)
    })
  })
}

const line = (id: string): Promise<RsyslogLine> =>
  poll(`the message ${id}`, async () => rsyslog.lines().find(({ msgId }) => msgId === id))

const secret = () =>
  connectTls({ port: rsyslog.tlsPort, host: '127.0.0.1', ca: rsyslog.ca, ALPNProtocols: [] })

it.each<readonly [RsyslogLine['input'], (text: string) => Promise<void>]>([
  ['tcp', (text) => over(connect(rsyslog.tcpPort, '127.0.0.1'), text)],
  ['tls', (text) => over(secret(), text)],
  ['unix', (text) => over(connect(rsyslog.unixPath), text)],
  ['imudp', datagram],
])('gives back a message over %s whole, newlines and all', async (input, send) => {
  const text = `{"msg":"Grüße","stack":"a\\nb"}\nsecond line\t\u0007end`
  await send(message(input, text))
  expect(await line(input)).toEqual({
    input,
    raw: message(input, text),
    pri: '14',
    timestamp: TIME,
    hostName: 'db-1',
    appName: 'shop',
    procId: '12',
    msgId: input,
    structuredData: '[spoor@32473 trace_id="4bf9\\]"]',
    message: expect.stringContaining(text),
  })
})

it('gives back a message of 500 KB', async () => {
  const text = 'x'.repeat(500_000)
  await over(connect(rsyslog.tcpPort, '127.0.0.1'), message('large', text))
  expect((await line('large')).raw).toBe(message('large', text))
})

it('keeps what it has written, also after its end', async () => {
  await over(connect(rsyslog.tcpPort, '127.0.0.1'), message('kept', 'kept'))
  await line('kept')
  const before = rsyslog.lines()
  await rsyslog.restart()
  expect(rsyslog.lines()).toEqual(before)
  await rsyslog.kill()
  await rsyslog.restart()
  expect(rsyslog.lines()).toEqual(before)
  await over(connect(rsyslog.tcpPort, '127.0.0.1'), message('more', 'more'))
  await line('more')
  expect(rsyslog.lines().slice(0, -1)).toEqual(before)
})
