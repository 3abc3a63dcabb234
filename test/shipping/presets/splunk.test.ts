import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { splunkPreset } from '../../../src/shipping/presets/splunk.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { anyAnswer } from '../fakes/answers.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { exchange, sendBy } from '../fakes/send.ts'
import { type FakeSplunk, fakeSplunk, splunkAnswer } from '../fakes/splunk.ts'

const TOKEN = '5f0c1b0e-hec-token'
const CHANNEL = '8c5d2f1e-0b7a-4c7e-9a51-0d4f6f0e2b11'
const numRuns = Number(process.env.SPOOR_RUNS ?? 300)

let splunk: FakeSplunk
beforeEach(async () => {
  splunk = await fakeSplunk({ token: TOKEN, indexes: ['main', 'audit'] })
})
afterEach(() => splunk.close())

const preset = (options = {}) =>
  splunkPreset({ url: splunk.url, token: TOKEN, labels: ['module'], ...options })
const judge = (answer: { status: number; body?: string | undefined }, options = {}, count = 3) =>
  preset(options).judge(
    { status: answer.status, headers: {}, body: answer.body ?? '' },
    Array.from({ length: count }, (_, i) => shipped({}, i)),
  )

describe('splunk', () => {
  it('brings every record as it was written, with time, host, source and indexed fields', async () => {
    const records = variedRecords(500)
    expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered' })
    expect(splunk.events).toHaveLength(500)
    for (const [i, { record, timeMs, id }] of records.entries()) {
      expect(splunk.events[i]).toEqual({
        time: timeMs / 1000,
        event: record,
        host: record.host,
        source: record.service,
        sourcetype: '_json',
        index: 'main',
        fields: { spoor_id: id, ...('module' in record ? { module: record.module } : {}) },
      })
    }
  })

  it('writes the line byte for byte, and the record where the line is no JSON object', async () => {
    const line = '{ "n":12345678901234567890, "severity":"INFO" }'
    const texts = [shippedLine(line), shippedLine('{torn'), shippedLine('[1]'), shippedLine('plain')]
    const { body } = preset().encode(texts)
    expect(body).toContain(`"event":${line},`)
    expect(await sendBy(preset(), texts)).toEqual({ kind: 'delivered' })
    expect(splunk.events.map(({ event }) => (event as { msg?: string }).msg)).toEqual([
      undefined,
      '{torn',
      '[1]',
      'plain',
    ])
  })

  it.each([
    [0, '0.000'],
    [1, '0.001'],
    [1_790_000_000_000, '1790000000.000'],
    [8.64e15, '8640000000000.000'],
  ])('writes the time %d without an exponent', (timeMs, text) => {
    const one: Shipped = { ...shippedLine('{"a":1}'), timeMs }
    expect(preset().encode([one]).body).toContain(`{"time":${text},`)
  })

  it('stays within what a request may hold when its own bounds are kept', async () => {
    const { maxBytes, maxCount } = preset()
    const line = (i: number) => shippedLine(`{"pad":"${'x'.repeat(maxBytes / maxCount - 20)}"}`, undefined, i)
    const records = Array.from({ length: maxCount }, (_, i) => line(i))
    expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered' })
    const three = Array.from({ length: 3 }, (_, i) => shipped({ pad: 'x'.repeat(400_000) }, i))
    expect(await sendBy(preset(), three)).toMatchObject({ kind: 'halve' })
  })

  it('gives the same bytes for the same records', () => {
    const records = variedRecords(50)
    expect(preset().encode(records)).toEqual(preset().encode(records))
  })

  it.each([
    ['no token', { token: undefined }, '401: Token is required'],
    ['a wrong token', { token: 'other' }, '403: Invalid token'],
    ['another scheme', { headers: { Authorization: 'Bearer x' } }, '401: Invalid authorization'],
    ['a token in the query', { url: (at: URL) => new URL('?token=x', at) }, '400: Query string'],
    [
      'the address of the health check',
      { url: (at: URL) => new URL('/services/collector/health', at) },
      '200: HEC',
    ],
    [
      'an address that is not there',
      { url: (at: URL) => new URL('/elsewhere', at) },
      '404: The requested URL',
    ],
    ['an index that the token may not write', { index: 'other' }, '400: Incorrect index'],
  ])('with %s it is held', async (_, options, reason) => {
    const { url } = options as { url?: (at: URL) => URL }
    const given = url === undefined ? options : { ...options, url: url(splunk.url) }
    expect(await sendBy(preset(given), [shipped({}), shipped({}, 1)])).toEqual({
      kind: 'hold',
      reason: expect.stringContaining(reason),
    })
  })

  it('asks for a channel where acknowledgement is on', async () => {
    const acking = await fakeSplunk({ token: TOKEN, useAck: true })
    const to = (channel?: string) => sendBy(preset({ url: acking.url, channel }), [shipped({})])
    expect(await to()).toMatchObject({ kind: 'hold', reason: '400: Data channel is missing' })
    expect(await to('mine')).toMatchObject({ kind: 'hold', reason: '400: Invalid data channel' })
    expect(await to(CHANNEL)).toEqual({ kind: 'delivered' })
    await acking.close()
  })

  it.each([true, false])(
    'refuses the one record that is named and loses no other (before it kept: %s)',
    async (keepsBefore) => {
      const strict = await fakeSplunk({ token: TOKEN, indexes: ['main'], keepsBefore })
      const records = variedRecords(9)
      const index = ({ id }: Shipped) => (id === records[4]?.id ? 'secret' : undefined)
      const to = preset({ url: strict.url, index })
      const verdict = await sendBy(to, records)
      expect(verdict).toEqual({
        kind: 'partly',
        refused: [{ index: 4, reason: '400: Incorrect index' }],
        retry: [0, 1, 2, 3, 5, 6, 7, 8],
        reason: '400: Incorrect index',
      })
      const again = records.filter((_, i) => i !== 4)
      expect(await sendBy(to, again)).toEqual({ kind: 'delivered' })
      expect(strict.deduplicated().map(({ fields }) => fields.spoor_id)).toEqual(again.map(({ id }) => id))
      await strict.close()
    },
  )

  it.each([
    [0, 'delivered'],
    [1, 'hold'],
    [2, 'hold'],
    [3, 'hold'],
    [4, 'hold'],
    [5, 'bisect'],
    [6, 'bisect'],
    [7, 'hold'],
    [8, 'retry'],
    [9, 'retry'],
    [10, 'hold'],
    [11, 'hold'],
    [12, 'bisect'],
    [13, 'bisect'],
    [14, 'hold'],
    [15, 'bisect'],
    [16, 'hold'],
    [17, 'hold'],
    [18, 'retry'],
    [19, 'retry'],
    [20, 'retry'],
    [21, 'hold'],
    [22, 'hold'],
    [23, 'retry'],
    [24, 'delivered'],
    [25, 'delivered'],
    [26, 'retry'],
    [27, 'retry'],
  ])('judges code %i as %s', async (code, kind) => {
    splunk.failNext(1, splunkAnswer(code))
    expect(await sendBy(preset(), [shipped({})])).toMatchObject({ kind })
  })

  it.each([6, 12, 13, 15])('takes the number of an event with code %i from 0, with code 7 from 1', (code) => {
    expect(judge(splunkAnswer(code, { 'invalid-event-number': 0 }))).toMatchObject({
      refused: [{ index: 0 }],
      retry: [1, 2],
    })
    const each = { index: () => 'main' }
    expect(judge(splunkAnswer(7, { 'invalid-event-number': 3 }), each)).toMatchObject({
      refused: [{ index: 2 }],
      retry: [0, 1],
    })
  })

  it.each([-1, 3, 1.5, '0', null])('bisects when the number is %j', (number) => {
    expect(judge(splunkAnswer(6, { 'invalid-event-number': number }))).toMatchObject({ kind: 'bisect' })
  })

  it('says that Splunk is near capacity, and how long it asks to be left alone', async () => {
    expect(judge(splunkAnswer(24))).toEqual({
      kind: 'delivered',
      warning: '200: Queue approaching capacity',
    })
    splunk.failNext(1, { ...splunkAnswer(26), headers: { 'retry-after': '3' } })
    expect(await sendBy(preset(), [shipped({})])).toMatchObject({ kind: 'retry', afterMs: 3000 })
  })

  it('believes no page, and no code 0 under an error', () => {
    expect(judge({ status: 200, body: '<!doctype html><title>Sign in' })).toMatchObject({ kind: 'hold' })
    expect(judge({ status: 503, body: '{"code":0}' })).toMatchObject({ kind: 'retry' })
    expect(judge({ status: 400, body: '{"code":0}' })).toMatchObject({ kind: 'bisect' })
    expect(judge({ status: 200 })).toEqual({ kind: 'delivered' })
    expect(judge({ status: 413, body: '{"code":6}' })).toMatchObject({ kind: 'halve' })
  })

  it('says the token in no verdict', async () => {
    const verdict = judge({ status: 502, body: `proxy: bad header authorization: Splunk ${TOKEN}` })
    expect(JSON.stringify(verdict)).not.toContain(TOKEN)
  })

  it('judges whatever is answered', () => {
    fc.assert(
      fc.property(anyAnswer, fc.nat(5), fc.boolean(), (answer, count, isIndexEach) => {
        const records = Array.from({ length: count }, (_, i) => shipped({}, i))
        const verdict = preset(isIndexEach ? { index: () => 'main' } : {}).judge(answer, records)
        expect(verdict).toHaveProperty('kind')
        if (verdict.kind !== 'partly') return
        const named = [...(verdict.retry ?? []), ...(verdict.refused ?? []).map(({ index }) => index)]
        expect(named.sort()).toEqual(records.map((_, i) => i))
      }),
      { numRuns },
    )
  })

  it('is refused by the fake with an exponent, as by Splunk', async () => {
    const { url, headers } = preset().encode([])
    const answer = await exchange({ url, headers, body: '{"time":1.79e9,"event":"x"}' })
    expect(preset().judge(answer, [shipped({})])).toMatchObject({ kind: 'partly', refused: [{ index: 0 }] })
  })
})
