import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { datadogPreset } from '../../../src/shipping/presets/datadog.ts'
import { anyAnswer } from '../fakes/answers.ts'
import { type FakeDatadog, fakeDatadog } from '../fakes/datadog.ts'
import { shipped, variedRecords } from '../fakes/records.ts'
import { exchange, sendBy } from '../fakes/send.ts'

const KEY = 'dd-api-key-of-a-test'
const NOW_MS = Date.UTC(2026, 10, 25, 21)
const numRuns = Number(process.env.SPOOR_RUNS ?? 300)

let datadog: FakeDatadog
beforeEach(async () => {
  datadog = await fakeDatadog(KEY, () => NOW_MS)
})
afterEach(() => datadog.close())

const preset = (options = {}) =>
  datadogPreset({ url: datadog.url, token: KEY, labels: ['module'], ...options })

const logOf = (fields: Record<string, unknown>) => {
  const [log] = JSON.parse(String(preset().encode([shipped(fields)]).body))
  return log as Record<string, unknown>
}

describe('datadog', () => {
  it('brings every record, with its fields under the names of Datadog', async () => {
    const records = variedRecords(500)
    expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered' })
    expect(datadog).toMatchObject({ truncated: 0, late: 0, requests: 1 })
    expect(datadog.logs.map((log) => log.spoor_id)).toEqual(records.map(({ id }) => id))
    for (const [i, { record, timeMs }] of records.entries()) {
      const log = datadog.logs[i] as Record<string, unknown>
      expect(log).toMatchObject({
        message: record.msg,
        status: record.level === 'fatal' ? 'critical' : record.level,
        service: record.service,
        timestamp: timeMs,
        ddsource: 'nodejs',
      })
      for (const key of ['request_id', 'trace_id', 'span_id', 'pid', 'order_id', 'fields', 'tags', 'version'])
        expect(log[key]).toEqual(record[key])
      expect(log.hostname).toBe(record.host)
      for (const key of ['time', 'level', 'msg', 'host']) expect(log).not.toHaveProperty(key)
      // The application's own words for what Datadog reserves.
      expect(log._message).toBe(record.message)
      expect(log._timestamp).toBe(record.timestamp)
      expect(log._status).toEqual(record.status)
    }
  })

  it('maps errors, durations and components', () => {
    const err = { type: 'TypeError', message: 'm', stack: 's', code: 'E1' }
    expect(logOf({ err, duration_ms: 1.5, component: 'db', user_id: 'u' })).toMatchObject({
      error: { kind: 'TypeError', message: 'm', stack: 's', code: 'E1' },
      duration: 1_500_000,
      'logger.name': 'db',
      'usr.id': 'u',
    })
  })

  it("takes HTTP's names for a request's completion only", () => {
    const completion = { method: 'GET', path: '/a', status: 200, outcome: 'completed' }
    expect(logOf(completion)).toMatchObject({
      'http.method': 'GET',
      'http.url_details.path': '/a',
      'http.status_code': 200,
      status: 'info',
    })
    expect(logOf({ status: 'shipped', path: 'x' })).toMatchObject({
      status: 'info',
      _status: 'shipped',
      path: 'x',
    })
  })

  it('tags env, version, region and the labels; a comma in a value begins no other tag', () => {
    const fields = { env: 'a,b', version: '1', region: 'eu west', module: 'store', other: 'x' }
    expect(logOf(fields).ddtags).toBe('env:a_b,version:1,region:eu_west,module:store')
    const [log] = JSON.parse(String(preset({ tags: ['team:x'] }).encode([shipped({})]).body))
    expect(log.ddtags).toBe('team:x')
  })

  it('leaves a field called __proto__ a field, and a message that is none an attribute', () => {
    expect(logOf(JSON.parse('{"__proto__":1,"msg":{"a":1}}'))).toEqual(
      expect.objectContaining({ ['__proto__']: 1, message: '', msg: { a: 1 } }),
    )
  })

  it('cuts a log that Datadog would cut without a word, and marks it', async () => {
    const large = shipped({ msg: 'small', err: { type: 'E', message: 'm', stack: 'ü'.repeat(600_000) } })
    expect(await sendBy(preset(), [large, shipped({ msg: 'next' }, 1)])).toEqual({ kind: 'delivered' })
    expect(datadog.truncated).toBe(0)
    const [cut, next] = datadog.logs
    expect(cut).toMatchObject({ truncated: true, message: 'small', error: { kind: 'E', message: 'm' } })
    expect(cut?.original_bytes).toBeGreaterThan(1_200_000)
    expect(Buffer.byteLength(JSON.stringify(cut))).toBeGreaterThan(999_000)
    expect(next).not.toHaveProperty('truncated')
  })

  it('stays within what a request may hold when its own bounds are kept', async () => {
    const { maxBytes, maxCount } = preset()
    const identity = { service: 'a-service', version: '1.2.3', env: 'production', region: 'eu-central-1' }
    const fields = { ...identity, host: 'web-1', module: 'store', component: 'db.pool', duration_ms: 1.25 }
    const room = maxBytes / maxCount - shipped({ ...fields, pad: '' }).bytes
    const records = Array.from({ length: maxCount }, (_, i) =>
      shipped({ ...fields, pad: 'x'.repeat(room) }, i),
    )
    expect(records.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(maxBytes)
    expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered' })
    expect(datadog.logs).toHaveLength(1000)
  })

  it('gives the same bytes for the same records', () => {
    const records = variedRecords(50)
    expect(preset().encode(records)).toEqual(preset().encode(records))
  })

  it('refuses nothing for its age that Datadog still takes', async () => {
    const { oldestMs = 0 } = preset()
    const old = shipped({ time: new Date(NOW_MS - oldestMs).toISOString() })
    await sendBy(preset(), [old])
    expect(datadog).toMatchObject({ late: 0, logs: { length: 1 } })
  })

  it.each([
    ['no key', { token: undefined }, 'hold', /^401: Unauthorized$/],
    ['a wrong key', { token: 'other' }, 'hold', /^403: Forbidden$/],
  ])('with %s it is held', async (_, options, kind, reason) => {
    expect(await sendBy(preset(options), [shipped({})])).toEqual({
      kind,
      reason: expect.stringMatching(reason),
    })
  })

  it('holds what goes to an address that is no intake', async () => {
    const url = new URL('/elsewhere', datadog.url)
    expect(await sendBy(preset({ url }), [shipped({})])).toMatchObject({ kind: 'hold' })
  })

  it('halves what is too large, and bisects what is too many or malformed', async () => {
    const { url, headers } = preset().encode([])
    const judge = async (body: string) => preset().judge(await exchange({ url, headers, body }), [])
    const log = JSON.stringify({ message: 'x'.repeat(900_000) })
    expect(await judge(`[${Array(6).fill(log).join(',')}]`)).toMatchObject({ kind: 'halve' })
    expect(await judge(`[${Array(1001).fill('{"message":""}').join(',')}]`)).toMatchObject({ kind: 'bisect' })
    expect(await judge('[{"message":1}]')).toMatchObject({
      kind: 'bisect',
      reason: '400: A log must have a message',
    })
  })

  it.each([
    [408, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
    [413, 'halve'],
    [400, 'bisect'],
    [401, 'hold'],
    [403, 'hold'],
    [301, 'hold'],
    [418, 'refuse'],
  ])('judges %i as %s', async (status, kind) => {
    datadog.failNext(1, { status, headers: { 'retry-after': '7' } })
    const verdict = await sendBy(preset(), [shipped({})])
    expect(verdict).toMatchObject({ kind, ...(kind === 'retry' ? { afterMs: 7000 } : {}) })
    expect(await sendBy(preset(), [shipped({})])).toEqual({ kind: 'delivered' })
  })

  it('says the key in no verdict', () => {
    const body = `proxy: cannot forward dd-api-key: ${KEY}`
    const verdict = preset().judge({ status: 502, headers: {}, body }, [])
    expect(JSON.stringify(verdict)).not.toContain(KEY)
  })

  it('judges whatever is answered', () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        expect(preset().judge(answer, [shipped({})])).toHaveProperty('kind')
      }),
      { numRuns },
    )
  })
})
