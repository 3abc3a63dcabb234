import { beforeAll, describe, expect, it } from 'vitest'
import type { Verdict } from '../../src/shipping/preset.ts'
import { type ElasticsearchOptions, elasticsearchPreset } from '../../src/shipping/presets/elasticsearch.ts'
import { isoTimeOf } from '../../src/shipping/presets/fields.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { shipped, shippedLine, variedRecords } from '../shipping/fakes/records.ts'
import { exchange, sendBy } from '../shipping/fakes/send.ts'
import { expectSound } from '../shipping/presets/verdicts.ts'
import { askWell } from './support/ask.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts'

let search: OpenSearch
beforeAll(async () => {
  search = await startOpenSearch()
  // Our random fields have random names.
  const settings = { 'index.mapping.total_fields.limit': 20_000, 'index.number_of_replicas': 0 }
  await askWell(`${search.url}/_index_template/any`, {
    method: 'PUT',
    json: { index_patterns: ['t-*'], template: { settings } },
  })
}, START_LIMIT_MS)

const presetFor = (index: string, options: Partial<ElasticsearchOptions> = {}) =>
  elasticsearchPreset({ url: new URL(search.url), index, labels: ['module'], ...options })

async function send(index: string, records: readonly Shipped[], options: Partial<ElasticsearchOptions> = {}) {
  const verdict = await sendBy(presetFor(index, options), records)
  expectSound(verdict, records.length)
  return verdict
}

/** Documents by id. */
async function found(index: string) {
  const documents = await search.documents(index)
  return new Map(documents.map(({ id, source }) => [id, source]))
}

const put = (index: string, properties: Record<string, unknown>, settings: Record<string, unknown> = {}) =>
  askWell(`${search.url}/${index}`, { method: 'PUT', json: { settings, mappings: { properties } } })

/** Without what random fields make of names: OpenSearch takes none that is empty or has dots only. */
function named(record: Shipped): Shipped {
  const { fields, ...rest } = record.record
  const kept = JSON.stringify({
    ...rest,
    ...(fields === undefined ? {} : { fields: JSON.stringify(fields) }),
  })
  return { ...shippedLine(kept, record.timeMs), nth: record.nth % 3, id: record.id }
}

