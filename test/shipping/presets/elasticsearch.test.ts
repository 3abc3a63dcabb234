import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { elasticsearchPreset } from '../../../src/shipping/presets/elasticsearch.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { parseStrict } from '../../support/strict-json.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { answer, answersLike, expectSound, numRuns } from './verdicts.ts'

const url = new URL('https://elastic.example:9200')
const preset = (options = {}) => elasticsearchPreset({ url, labels: ['module'], ...options })

function linesOf(records: readonly Shipped[], options = {}): Record<string, unknown>[] {
  const body = String(preset(options).encode(records).body)
  expect(body.endsWith('\n')).toBe(true)
  return body
    .slice(0, -1)
    .split('\n')
    .map((line) => parseStrict(line))
}

const documentOf = (fields: Record<string, unknown>, options = {}, nth = 0) =>
  linesOf([shipped(fields, nth)], options)[1] as Record<string, unknown>

describe('a bulk request', () => {
  it('creates each record under its id, as it is but for @timestamp', () => {
    const records = variedRecords(300)
    const lines = linesOf(records)
    expect(lines).toHaveLength(600)
    for (const [i, { id, record, timeMs }] of records.entries()) {
      expect(lines[2 * i]).toEqual({ create: { _index: 'logs-spoor-default', _id: id } })
      const { time, ...rest } = record
      const { '@timestamp': timestamp, ...own } = lines[2 * i + 1] as Record<string, unknown>
      expect(own).toEqual(rest)
      expect(Date.parse(timestamp as string)).toBe(timeMs)
    }
  })

  it('goes to _bulk, and asks for what the verdict needs alone', () => {
    const { url: to, headers } = preset().encode([shipped({})])
    expect(to).toBe(
      'https://elastic.example:9200/_bulk?filter_path=errors%2Citems.*.status%2Citems.*.error.type%2Citems.*.error.reason',
    )
    expect(headers).toEqual({ 'content-type': 'application/x-ndjson' })
    const own = preset({ url: new URL('https://e.example/es/_bulk?filter_path=x&pipeline=p') })
    expect(own.encode([]).url).toBe('https://e.example/es/_bulk?filter_path=x&pipeline=p')
  })

  it.each([
    ['an encoded API key', { token: 'VnVhQ2ZHY0JDZGJrUW0' }, 'ApiKey VnVhQ2ZHY0JDZGJrUW0'],
    ['an API key with its id', { token: 'id1:key1' }, `ApiKey ${btoa('id1:key1')}`],
    ['a bearer token', { token: 'abc', authorization: 'bearer' }, 'Bearer abc'],
    ['user and password', { url: new URL('https://elastic:pw@e.example') }, `Basic ${btoa('elastic:pw')}`],
  ])('is authorised by %s', (_name, options, authorization) => {
    const request = preset(options).encode([])
    expect(request.headers.authorization).toBe(authorization)
    expect(request.url).not.toContain('pw')
  })

  it('keeps the order within a millisecond in @timestamp', () => {
    const time = '2026-11-25T20:00:00.123Z'
    expect(documentOf({ time }, {}, 0)['@timestamp']).toBe(time)
    expect(documentOf({ time }, {}, 12)['@timestamp']).toBe('2026-11-25T20:00:00.123000012Z')
  })

  it('leaves no field out whose name is taken', () => {
    expect(documentOf({ '@timestamp': 'mine' })).toMatchObject({ '_@timestamp': 'mine' })
  })

  it('can be made of any line', () => {
    const deep = `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)},"__proto__":{"b":1},"":2}`
    const lines = linesOf([shippedLine(deep), shippedLine('no JSON')])
    expect(lines[1]).toMatchObject({ '': 2 })
    expect(Object.keys(lines[1] as object)).toContain('__proto__')
    expect(lines[3]).toMatchObject({ msg: 'no JSON' })
  })
})

describe('where a record goes', () => {
  const indexOf = (time: string, options: object) =>
    (linesOf([shipped({ time })], options)[0] as { create: { _index: string } }).create._index

  it.each([
    ['logs-{yyyy.MM.dd}', 'logs-2026.11.25'],
    ['logs-{yyyy.MM}', 'logs-2026.11'],
    ['{yyyy}-x-{MM-dd_HH}', '2026-x-11-25_23'],
    ['plain', 'plain'],
  ])('%s', (index, name) => {
    expect(indexOf('2026-11-25T23:59:59.999Z', { index })).toBe(name)
  })

  it('is a data stream', () => {
    expect(indexOf('2026-11-25T23:59:59.999Z', { dataStream: 'logs-shop-prod' })).toBe('logs-shop-prod')
  })

  it.each([
    [{ index: 'logs-{YYYY.MM.dd}' }],
    [{ index: 'logs-{ww}' }],
    [{ index: 'logs-{}' }],
    [{ index: 'Logs' }],
    [{ index: 'logs-{yyyy' }],
    [{ index: '_logs' }],
    [{ index: 'a b' }],
    [{ index: '..' }],
    [{ index: 'x'.repeat(256) }],
    [{ index: '' }],
    [{ dataStream: 'logs-{yyyy}' }],
    [{ dataStream: 'logs', index: 'logs' }],
  ])('refuses %j', (options) => {
    expect(() => preset(options)).toThrow(expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }))
  })
})

