import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Destination } from '../../../src/shipping/destination.ts'
import { type FluentdOptions, fluentdDestination } from '../../../src/shipping/destinations/fluentd.ts'
import { selfSigned } from '../../support/certificate.ts'
import { type FakeForward, type FakeForwardOptions, fakeForward } from '../fakes/forward.ts'
import { shipped, variedRecords } from '../fakes/records.ts'

let opened: { close?(): Promise<void> }[] = []
beforeEach(() => {
  opened = []
})
afterEach(async () => {
  for (const one of opened) await one.close?.()
})

async function serve(options?: FakeForwardOptions): Promise<FakeForward> {
  const server = await fakeForward(options)
  opened.push(server)
  return server
}

function towards(server: FakeForward, options: FluentdOptions = {}): Destination {
  const destination = fluentdDestination({ port: server.port, ...options })
  opened.unshift(destination)
  return destination
}

const forever = () => new AbortController().signal
const DELIVERED = { kind: 'delivered' }
const one = (i = 0) => [shipped({ msg: `m${i}` }, i)]
/** MessagePack holds text as UTF-8, which has no half pairs. */
const asUtf8 = (value: unknown) => JSON.parse(JSON.stringify(value).replace(/\\ud[89a-f]../g, '\ufffd'))

/** Sends, and stops waiting once the server has stored the batch. */
async function sendUntilStored(to: Destination, server: FakeForward, records = one()) {
  const stop = new AbortController()
  const sent = to.send(records, stop.signal)
  sent.catch(() => {})
  await server.stored(server.chunks.length + 1)
  stop.abort(new Error('time-out'))
  return sent
}

describe.each([false, true])('forward (gzip: %s)', (gzip) => {
  it('brings every record with its time to the ns', async () => {
    const server = await serve()
    const records = variedRecords(500)
    const to = towards(server, { gzip })
    expect(await to.send(records.slice(0, 300), forever())).toEqual(DELIVERED)
    expect(await to.send(records.slice(300), forever())).toEqual(DELIVERED)
    expect(server).toMatchObject({ complaints: [], connections: 1, chunks: { length: 2 } })
    expect(server.events).toEqual(
      records.map(({ record, timeMs, nth, id }) => ({
        tag: 'spoor',
        timeNs: BigInt(timeMs) * 1_000_000n + BigInt(nth),
        record: { ...asUtf8(record), spoor_id: id },
      })),
    )
  })
})

describe('the acknowledgement', () => {
  it('that never comes is no yes; sent again it has the same chunk', async () => {
    const server = await serve()
    server.failNext('no ack')
    const to = towards(server)
    await expect(sendUntilStored(to, server)).rejects.toThrow('time-out')
    expect(await to.send(one(), forever())).toEqual(DELIVERED)
    expect(server.chunks).toHaveLength(2)
    expect(new Set(server.chunks).size).toBe(1)
    expect(server.connections).toBe(2)
  })

  it('of another chunk is no yes', async () => {
    const server = await serve()
    server.failNext('wrong ack')
    await expect(sendUntilStored(towards(server), server)).rejects.toThrow('time-out')
  })

  it.each(['reset after', 'reset within', 'garbage'] as const)('is not there after: %s', async (failure) => {
    const server = await serve()
    server.failNext(failure)
    const to = towards(server)
    const large = Array.from({ length: 200 }, (_, i) => shipped({ pad: 'x'.repeat(10_000) }, i))
    await expect(to.send(large, forever())).rejects.toThrow()
    expect(await to.send(large, forever())).toEqual(DELIVERED)
    expect(new Set(server.events.map(({ record }) => record.spoor_id)).size).toBe(200)
    expect(server.complaints).toEqual([])
  })

  it('is each chunk its own when several are in flight', async () => {
    const server = await serve()
    server.failNext('no ack', 'no ack', 'no ack')
    const to = towards(server, { concurrency: 4 })
    const verdicts = [0, 1, 2, 3].map((i) => to.send(one(i), forever()))
    expect(await verdicts[3]).toEqual(DELIVERED)
    await server.stored(4)
    expect(await Promise.race([...verdicts.slice(0, 3), 'none'])).toBe('none')
    server.acknowledgeAll()
    expect(await Promise.all(verdicts)).toEqual([DELIVERED, DELIVERED, DELIVERED, DELIVERED])
    expect(server.connections).toBe(1)
  })
})