describe('OpenSearch', () => {
  it('gives every record back as it is, with its time', async () => {
    await put('t-plain', {
      status: { type: 'keyword' },
      order_id: { type: 'double' },
      timestamp: { type: 'keyword' },
    })
    const records = variedRecords(500).map(named)
    expect(await send('t-plain', records)).toEqual({ kind: 'delivered' })
    const documents = await found('t-plain')
    expect(documents.size).toBe(500)
    for (const shippedOne of records) {
      const { time, ...own } = shippedOne.record
      expect(documents.get(shippedOne.id)).toEqual({ ...own, '@timestamp': isoTimeOf(shippedOne) })
    }
    expect((await search.mapping('t-plain'))['@timestamp']).toBe('date')
    const between = {
      range: {
        '@timestamp': { gte: isoTimeOf(records[100] as Shipped), lt: isoTimeOf(records[200] as Shipped) },
      },
    }
    expect(await search.documents('t-plain', between)).toHaveLength(100)
  })

  it('gives every record back by the names of ECS, in the types of ECS', async () => {
    await put('t-ecs', {
      order_id: { type: 'double' },
      status: { type: 'keyword' },
      timestamp: { type: 'keyword' },
    })
    const records = variedRecords(500).map(named)
    expect(await send('t-ecs', records, { ecs: true })).toEqual({ kind: 'delivered' })
    const documents = await found('t-ecs')
    for (const { id, record, timeMs } of records) {
      const document = documents.get(id) as Record<string, unknown>
      expect(Date.parse(document['@timestamp'] as string)).toBe(timeMs)
      expect(document).toMatchObject({
        message: record.msg,
        'log.level': record.level,
        'service.name': record.service,
        ...(record.trace_id === undefined ? {} : { 'trace.id': record.trace_id }),
        ...(record.span_id === undefined ? {} : { 'span.id': record.span_id }),
        ...(record.err === undefined
          ? {}
          : { error: { message: (record.err as { message: string }).message } }),
      })
    }
    expect(await search.mapping('t-ecs')).toMatchObject({
      '@timestamp': 'date',
      'event.duration': 'long',
      'process.pid': 'long',
      'labels.module': 'text',
      'trace.id': 'text',
      'error.code': 'text',
    })
    const [trace] = records.filter(({ record }) => record.trace_id !== undefined)
    const query = { match: { 'trace.id': trace?.record.trace_id } }
    expect((await search.documents('t-ecs', query)).length).toBeGreaterThan(100)
  })

  it('keeps ns where the mapping does, so that the order within a millisecond stays', async () => {
    await put('t-nanos', { '@timestamp': { type: 'date_nanos' } })
    const time = '2026-11-25T20:00:00.123Z'
    const records = [0, 1, 2, 30].map((nth) => ({ ...shipped({ time, nth }, nth), id: `n-${nth}` }))
    expect(await send('t-nanos', records)).toEqual({ kind: 'delivered' })
    await search.documents('t-nanos')
    const { hits } = await askWell<{ hits: { hits: { _source: { nth: number } }[] } }>(
      `${search.url}/t-nanos/_search`,
      {
        method: 'POST',
        json: { sort: [{ '@timestamp': 'desc' }] },
      },
    )
    expect(hits.hits.map(({ _source }) => _source.nth)).toEqual([30, 2, 1, 0])
  })

  it('has what was sent twice once', async () => {
    const records = [shipped({ msg: 'a' }, 1), shipped({ msg: 'b' }, 2)]
    for (let i = 0; i < 3; i++) expect(await send('t-twice', records)).toEqual({ kind: 'delivered' })
    expect(await send('t-twice', [...records, shipped({ msg: 'c' }, 3)])).toEqual({ kind: 'delivered' })
    expect((await found('t-twice')).size).toBe(3)
  })

  it('takes data streams, and index names by the date of the record', async () => {
    await askWell(`${search.url}/_index_template/stream`, {
      method: 'PUT',
      json: { index_patterns: ['stream-*'], data_stream: {} },
    })
    const preset = elasticsearchPreset({ url: new URL(search.url), dataStream: 'stream-shop' })
    const records = [shipped({ msg: 'a' }, 1)]
    for (let i = 0; i < 2; i++) expect(await sendBy(preset, records)).toEqual({ kind: 'delivered' })
    expect(await search.documents('stream-shop')).toMatchObject([{ index: '.ds-stream-shop-000001' }])

    const days = [
      shipped({ time: '2026-11-24T23:59:59.999Z' }, 1),
      shipped({ time: '2026-11-25T00:00:00.000Z' }, 2),
    ]
    expect(await send('t-day-{yyyy.MM.dd}', days)).toEqual({ kind: 'delivered' })
    const indexes = (await search.documents('t-day-*')).map(({ index }) => index)
    expect(indexes).toEqual(['t-day-2026.11.24', 't-day-2026.11.25'])
  })

  it('takes texts that UTF-8 has no form for', async () => {
    const line = '{"msg":"half \\ud800 of a pair","zero":"\\u0000","\\udfff":1}'
    expect(await send('t-odd', [shippedLine(line)])).toEqual({ kind: 'delivered' })
    expect((await found('t-odd')).size).toBe(1)
  })
})

