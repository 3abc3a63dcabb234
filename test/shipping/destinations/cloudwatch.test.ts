import { Buffer } from 'node:buffer'
import { hostname } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CloudWatchOptions,
  cloudwatchDestination,
} from '../../../src/shipping/destinations/cloudwatch.ts'
import { type FakeCloudWatch, fakeCloudWatch, serviceError } from '../fakes/cloudwatch.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const NOW_MS = Date.UTC(2026, 10, 25, 21)
const HOUR_MS = 3_600_000
const DELIVERED = { kind: 'delivered' }
const forever = () => new AbortController().signal

const service = (options = {}) =>
  fakeCloudWatch({ now: () => NOW_MS, groups: { shop: ['web-1'] }, ...options })
const towards = (client: FakeCloudWatch, options: Partial<CloudWatchOptions> = {}) =>
  cloudwatchDestination({ logGroup: 'shop', logStream: 'web-1', client, ...options })
const at = (hours: number, nth = 0) =>
  shipped({ time: new Date(NOW_MS + hours * HOUR_MS).toISOString(), nth }, nth)
const stored = (client: FakeCloudWatch, name = 'shop:web-1') => client.streams.get(name) ?? []

describe('cloudwatch', () => {
  it('brings every line at its time', async () => {
    const client = service()
    const records = variedRecords(500)
    expect(await towards(client).send(records, forever())).toEqual(DELIVERED)
    expect(stored(client)).toEqual(records.map(({ line, timeMs }) => ({ timestamp: timeMs, message: line })))
  })

  it('sorts by time, those of one millisecond as they were written', async () => {
    const client = service()
    const records = [at(0, 0), at(-1, 1), at(0, 2), at(-2, 3), at(-1, 4)]
    expect(await towards(client).send(records, forever())).toEqual(DELIVERED)
    expect(stored(client).map(({ message }) => JSON.parse(message).nth)).toEqual([3, 1, 4, 0, 2])
  })

  it('has batches of one day each, so that none spans more than 24 hours', () => {
    const { group } = towards(service())
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), fc.integer({ min: -72, max: 72 }), (date, hours) => {
        const one = { ...shipped({}), timeMs: date.getTime() }
        const other = { ...one, timeMs: date.getTime() + hours * HOUR_MS }
        const span = Math.abs(Math.max(one.timeMs, 0) - Math.max(other.timeMs, 0))
        if (group?.(one) === group?.(other)) expect(span).toBeLessThan(24 * HOUR_MS)
      }),
      { numRuns },
    )
  })

  it('takes no record for older than CloudWatch does', async () => {
    const client = service()
    const { oldestMs = 0 } = towards(client)
    expect(await towards(client).send([at(-oldestMs / HOUR_MS)], forever())).toEqual(DELIVERED)
  })

  it('refuses the very records that CloudWatch rejects for their time', async () => {
    const client = service({ retentionDays: 0.25 })
    const records = [at(3, 0), at(0, 1), at(-7, 2), at(-1, 3), at(2.5, 4), at(-8, 5)]
    const verdict = await towards(client).send(records, forever())
    const expired = 'older than the log group keeps'
    const future = 'more than 2 hours in the future'
    expect(verdict).toEqual({
      kind: 'partly',
      reason: 'CloudWatch rejected 4 for their time',
      refused: [
        { index: 5, reason: expired },
        { index: 2, reason: expired },
        { index: 4, reason: future },
        { index: 0, reason: future },
      ],
    })
    expect(stored(client).map(({ message }) => JSON.parse(message).nth)).toEqual([3, 1])
    const old = [at(-24 * 15, 0)]
    expect(await towards(service()).send(old, forever())).toMatchObject({
      refused: [{ index: 0, reason: 'older than 14 days' }],
    })
  })

  it('stays within a request when its own bounds are kept, and halves what does not', async () => {
    const client = service()
    const { maxBytes, maxCount } = towards(client)
    const pad = 'x'.repeat(Math.floor(maxBytes / maxCount) - 10)
    const records = (count: number) =>
      Array.from({ length: count }, (_, i) => shippedLine(`{"p":"${pad}"}`, NOW_MS, i))
    expect(await towards(client).send(records(maxCount), forever())).toEqual(DELIVERED)
    const calls = client.calls.length
    expect(await towards(client).send(records(maxCount * 2), forever())).toMatchObject({ kind: 'halve' })
    expect(client.calls).toHaveLength(calls)
  })

  it('cuts a message that is too long, and marks it', async () => {
    const client = service()
    const long = shipped({ msg: 'm', err: { stack: 'ü'.repeat(700_000) } })
    expect(await towards(client).send([long], forever())).toEqual(DELIVERED)
    const [{ message } = { message: '' }] = stored(client)
    expect(Buffer.byteLength(message)).toBeGreaterThan(1_048_000)
    expect(JSON.parse(message)).toMatchObject({ truncated: true, msg: 'm' })
  })

  it('takes what is odd: an empty line, text, a time before 1970', async () => {
    const client = service({ now: () => 0 })
    const records = [
      shippedLine('', 0),
      shippedLine('plain', -5, 1),
      { ...shippedLine('{}', 0, 2), timeMs: 0.5 },
    ]
    expect(await towards(client).send(records, forever())).toEqual(DELIVERED)
    expect(stored(client).map(({ message }) => message)).toEqual(['{"level":"info","msg":""}', 'plain', '{}'])
  })
})

