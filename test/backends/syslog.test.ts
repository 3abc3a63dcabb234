import { beforeAll, describe, expect, it } from 'vitest'
import type { Destination } from '../../src/shipping/destination.ts'
import { type SyslogOptions, syslogDestination } from '../../src/shipping/destinations/syslog.ts'
import { shipped, variedRecords } from '../shipping/fakes/records.ts'
import { parseSyslog } from '../shipping/fakes/syslog.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { Fault } from '../support/faults/fault.ts'
import { poll } from './support/poll.ts'
import { type Rsyslog, type RsyslogLine, startRsyslog } from './support/rsyslog.ts'

let rsyslog: Rsyslog
beforeAll(async () => {
  rsyslog = await startRsyslog()
})

const DELIVERED = { kind: 'delivered' }
const forever = () => new AbortController().signal

function towards(transport: SyslogOptions['transport'], options: Partial<SyslogOptions> = {}): Destination {
  const where = {
    tcp: { port: rsyslog.tcpPort },
    tls: { port: rsyslog.tlsPort, tls: { ca: rsyslog.ca } },
    udp: { port: rsyslog.udpPort },
    unix: { path: rsyslog.unixPath },
  }
  return syslogDestination({ transport, ...where[transport], ...options })
}

/** What rsyslog has of a program, once that are `count` different messages. */
const arrived = (appName: string, count: number): Promise<RsyslogLine[]> =>
  poll(`${count} messages of ${appName}`, async () => {
    const found = rsyslog.lines().filter((line) => line.appName === appName)
    return new Set(found.map(({ raw }) => raw)).size >= count && found
  })

describe.each(['tcp', 'tls', 'unix', 'udp'] as const)('a real rsyslog over %s', (transport) => {
  it('has every record, each once, byte for byte, and understands its header', async () => {
    const service = `all-${transport}`
    const records = variedRecords(2000).map(({ record }, i) =>
      shipped({ ...record, service, msg: 'm', host: 'web-1' }, i),
    )
    const to = towards(transport, { maxMessageBytes: 8192 })
    for (let i = 0; i < records.length; i += 500)
      expect(await to.send(records.slice(i, i + 500), forever())).toEqual(DELIVERED)
    await to.close?.()
    const lines = await arrived(service, records.length)
    expect(lines).toHaveLength(records.length)
    for (const [i, { raw, input, pri, timestamp, hostName }] of lines.entries()) {
      const record = records[i]
      const message = parseSyslog(Buffer.from(raw))
      expect(message.msg).toBe(record?.line)
      expect({ input, pri: Number(pri), timestamp, hostName }).toEqual({
        input: transport === 'udp' ? 'imudp' : transport,
        pri: message.facility * 8 + message.severity,
        timestamp: record?.record.time,
        hostName: 'web-1',
      })
    }
  })

  it('has structured data and newlines as they were', async () => {
    const service = `odd-${transport}`
    const structuredData = { id: 'spoor@32473', keys: ['module'] }
    const record = shipped({ service, module: 'a"b]c\\ d=ü', trace_id: 'ab', msg: 'one\ntwo\t\u0007"]' })
    const to = towards(transport, { structuredData, content: 'msg' })
    expect(await to.send([record], forever())).toEqual(DELIVERED)
    await to.close?.()
    const [line] = await arrived(service, 1)
    expect(line).toMatchObject({
      structuredData: `[opentelemetry trace_id="ab"][spoor@32473 module="a\\"b\\]c\\\\ d=ü" id="${record.id}"]`,
      message: expect.stringContaining('one\ntwo\t\u0007"]'),
    })
  })
})

describe.each<[string, Fault]>([
  ['refuses for a while', { kind: 'refuse', forMs: 30 }],
  ['resets at once', { kind: 'reset', afterBytes: 1 }],
  ['resets within a batch', { kind: 'reset', afterBytes: 20_000 }],
  ['answers garbage and closes', { kind: 'garbage' }],
  ['closes without having read all', { kind: 'close' }],
  ['reads and never closes', { kind: 'half-open' }],
  ['hangs', { kind: 'hang' }],
])('a network that %s', (name, fault) => {
  it('costs no record where the server closes as a rule', async () => {
    const service = `fault-${name.replaceAll(' ', '-')}`
    const proxy = await startFaultProxy(`tcp://127.0.0.1:${rsyslog.tcpPort}`)
    const to = towards('tcp', { port: proxy.port, confirmMs: 2000 })
    const batches = [0, 1, 2].map((batch) =>
      Array.from({ length: 200 }, (_, i) => shipped({ service, pad: 'x'.repeat(200) }, batch * 200 + i)),
    )
    for (const [i, batch] of batches.entries()) {
      if (i > 0) proxy.next(fault)
      let verdict: unknown
      while (verdict === undefined) verdict = await to.send(batch, forever()).catch(() => undefined)
      expect(verdict).toEqual(DELIVERED)
    }
    await arrived(service, 600)
    expect(proxy.count({ kind: 'fault' })).toBeGreaterThanOrEqual(2)
    await to.close?.()
    await proxy.close()
  })
})

it('rejects while rsyslog is down and goes on when it is there again', async () => {
  const to = towards('tcp')
  const one = (i: number) => [shipped({ service: 'restart', i }, i)]
  expect(await to.send(one(1), forever())).toEqual(DELIVERED)
  await arrived('restart', 1)
  await rsyslog.kill()
  await expect(to.send(one(2), forever())).rejects.toThrow('ECONNREFUSED')
  await rsyslog.restart()
  expect(await to.send(one(2), forever())).toEqual(DELIVERED)
  await arrived('restart', 2)
})