describe('the connection', () => {
  it('is made anew when the server has closed it', async () => {
    const server = await serve()
    const to = towards(server)
    expect(await to.send(one(), forever())).toEqual(DELIVERED)
    server.disconnect()
    // Whether the end is seen before or after the next chunk is written, nothing is lost.
    const again = await to.send(one(1), forever()).catch(() => to.send(one(1), forever()))
    expect(again).toEqual(DELIVERED)
    expect(server.connections).toBe(2)
  })

  it('rejects while nobody listens, and works once somebody does', async () => {
    const server = await fakeForward()
    await server.close()
    const to = fluentdDestination({ port: server.port })
    await expect(to.send(one(), forever())).rejects.toThrow('ECONNREFUSED')
    await expect(to.send(one(), AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  })

  it('runs over a unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spoor-forward-'))
    const path = join(directory, 'forward.sock')
    const server = await serve({ path })
    expect(await towards(server, { path }).send(one(), forever())).toEqual(DELIVERED)
    expect(server.events).toHaveLength(1)
    rmSync(directory, { recursive: true })
  })

  it('runs over TLS, and holds where the certificate is not believed', async () => {
    const tls = selfSigned()
    const server = await serve({ tls, sharedKey: 'k' })
    const to = (options: FluentdOptions['tls']) => towards(server, { tls: options, sharedKey: 'k' })
    expect(await to({ ca: tls.cert }).send(one(), forever())).toEqual(DELIVERED)
    const unbelieved = { kind: 'hold', reason: expect.stringContaining('certificate is not believed') }
    expect(await to(true).send(one(), forever())).toEqual(unbelieved)
    expect(await to({ ca: tls.cert, servername: 'x.test' }).send(one(), forever())).toEqual(unbelieved)
    expect(server.events).toHaveLength(1)
  })
})

describe('the handshake', () => {
  const users = { ann: 'pass', bob: 'other' }

  it('proves the key on both sides', async () => {
    const server = await serve({ sharedKey: 'the key' })
    const to = towards(server, { sharedKey: 'the key', hostname: 'web-1' })
    expect(await to.send(one(), forever())).toEqual(DELIVERED)
    expect(await to.send(one(1), forever())).toEqual(DELIVERED)
    expect(server).toMatchObject({ connections: 1, complaints: [] })
  })

  it('takes a nonce that is a str and no text', async () => {
    const server = await serve({ sharedKey: 'k', isNonceText: true })
    expect(await towards(server, { sharedKey: 'k' }).send(one(), forever())).toEqual(DELIVERED)
  })

  it('gives name and password where they are asked for', async () => {
    const server = await serve({ sharedKey: 'k', users })
    const as = (username?: string, password?: string) =>
      towards(server, { sharedKey: 'k', username, password }).send(one(), forever())
    expect(await as('ann', 'pass')).toEqual(DELIVERED)
    for (const [username, password] of [
      ['ann', 'other'],
      ['eve', 'pass'],
      [undefined, undefined],
    ] as const)
      expect(await as(username, password)).toMatchObject({
        kind: 'hold',
        reason: expect.stringContaining('username/password mismatch'),
      })
    expect(server.events).toHaveLength(1)
  })

  it('keeps a name to itself where none is asked for', async () => {
    const server = await serve({ sharedKey: 'k' })
    const to = towards(server, { sharedKey: 'k', username: 'ann', password: 'pass' })
    expect(await to.send(one(), forever())).toEqual(DELIVERED)
  })

  it('holds with a wrong key, and says it nowhere', async () => {
    const server = await serve({ sharedKey: 'right-key' })
    const verdict = await towards(server, { sharedKey: 'wrong-key' }).send(one(), forever())
    expect(verdict).toMatchObject({ kind: 'hold', reason: expect.stringContaining('shared_key mismatch') })
    expect(JSON.stringify(verdict)).not.toContain('wrong-key')
    expect(server.events).toEqual([])
  })

  it('sends nothing to a server that lets everybody in and does not know the key', async () => {
    const server = await serve({ sharedKey: 'k', provenKey: 'guessed' })
    expect(await towards(server, { sharedKey: 'k' }).send(one(), forever())).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('does not know the shared key'),
    })
    expect(server.events).toEqual([])
  })

  it('holds when the server asks for a key and there is none', async () => {
    const server = await serve({ sharedKey: 'k' })
    const verdict = { kind: 'hold', reason: expect.stringContaining('set sharedKey') }
    expect(await towards(server).send(one(), forever())).toEqual(verdict)
  })

  it('says what it waited for when the server never greets', async () => {
    const server = await serve({ sharedKey: 'k', isMute: true })
    const stop = new AbortController()
    const sent = towards(server, { sharedKey: 'k' }).send(one(), stop.signal)
    sent.catch(() => {})
    while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    await expect(sent).rejects.toThrow(/no HELO came|aborted/)
  })

  it('connects for each message where the server wants that', async () => {
    const server = await serve({ sharedKey: 'k', keepalive: false })
    const to = towards(server, { sharedKey: 'k' })
    for (let i = 0; i < 3; i++) expect(await to.send(one(i), forever())).toEqual(DELIVERED)
    expect(server).toMatchObject({ connections: 3, events: { length: 3 } })
  })
})

it('groups by its tag', async () => {
  const server = await serve()
  const to = towards(server, { tag: ({ record }) => `app.${record.level}` })
  const record = shipped({ level: 'warn' })
  expect(to.group?.(record)).toBe('app.warn')
  await to.send([record], forever())
  expect(server.events[0]?.tag).toBe('app.warn')
})

it.each([
  [-1, 0n],
  [0, 0n],
  [1.5, 1_000_000n],
  [8.64e15, 4_294_967_295_000_000_000n],
])('writes a time of %d ms as one that EventTime can say', async (timeMs, timeNs) => {
  const server = await serve()
  await towards(server).send([{ ...shipped({}), timeMs }], forever())
  expect(server.complaints).toEqual([])
  const { timeNs: said = 0n } = server.events[0] ?? {}
  expect(said / 1_000_000_000n).toBe(timeNs / 1_000_000_000n)
})
