import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Destination } from '../../../src/shipping/destination.ts'
import { type SyslogOptions, syslogDestination } from '../../../src/shipping/destinations/syslog.ts'
import { syslogMessage } from '../../../src/shipping/destinations/syslog-message.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { selfSigned } from '../../support/certificate.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { type FakeSyslog, type FakeSyslogOptions, fakeSyslog, parseSyslog } from '../fakes/syslog.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)
const DELIVERED = { kind: 'delivered' }
const SEVERITIES: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
}

let opened: { close?(): Promise<void> }[] = []
beforeEach(() => {
  opened = []
})
afterEach(async () => {
  for (const one of opened) await one.close?.()
})

async function serve(options: FakeSyslogOptions = { transport: 'tcp' }): Promise<FakeSyslog> {
  const server = await fakeSyslog(options)
  opened.push(server)
  return server
}

function towards({ port }: { port: number }, options: Partial<SyslogOptions> = {}): Destination {
  const destination = syslogDestination({ transport: 'tcp', port, ...options })
  opened.unshift(destination)
  return destination
}

const forever = () => new AbortController().signal
const one = (i = 0) => [shipped({ msg: `m${i}` }, i)]

const FORMAT = { facility: 16, content: 'line', maxMessageBytes: 8192, structuredData: undefined } as const
const parsed = (record: Shipped, format: Partial<Parameters<typeof syslogMessage>[1]> = {}) =>
  parseSyslog(syslogMessage(record, { ...FORMAT, ...format }))

describe('a message', () => {
  it('says the whole record', () => {
    const record = shipped({
      time: '2026-11-25T20:01:02.345Z',
      level: 'error',
      service: 'shop',
      host: 'web-1',
      pid: 42,
      trace_id: 'a1',
      span_id: 'b2',
      trace_flags: '01',
    })
    expect(parsed(record)).toMatchObject({
      facility: 16,
      severity: 3,
      timestamp: '2026-11-25T20:01:02.345Z',
      hostname: 'web-1',
      appName: 'shop',
      procId: '42',
      msgId: '-',
      structuredData: { opentelemetry: { trace_id: 'a1', span_id: 'b2', trace_flags: '01' } },
      msg: record.line,
    })
  })

  it.each(Object.entries(SEVERITIES))('has for %s the severity %i', (level, severity) => {
    expect(parsed(shipped({ level }), { facility: 3 })).toMatchObject({ facility: 3, severity })
  })

  it('has nil for what is missing or can not be said', () => {
    expect(syslogMessage({ ...shippedLine('{"a":1}'), timeMs: 8.64e15 }, FORMAT).toString()).toBe(
      '<134>1 - - - - - - {"a":1}',
    )
    const odd = { host: `büro 1${'x'.repeat(300)}`, service: 'a\nb', pid: '\u0000' }
    const { hostname, appName, procId } = parsed(shipped(odd))
    expect({ hostname, appName, procId }).toEqual({
      hostname: `b_ro_1${'x'.repeat(249)}`,
      appName: 'a_b',
      procId: '_',
    })
  })

  it('escapes what structured data has a meaning for', () => {
    const value = 'a"b\\c]d=e[f\nü💥 \\" ]'
    const structuredData = { id: 'spoor@32473', keys: ['module', 'quo"te]=', 'missing', 'ünder'] }
    const record = shipped({ module: value, 'quo"te]=': 1, ünder: true }, 7)
    expect(parsed(record, { structuredData }).structuredData).toEqual({
      'spoor@32473': { module: value, quo_te__: '1', _nder: 'true', id: record.id },
    })
  })

  it('keeps newlines and control characters of a message', () => {
    const msg = 'a\nb\r\n\u0000\u001b[31m\u2028<13>1 - - - - - - forged'
    expect(parsed(shipped({ msg }), { content: 'msg' }).msg).toBe(msg)
  })

  it('cuts what is too long: JSON stays JSON and is marked, text ends with a whole character', () => {
    const long = shipped({ msg: 'short', err: { type: 'E', stack: 'ü'.repeat(20_000) } })
    const { msg, bytes } = parsed(long)
    expect(bytes).toBeLessThanOrEqual(8192)
    expect(bytes).toBeGreaterThan(8100)
    expect(JSON.parse(msg)).toMatchObject({ truncated: true, msg: 'short', err: { type: 'E' } })
    for (const maxMessageBytes of [480, 481, 482, 483]) {
      const text = parsed(shipped({ msg: '💥'.repeat(300) }), { content: 'msg', maxMessageBytes })
      expect(text.bytes).toBeGreaterThan(maxMessageBytes - 4)
      expect(text.bytes).toBeLessThanOrEqual(maxMessageBytes)
      expect(text.msg).toMatch(/^(?:💥)+$/u)
    }
  })

  it('follows the grammar and its bound, whatever is in the record', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom('"]\\', '\n', ']', 'ü'),
    )
    const record = fc.dictionary(
      fc.oneof(fc.constantFrom('host', 'service', 'pid', 'level', 'msg', 'trace_id', 'span_id', 'k'), text),
      fc.oneof(text, fc.jsonValue()),
    )
    const bound = fc.integer({ min: 1500, max: 9000 })
    fc.assert(
      fc.property(
        record,
        fc.constantFrom('line', 'msg'),
        bound,
        fc.double(),
        (said, content, most, timeMs) => {
          const structuredData = { id: 'x@1', keys: Object.keys(said) }
          const one = { ...shippedLine(JSON.stringify(said)), timeMs }
          const format = {
            content,
            maxMessageBytes: most,
            structuredData: most % 2 ? structuredData : undefined,
          }
          const message = parsed(one, format)
          if (structuredData === undefined) expect(message.bytes).toBeLessThanOrEqual(most)
          if (content === 'line') JSON.parse(message.msg)
        },
      ),
      { numRuns },
    )
  })
})

