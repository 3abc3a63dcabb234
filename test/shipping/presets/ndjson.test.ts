import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ndjsonPreset } from '../../../src/shipping/presets/ndjson.ts'
import { anyAnswer } from '../fakes/answers.ts'
import { type FakeNdjson, fakeNdjson } from '../fakes/ndjson.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { exchange, sendBy } from '../fakes/send.ts'

const TOKEN = 'secret-token'
const numRuns = Number(process.env.SPOOR_RUNS ?? 300)

let receiver: FakeNdjson
beforeEach(async () => {
  receiver = await fakeNdjson(TOKEN)
})
afterEach(() => receiver.close())

const preset = (options = {}) =>
  ndjsonPreset({ url: new URL('/in?x=1', receiver.url), token: TOKEN, ...options })

describe('ndjson', () => {
  it('brings every line byte for byte', async () => {
    const odd = ['{ "a" : 1.0 }', '{"n":12345678901234567890}', '{"t":"\\u00fc\\ud800 \u2028"}', '{}\r']
    const records = [...variedRecords(500), ...odd.map((line, i) => shippedLine(line, undefined, 500 + i))]
    expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered' })
    expect(receiver.lines).toEqual(records.map(({ line }) => line))
  })

  it('brings them as an array too', async () => {
    const records = variedRecords(500)
    for (const compression of ['gzip', 'none'])
      expect(await sendBy(preset({ layout: 'array', compression }), records)).toEqual({ kind: 'delivered' })
    const expected = records.map(({ record }) => record)
    expect(receiver.records).toEqual([...expected, ...expected])
  })

  it.each(['lines', 'array'])('makes a record of text that is no JSON object (%s)', async (layout) => {
    const texts = ['plain', '{torn', '[1]', '{"a":1}', '', 'null', '"x"']
    const records = texts.map((line, i) => shippedLine(line, undefined, i))
    expect(await sendBy(preset({ layout }), records)).toEqual({ kind: 'delivered' })
    expect(receiver.records).toEqual(records.map(({ record }) => record))
  })

  it('sends where it is told, with the headers that it is told', () => {
    expect(preset({ headers: { 'X-Scope': 'a', Authorization: 'Basic x' } }).encode([shipped({})])).toEqual({
      url: new URL('/in?x=1', receiver.url).href,
      headers: { 'content-type': 'application/x-ndjson', 'x-scope': 'a', authorization: 'Basic x' },
      body: `${shipped({}).line}\n`,
    })
    expect(preset({ contentType: 'application/jsonl' }).encode([]).headers).toMatchObject({
      'content-type': 'application/jsonl',
    })
  })

  it('holds with a wrong token, and with a type that the receiver does not take', async () => {
    expect(await sendBy(preset({ token: 'other' }), [shipped({})])).toMatchObject({ kind: 'hold' })
    expect(await sendBy(preset({ contentType: 'text/plain' }), [shipped({})])).toMatchObject({ kind: 'hold' })
  })

  it('halves what is too large, and stays below it when its own bounds are kept', async () => {
    const line = `{"pad":"${'x'.repeat(1_000_000)}"}`
    const records = (count: number) =>
      Array.from({ length: count }, (_, i) => shippedLine(line, undefined, i))
    expect(await sendBy(preset(), records(5))).toMatchObject({ kind: 'halve' })
    const most = Math.floor(preset().maxBytes / Buffer.byteLength(line))
    expect(await sendBy(preset(), records(most))).toEqual({ kind: 'delivered' })
  })

  it('bisects what the receiver can not read', async () => {
    const { url, headers } = preset().encode([])
    const answer = await exchange({ url, headers, body: '{"a":1}\n{torn\n' })
    expect(preset().judge(answer, [])).toEqual({ kind: 'bisect', reason: '400: error: invalid payload' })
  })

  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [302, 'hold'],
    [400, 'bisect'],
    [401, 'hold'],
    [403, 'hold'],
    [404, 'hold'],
    [405, 'hold'],
    [408, 'retry'],
    [413, 'halve'],
    [415, 'hold'],
    [422, 'bisect'],
    [425, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [501, 'refuse'],
    [502, 'retry'],
    [503, 'retry'],
    [504, 'retry'],
  ])('judges %i as %s', async (status, kind) => {
    receiver.failNext(1, { status })
    expect(await sendBy(preset(), [shipped({})])).toMatchObject({ kind })
  })

  it('judges whatever is answered', () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        expect(preset().judge(answer, [])).toHaveProperty('kind')
      }),
      { numRuns },
    )
  })
})