const created = { create: { status: 201 } }
const failed = (status: number, type = 'document_parsing_exception', reason = 'why') => ({
  create: { status, error: { type, reason } },
})
const conflict = failed(
  409,
  'version_conflict_engine_exception',
  '[test-1]: version conflict, document already exists (current version [1])',
)
const busy = failed(429, 'es_rejected_execution_exception', 'rejected execution of coordinating operation')
const parsing = failed(
  400,
  'mapper_parsing_exception',
  "failed to parse field [order_id] of type [long] in document with id 'x'. Preview of field's value: 'abc'",
)
const bulk = (...items: unknown[]) => JSON.stringify({ took: 3, errors: true, items })
const records = (count: number) => Array.from({ length: count }, (_, i) => shipped({ i }, i))

describe('what _bulk answers', () => {
  const verdict = (status: number, body: string, count = 3, headers = {}) => {
    const judged = preset().judge(answer(status, body, headers), records(count))
    expectSound(judged, count)
    return judged
  }

  it.each([
    ['all created', JSON.stringify({ took: 1, errors: false, items: [created] }), { kind: 'delivered' }],
    [
      'all created, printed over lines',
      JSON.stringify({ errors: false, items: [] }, null, 2),
      { kind: 'delivered' },
    ],
    ['some there already', bulk(created, conflict, conflict), { kind: 'delivered' }],
    [
      'updates, which a pipeline may make of it',
      bulk({ index: { status: 200 } }, created, created),
      { kind: 'delivered' },
    ],
    [
      'one of a wrong type',
      bulk(created, parsing, conflict),
      {
        kind: 'partly',
        retry: [],
        refused: [{ index: 1, reason: `400: mapper_parsing_exception: ${parsing.create.error.reason}` }],
      },
    ],
    [
      'some too many',
      bulk(busy, created, failed(503, 'unavailable_shards_exception')),
      { kind: 'partly', retry: [0, 2], refused: [] },
    ],
    ['all too many', bulk(busy, busy, busy), { kind: 'retry' }],
    ['all of a wrong type', bulk(parsing, parsing, parsing), { kind: 'partly', retry: [] }],
    ['no right to any', bulk(...Array(3).fill(failed(403, 'security_exception'))), { kind: 'hold' }],
    [
      'no index, and none is made',
      bulk(...Array(3).fill(failed(404, 'index_not_found_exception'))),
      { kind: 'hold' },
    ],
    ['a full disk', bulk(...Array(3).fill(failed(403, 'cluster_block_exception'))), { kind: 'hold' }],
    [
      'a read-only index among others',
      bulk(created, failed(403, 'cluster_block_exception'), parsing),
      { kind: 'partly', retry: [1], refused: [{ index: 2 }] },
    ],
    [
      'fewer items than documents',
      bulk(created),
      { kind: 'partly', retry: [1, 2], refused: [], reason: 'not in the part of the answer that was read' },
    ],
    ['an item without a status', bulk(created, {}, null), { kind: 'partly', retry: [1, 2] }],
    ['a page', '<html>Log in</html>', { kind: 'hold' }],
    ['nothing', '', { kind: 'hold' }],
    ['errors without items', '{"errors":true,"items":[]}', { kind: 'hold' }],
  ])('%s', (_name, body, expected) => {
    expect(verdict(200, body)).toMatchObject(expected)
  })

  it('sends again what is behind the end of a cut answer', () => {
    const items = Array.from({ length: 1000 }, (_, i) => (i % 100 === 7 ? parsing : conflict))
    const body = bulk(...items).slice(0, 64 * 1024)
    const judged = verdict(200, body, 1000)
    if (judged.kind !== 'partly') throw new Error(judged.kind)
    const [first = 0] = judged.retry ?? []
    expect(first).toBeGreaterThan(300)
    expect(judged.retry).toEqual(Array.from({ length: 1000 - first }, (_, i) => first + i))
    expect(judged.refused?.map(({ index }) => index)).toEqual([7, 107, 207, 307].filter((i) => i < first))
  })

  it('takes braces and quotes in a reason for what they are', () => {
    const odd = failed(400, 'x', '"}]\\')
    expect(verdict(200, bulk(odd, created, busy))).toMatchObject({
      retry: [2],
      refused: [{ index: 0, reason: '400: x: "}]\\' }],
    })
  })

  it.each([
    ['a queue that is full', 429, '{"error":{"type":"x","reason":"busy"},"status":429}', 'retry'],
    ['a gateway', 503, 'upstream', 'retry'],
    ['more than it takes', 413, '', 'halve'],
    ['a wrong key', 401, '{"error":{"type":"security_exception","reason":"unable to authenticate"}}', 'hold'],
    ['no right', 403, '', 'hold'],
    ['no _bulk here', 405, '', 'hold'],
    ['a request that is none', 400, '{"error":{"type":"illegal_argument_exception"},"status":400}', 'bisect'],
  ])('%s', (_name, status, body, kind) => {
    expect(verdict(status, body).kind).toBe(kind)
  })

  it('says how long to wait', () => {
    expect(verdict(429, '', 3, { 'retry-after': '1' })).toMatchObject({ afterMs: 1000 })
    expect(verdict(200, bulk(busy, created, created), 3, { 'retry-after': '1' })).toMatchObject({
      afterMs: 1000,
    })
  })

  it('has a sound verdict, whatever it is', () => {
    const texts = [
      bulk(created, parsing, busy),
      bulk(conflict, conflict, conflict),
      '{"errors":false}',
      '{"items":[',
    ]
    fc.assert(
      fc.property(answersLike(texts), fc.integer({ min: 1, max: 5 }), (any, count) => {
        expectSound(preset().judge(any, records(count)), count)
      }),
      { numRuns: numRuns * 5 },
    )
  })
})