describe('what OpenSearch refuses', () => {
  const refusals = async (
    index: string,
    records: readonly Shipped[],
    options: Partial<ElasticsearchOptions> = {},
  ) => {
    const verdict = await send(index, records, options)
    if (verdict.kind !== 'partly') throw new Error(JSON.stringify(verdict))
    return {
      retry: verdict.retry,
      refused: verdict.refused?.map(({ index: at, reason }) => `${at} ${reason}`),
    }
  }

  it('a value of another type than the mapping has', async () => {
    await put('t-type', { order_id: { type: 'long' }, client: { properties: { ip: { type: 'ip' } } } })
    const records = [1, 'abc', 3, { a: 1 }].map((order_id, i) => shipped({ order_id }, i))
    expect(await refusals('t-type', records)).toEqual({
      retry: [],
      refused: [
        expect.stringMatching(/^1 400: mapper_parsing_exception: failed to parse field \[order_id\]/),
        expect.stringMatching(/^3 400: mapper_parsing_exception: failed to parse field \[order_id\]/),
      ],
    })
    expect((await found('t-type')).size).toBe(2)
    const socket = { method: 'GET', outcome: 'completed', remote_address: 'fe80::1%eth0' }
    expect(await send('t-type', [shipped(socket, 9)], { ecs: true })).toEqual({ kind: 'delivered' })
  })

  it('a value of another type than the first one had', async () => {
    expect(await send('t-dynamic', [shipped({ a: 1, b: 'x' }, 1)])).toEqual({ kind: 'delivered' })
    const { refused } = await refusals('t-dynamic', [
      shipped({ a: 'x' }, 2),
      shipped({ b: { c: 1 } }, 3),
      shipped({ a: 2 }, 4),
    ])
    expect(refused).toHaveLength(2)
  })

  it('more fields than an index may have', async () => {
    await put('t-fields', {}, { 'index.mapping.total_fields.limit': 10 })
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'x']))
    const { refused } = await refusals('t-fields', [shipped({ msg: 'a' }, 1), shipped(many, 2)])
    expect(refused).toEqual([
      expect.stringMatching(/^1 400: illegal_argument_exception: Limit of total fields/),
    ])
  })

  it('names that are none', async () => {
    const { refused } = await refusals('t-names', [
      shipped({ '': 1 }, 1),
      shipped({ '.': 1 }, 2),
      shipped({ a: 1 }, 3),
    ])
    expect(refused).toHaveLength(2)
  })

  it('everything while an index is read-only: hold', async () => {
    await put('t-closed', {})
    await askWell(`${search.url}/t-closed/_settings`, { method: 'PUT', json: { 'index.blocks.write': true } })
    expect(await send('t-closed', [shipped({}, 1), shipped({}, 2)])).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('cluster_block_exception'),
    })
    await askWell(`${search.url}/t-closed/_settings`, {
      method: 'PUT',
      json: { 'index.blocks.write': false },
    })
    expect(await send('t-closed', [shipped({}, 1), shipped({}, 2)])).toEqual({ kind: 'delivered' })
  })

  it('everything where an index may not be made: hold', async () => {
    await askWell(`${search.url}/_cluster/settings`, {
      method: 'PUT',
      json: { transient: { 'action.auto_create_index': 'false' } },
    })
    expect(await send('no-such', [shipped({}, 1)])).toMatchObject({ kind: 'hold' })
    await askWell(`${search.url}/_cluster/settings`, {
      method: 'PUT',
      json: { transient: { 'action.auto_create_index': null } },
    })
  })

  it('tells them all, also where the answer is cut at 64 KiB', async () => {
    await put('t-many', { n: { type: 'long' } })
    const records = Array.from({ length: 2000 }, (_, i) => shipped({ n: i % 2 === 0 ? i : 'x' }, i))
    let left: readonly Shipped[] = records
    let refused = 0
    for (let requests = 0; left.length > 0; requests++) {
      expect(requests).toBeLessThan(10)
      const verdict = await send('t-many', left)
      if (verdict.kind === 'delivered') break
      if (verdict.kind !== 'partly') throw new Error(JSON.stringify(verdict))
      refused += verdict.refused?.length ?? 0
      left = (verdict.retry ?? []).map((index) => left[index] as Shipped)
    }
    expect(refused).toBe(1000)
    expect((await found('t-many')).size).toBe(1000)
  })

  it.each([
    ['a path that is none', (url: string) => `${url}/no/such/path`, 'bisect'],
    ['a body that is none', (url: string) => url, 'bisect'],
  ])('%s', async (_name, change, kind) => {
    const preset = presetFor('t-bad')
    const records = [shipped({}, 1)]
    const request = preset.encode(records)
    const answer = await exchange({
      ...request,
      url: change(request.url),
      body: String(request.body).slice(5),
    })
    expect(preset.judge(answer, records)).toMatchObject({ kind })
  })

  it('more than it takes: halve; more than its queue holds: retry', async () => {
    const small = await startOpenSearch({
      settings: {
        'http.max_content_length': '20kb',
        'thread_pool.write.queue_size': '1',
        'thread_pool.write.size': '1',
      },
    })
    try {
      const preset = elasticsearchPreset({ url: new URL(small.url), index: 't-small' })
      const records = Array.from({ length: 200 }, (_, i) => shipped({ x: 'x'.repeat(200) }, i))
      const plain = { ...preset, compression: 'none' as const }
      expect(await sendBy(plain, records)).toMatchObject({ kind: 'halve' })
      // Many at once are more than one thread and one place in its queue.
      const verdicts: Verdict[] = []
      for (let round = 0; verdicts.every(({ kind }) => kind === 'delivered') && round < 20; round++) {
        const batches = Array.from({ length: 60 }, (_, i) =>
          records.slice(0, 40).map((record, k) => ({ ...record, id: `b${round}-${i}-${k}` })),
        )
        verdicts.push(...(await Promise.all(batches.map((batch) => sendBy(plain, batch)))))
      }
      expect([...new Set(verdicts.map(({ kind }) => kind))].sort()).toEqual(['delivered', 'retry'])
      const stored = verdicts.filter(({ kind }) => kind === 'delivered').length * 40
      expect(await small.documents('t-small')).toHaveLength(stored)
    } finally {
      await small.stop()
    }
  })
})