describe.each(['tcp', 'tls', 'unix', 'udp'] as const)('over %s', (transport) => {
  it('brings every record, byte for byte and in order', async () => {
    const tls = transport === 'tls' ? selfSigned() : undefined
    const directory = mkdtempSync(join(tmpdir(), 'spoor-syslog-'))
    const path = transport === 'unix' ? join(directory, 'log.sock') : undefined
    const server = await serve({ transport: transport === 'udp' ? 'udp' : 'tcp', tls, path })
    const options = { transport, path, tls: tls && { ca: tls.cert }, maxMessageBytes: 60_000 }
    const to = towards(server, options)
    const records = variedRecords(400)
    for (let i = 0; i < 400; i += 100) {
      expect(await to.send(records.slice(i, i + 100), forever())).toEqual(DELIVERED)
      // Datagrams that are not read are lost.
      await server.received(i + 100)
    }
    expect(server.complaints).toEqual([])
    expect(server.messages.map(({ msg }) => msg)).toEqual(records.map(({ line }) => line))
    for (const [i, { record, timeMs }] of records.entries()) {
      const message = server.messages[i]
      expect(Date.parse(message?.timestamp ?? '')).toBe(timeMs)
      expect(message?.severity).toBe(SEVERITIES[String(record.level)])
    }
    rmSync(directory, { recursive: true })
  })
})