describe('a stream that is not there', () => {
  it('is made once', async () => {
    const client = service({ groups: { shop: [] } })
    const to = towards(client)
    expect(await to.send([at(0)], forever())).toEqual(DELIVERED)
    expect(await to.send([at(0)], forever())).toEqual(DELIVERED)
    expect(client.calls).toEqual(['putLogEvents', 'createLogStream', 'putLogEvents', 'putLogEvents'])
  })

  it('is made by somebody else meanwhile', async () => {
    const client = service({ groups: { shop: [] } })
    const verdicts = await Promise.all(
      [at(0), at(0), at(0)].map((one) => towards(client).send([one], forever())),
    )
    expect(verdicts).toEqual([DELIVERED, DELIVERED, DELIVERED])
  })

  it("is held where the group isn't there, unless it may be made", async () => {
    const client = service({ groups: {} })
    expect(await towards(client).send([at(0)], forever())).toEqual({
      kind: 'hold',
      reason: 'there is no log group shop: create it, or set createGroup to true',
    })
    expect(await towards(client, { createGroup: true }).send([at(0)], forever())).toEqual(DELIVERED)
    expect(stored(client)).toHaveLength(1)
  })

  it('may not be made', async () => {
    const client = service({ groups: { shop: [] } })
    const to = towards({
      ...client,
      createLogStream: () => Promise.reject(serviceError('AccessDeniedException', 400, 'not authorized')),
    })
    expect(await to.send([at(0)], forever())).toEqual({
      kind: 'hold',
      reason: 'AccessDeniedException: not authorized',
    })
  })

  it('is called after the host', async () => {
    const client = service()
    const to = cloudwatchDestination({ logGroup: 'shop', client })
    expect(await to.send([at(0)], forever())).toEqual(DELIVERED)
    expect(stored(client, `shop:${hostname()}`)).toHaveLength(1)
  })
})

describe('an error', () => {
  it.each([
    ['ThrottlingException', 400, 'retry'],
    ['ServiceUnavailableException', 500, 'retry'],
    ['InternalFailure', 500, 'retry'],
    ['SomethingNewException', 503, 'retry'],
    ['SomethingNewException', 429, 'retry'],
    ['OperationAbortedException', 400, 'retry'],
    ['InvalidSequenceTokenException', 400, 'retry'],
    ['UnrecognizedClientException', 400, 'hold'],
    ['AccessDeniedException', 400, 'hold'],
    ['ExpiredTokenException', 400, 'hold'],
    ['InvalidSignatureException', 400, 'hold'],
    ['SomethingNewException', 400, 'hold'],
    ['InvalidParameterException', 400, 'bisect'],
    ['SerializationException', 400, 'bisect'],
    ['RequestEntityTooLargeException', 413, 'halve'],
    ['SomethingNewException', 413, 'halve'],
    ['DataAlreadyAcceptedException', 400, 'delivered'],
  ])('%s with %i: %s', async (name, status, kind) => {
    const client = service()
    client.failNext(1, serviceError(name, status))
    expect(await towards(client).send([at(0)], forever())).toMatchObject({ kind })
  })

  it.each(['CredentialsProviderError', 'Region is missing'])(
    '%s is held, though it came from no server',
    async (what) => {
      const client = service()
      client.failNext(1, Object.assign(new Error(what), what.endsWith('Error') ? { name: what } : {}))
      expect(await towards(client).send([at(0)], forever())).toMatchObject({ kind: 'hold' })
    },
  )

  it('of the network is no answer, and neither is the signal', async () => {
    const client = service()
    client.failNext(1, Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))
    await expect(towards(client).send([at(0)], forever())).rejects.toThrow('socket hang up')
    const stop = AbortSignal.abort(new Error('time-out'))
    await expect(towards(client).send([at(0)], stop)).rejects.toThrow('time-out')
  })

  it('of a batch that CloudWatch takes no part of is bisected', async () => {
    const records = [at(-20), at(20)]
    expect(await towards(service()).send(records, forever())).toMatchObject({
      kind: 'bisect',
      reason: expect.stringContaining('24 hours'),
    })
  })
})

it('says what to install where the SDK is not', async () => {
  const to = cloudwatchDestination({ logGroup: 'shop', region: 'eu-central-1' })
  expect(await to.send([at(0)], forever())).toEqual({
    kind: 'hold',
    reason: expect.stringContaining('install it, or give its client'),
  })
  await to.close?.()
})

it.each([
  [{ logGroup: '' }, 'logGroup'],
  [{ logGroup: 'a b' }, 'logGroup'],
  [{ logGroup: 'a', logStream: 'x:y' }, 'logStream'],
])('refuses the options %j', (options, name) => {
  expect(() => cloudwatchDestination(options)).toThrow(`cloudwatchDestination({ ${name} })`)
})
