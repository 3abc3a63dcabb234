import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lokiPreset } from '../../../src/shipping/presets/loki.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { numRuns } from './verdicts.ts'

const url = new URL('https://loki.example:3100')
const preset = (options = {}) => lokiPreset({ url, labels: ['miniapp', 'module'], ...options })

interface Stream {
  stream: Record<string, string>
  values: [string, string, Record<string, string>?][]
}

function streamOf(records: readonly Shipped[], options = {}): Stream {
  const { streams } = JSON.parse(String(preset(options).encode(records).body)) as { streams: Stream[] }
  expect(streams).toHaveLength(1)
  return streams[0] as Stream
}

const FULL = {
  time: '2026-11-25T20:00:00.123Z',
  level: 'warn',
  msg: 'slow "query"',
  service: 'shop',
  version: '1.2.3-abc',
  env: 'production',
  region: 'eu-west-1',
  host: 'web-1',
  pid: 77,
  machine_id: 'm-1',
  miniapp: 'shop',
  module: 'store',
  component: 'db.pool',
  request_id: 'r-1',
  user_id: 42,
  session_id: 's',
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  span_id: 'b7ad6b7169203331',
  trace_flags: '01',
}

describe('a push', () => {
  it('has the line byte for byte, its labels, its metadata, its time in ns', () => {
    const record = shipped(FULL, 7)
    expect(streamOf([record])).toEqual({
      stream: {
        service_name: 'shop',
        env: 'production',
        region: 'eu-west-1',
        instance: 'm-1',
        miniapp: 'shop',
        module: 'store',
      },
      values: [
        [
          '1795636800123000007',
          record.line,
          {
            level: 'warn',
            request_id: 'r-1',
            trace_id: FULL.trace_id,
            span_id: FULL.span_id,
            user_id: '42',
          },
        ],
      ],
    })
  })

  it('goes to the push API, with the tenant and the token', () => {
    const { url: to, headers, method } = preset({ tenant: 'team-a', token: 'glc_1' }).encode([shipped(FULL)])
    expect({ to, method }).toEqual({ to: 'https://loki.example:3100/loki/api/v1/push', method: undefined })
    expect(headers).toEqual({
      'content-type': 'application/json',
      'x-scope-orgid': 'team-a',
      authorization: 'Bearer glc_1',
    })
  })

  it('is without metadata where that is asked', () => {
    const record = shipped(FULL)
    expect(streamOf([record], { metadata: false }).values).toEqual([['1795636800123000000', record.line]])
  })

  it('has its entries oldest first, in the order of writing within a millisecond', () => {
    const at = (ms: number, nth: number) => shippedLine(`{"n":${nth}}`, ms, nth)
    const { values } = streamOf([at(5, 1), at(3, 2), at(5, 0), at(4, 3)])
    expect(values.map(([time]) => time)).toEqual(['3000002', '4000003', '5000000', '5000001'])
  })

  it('gives the same bytes again, and never more metadata than texts', () => {
    const records = variedRecords(300)
    expect(preset().encode(records)).toEqual(preset().encode(records))
    for (const [, , metadata] of streamOf(records).values) {
      for (const value of Object.values(metadata ?? {})) expect(typeof value).toBe('string')
    }
  })
})

describe('labels', () => {
  const labelsOf = (fields: Record<string, unknown>, options = {}) =>
    streamOf([shipped(fields)], options).stream

  it.each([
    ['a record that says nothing of itself', {}, { service_name: 'unknown_service' }],
    [
      'a worker with its host',
      { worker_id: '2', host: 'h' },
      { service_name: 'unknown_service', instance: 'h/2' },
    ],
    ['a label that is no text', { service: 'a', module: { x: 1 } }, { service_name: 'a' }],
    ['a label that is a number', { service: 'a', module: 7 }, { service_name: 'a', module: '7' }],
    ['an empty label', { service: 'a', module: '', env: '' }, { service_name: 'a' }],
  ])('%s', (_name, fields, labels) => {
    expect(labelsOf(fields)).toEqual(labels)
  })

  it('have names that Prometheus allows, and never take the place of another', () => {
    const labels = ['a.b-c', '1st', '__x', 'env', 'service_name', 'ключ']
    const fields = { ...Object.fromEntries(labels.map((key) => [key, key])), env: 'e', service: 's' }
    expect(labelsOf(fields, { labels })).toEqual({
      service_name: 's',
      env: 'e',
      a_b_c: 'a.b-c',
      _1st: '1st',
      _x: '__x',
      _: 'ключ',
    })
  })

  it('are fifteen at most, and short', () => {
    const labels = Array.from({ length: 20 }, (_, i) => `l${i}`)
    const fields = Object.fromEntries(labels.map((key) => [key, `a${'💥'.repeat(5000)}`]))
    const stream = labelsOf({ service: 's', ...fields }, { labels })
    expect(Object.keys(stream)).toHaveLength(15)
    expect(stream.l0).toBe(`a${'💥'.repeat(255)}`)
  })

  it('make the group, and nothing else does', () => {
    const group = (fields: Record<string, unknown>) => preset().group?.(shipped({ ...FULL, ...fields }))
    for (const key of ['request_id', 'user_id', 'trace_id', 'pid', 'version', 'level', 'msg', 'component'])
      expect(group({ [key]: 'other' })).toBe(group({}))
    for (const key of ['service', 'env', 'region', 'machine_id', 'miniapp'])
      expect(group({ [key]: 'other' })).not.toBe(group({}))
  })

  it('of a record are those of its group, whatever is in it', () => {
    const records = variedRecords(200)
    fc.assert(
      fc.property(fc.constantFrom(...records), fc.constantFrom(...records), (a, b) => {
        const same = preset().group?.(a) === preset().group?.(b)
        expect(JSON.stringify(streamOf([a]).stream) === JSON.stringify(streamOf([b]).stream)).toBe(same)
      }),
      { numRuns },
    )
  })
})

it('stays below what Loki hands on inside', () => {
  expect(preset()).toMatchObject({
    name: 'loki',
    concurrency: 1,
    compression: 'gzip',
    maxBytes: 1024 * 1024,
    oldestMs: 604_500_000,
  })
})

it('cuts metadata that alone would be too large', () => {
  const [[, , metadata]] = streamOf([shipped({ user_id: 'u'.repeat(1e5) })]).values as [Stream['values'][0]]
  expect(metadata?.user_id).toBe('u'.repeat(1024))
})