describe('over a stream', () => {
  it('keeps a message with newlines in one piece', async () => {
    const server = await serve()
    const records = ['a\nb\n', '\n\n', '12 <13>1 forged', ''].map((msg, i) => shipped({ msg }, i))
    expect(await towards(server, { content: 'msg' }).send(records, forever())).toEqual(DELIVERED)
    expect(server.messages.map(({ msg }) => msg)).toEqual(['a\nb\n', '\n\n', '12 <13>1 forged', ''])
    expect(server.complaints).toEqual([])
  })

  it.each(['close at once', 'end at once', 'reset', 'talk'] as const)(
    'is no yes when the server does: %s',
    async (failure) => {
      const server = await serve()
      const to = towards(server)
      const large = Array.from({ length: 100 }, (_, i) => shipped({ pad: 'x'.repeat(8000) }, i))
      for (let i = 0; i < 5; i++) {
        server.failNext(failure, failure)
        await expect(to.send(large, forever())).rejects.toThrow()
        await expect(to.send(one(), forever())).rejects.toThrow()
      }
      expect(await to.send(large, forever())).toEqual(DELIVERED)
    },
  )

  it('is sent again where a server that closes as a rule does not', async () => {
    const server = await serve()
    const to = towards(server, { confirmMs: 1000 })
    expect(await to.send(one(), forever())).toEqual(DELIVERED)
    server.failNext('hang')
    await expect(to.send(one(1), forever())).rejects.toThrow('did not read to the end within 1000 ms')
    expect(await to.send(one(1), forever())).toEqual(DELIVERED)
    expect(server.messages).toHaveLength(2)
  })

  it('is handed over with a warning where a server never closes, and keeps the connection then', async () => {
    const server = await serve()
    server.always = 'keep open'
    const to = towards(server, { confirmMs: 20 })
    expect(await to.send(one(), forever())).toEqual({
      kind: 'delivered',
      warning: expect.stringContaining('not known to be read'),
    })
    for (let i = 1; i < 4; i++) expect(await to.send(one(i), forever())).toEqual(DELIVERED)
    await server.received(4)
    expect(server.connections).toBe(2)
    server.disconnect()
    expect(await to.send(one(4), forever()).catch(() => to.send(one(4), forever()))).toEqual(DELIVERED)
  })

  it('keeps the connection where it is told not to wait', async () => {
    const server = await serve()
    const to = towards(server, { confirmMs: 0 })
    for (let i = 0; i < 3; i++) expect(await to.send(one(i), forever())).toEqual(DELIVERED)
    await server.received(3)
    expect(server.connections).toBe(1)
  })

  it('ends with the signal', async () => {
    const server = await serve()
    server.always = 'hang'
    const stop = new AbortController()
    const sent = towards(server).send(one(), stop.signal)
    sent.catch(() => {})
    while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve))
    stop.abort(new Error('stopped'))
    await expect(sent).rejects.toThrow('stopped')
    await expect(towards(server).send(one(), AbortSignal.abort(new Error('before')))).rejects.toThrow(
      'before',
    )
  })

  it('rejects while nobody listens', async () => {
    const server = await fakeSyslog({ transport: 'tcp' })
    await server.close()
    await expect(towards(server).send(one(), forever())).rejects.toThrow('ECONNREFUSED')
  })

  it('holds where the certificate is not believed', async () => {
    const server = await serve({ transport: 'tcp', tls: selfSigned() })
    expect(await towards(server, { transport: 'tls' }).send(one(), forever())).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('not believed'),
    })
  })

  it('rejects for a path where no socket is', async () => {
    const to = towards({ port: 0 }, { transport: 'unix', path: join(tmpdir(), 'spoor-no-such.sock') })
    await expect(to.send(one(), forever())).rejects.toThrow('ENOENT')
  })
})

describe('over UDP', () => {
  it('refuses a message that no datagram holds, and sends the others', async () => {
    const server = await serve({ transport: 'udp' })
    const to = towards(server, { transport: 'udp', maxMessageBytes: 100_000 })
    const records = [shipped({ msg: 'a' }), shipped({ msg: 'x'.repeat(70_000) }, 1), shipped({ msg: 'b' }, 2)]
    expect(await to.send(records, forever())).toMatchObject({
      kind: 'partly',
      refused: [{ index: 1, reason: expect.stringContaining('EMSGSIZE') }],
    })
    await server.received(2)
    expect(server.messages.map(({ msg }) => JSON.parse(msg).msg)).toEqual(['a', 'b'])
  })

  it('hears of a closed port and works once somebody listens there', async () => {
    const gone = await fakeSyslog({ transport: 'udp' })
    await gone.close()
    const to = towards(gone, { transport: 'udp' })
    const heard = async (): Promise<unknown> => {
      for (;;) {
        const failure = await to.send(one(), forever()).catch((error) => error)
        if (failure instanceof Error) return failure.message
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expect(await heard()).toContain('ECONNREFUSED')
  })

  it('cuts to 2048 bytes by default', async () => {
    const server = await serve({ transport: 'udp' })
    await towards(server, { transport: 'udp' }).send([shipped({ msg: 'x'.repeat(5000) })], forever())
    await server.received(1)
    expect(server.messages[0]?.bytes).toBe(2048)
    expect(JSON.parse(server.messages[0]?.msg ?? '')).toMatchObject({ truncated: true })
  })
})

it.each([
  [{ facility: 24 }, 'facility'],
  [{ facility: 1.5 }, 'facility'],
  [{ maxMessageBytes: 479 }, 'maxMessageBytes'],
  [{ transport: 'unix' as const }, 'path'],
  [{ structuredData: { id: 'a b', keys: [] } }, 'structuredData.id'],
  [{ structuredData: { id: 'opentelemetry', keys: [] } }, 'structuredData.id'],
])('refuses the options %j', (options, name) => {
  expect(() => syslogDestination({ transport: 'tcp', ...options })).toThrow(`syslogDestination({ ${name} })`)
})

it('counts octets, not characters', () => {
  expect(Buffer.byteLength(syslogMessage(shipped({ msg: 'ü' }), FORMAT))).toBe(
    syslogMessage(shipped({ msg: 'ü' }), FORMAT).toString().length + 1,
  )
})
