import { once } from 'node:events'
import { connect } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { ask, askWell } from './support/ask.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Collector, startCollector } from './support/collector.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts'
import { readOtlp } from './support/otlp.ts'
import { poll } from './support/poll.ts'
import type { Server } from './support/server.ts'

// Every server by itself: what is pushed as its documentation says is read back, also after its end.

const NOW = Date.now()
const NANO = `${NOW}123456`
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

/** After a SIGTERM and after a SIGKILL what was acknowledged is read as before. */
async function survives(server: Server, read: () => unknown | Promise<unknown>): Promise<void> {
  const before = await read()
  const first = server.pid
  await server.restart()
  expect(server.pid).not.toBe(first)
  expect(await read()).toEqual(before)
  await server.kill()
  expect(server.pid).toBeUndefined()
  await server.restart()
  expect(await read()).toEqual(before)
}

describe('Loki', () => {
  let loki: Loki
  beforeAll(async () => {
    loki = await startLoki({ limits: { ingestion_rate_mb: 20, ingestion_burst_size_mb: 20 } })
  }, START_LIMIT_MS)

  /** @param times ns, in digits */
  const push = (name: string, times: readonly string[], to = loki) =>
    ask(`${to.url}/loki/api/v1/push`, {
      method: 'POST',
      json: {
        streams: [
          {
            stream: { service_name: name },
            values: times.map((time, i) => [time, `line ${i}`, { trace_id: TRACE }]),
          },
        ],
      },
    })

  it('gives back a line with its labels and metadata, also after its end', async () => {
    expect(await push('one', [NANO])).toEqual({ status: 204, body: undefined })
    const read = () => loki.lokiQuery({ query: '{service_name="one"}' })
    expect(await read()).toEqual([
      {
        timeUnixNano: NANO,
        line: 'line 0',
        labels: { service_name: 'one' },
        metadata: { trace_id: TRACE, detected_level: 'unknown' },
      },
    ])
    await survives(loki, read)
  })

  it('gives back more lines than one query can hold, and of the time that was asked for', async () => {
    // Three of each time, so that pages end within one.
    const times = Array.from({ length: 12_000 }, (_, i) => `${NOW - 60_000 + Math.floor(i / 3)}000000`)
    expect((await push('many', times)).status).toBe(204)
    const query = '{service_name="many"}'
    const all = await loki.lokiQuery({ query })
    expect(all.map(({ timeUnixNano }) => timeUnixNano)).toEqual(times)
    expect(new Set(all.map(({ line }) => line)).size).toBe(12_000)
    const some = await loki.lokiQuery({ query, from: NOW - 60_000 + 10, to: NOW - 60_000 + 12 })
    expect(some.map(({ line }) => line)).toEqual([30, 31, 32, 33, 34, 35].map((i) => `line ${i}`))
  })

  it('keeps to the limits that it is started with', async () => {
    const strict = await startLoki({
      limits: {
        ingestion_rate_mb: 0.001,
        ingestion_burst_size_mb: 0.001,
        reject_old_samples_max_age: '1h',
      },
    })
    expect((await push('old', [`${NOW - 2 * 3600_000}000000`], strict)).status).toBe(400)
    expect((await push('old', [`${NOW - 1800_000}000000`], strict)).status).toBe(204)
    const much = Array.from({ length: 1000 }, (_, i) => `${NOW + i}000000`)
    expect((await push('much', much, strict)).status).toBe(429)
    await strict.stop()
  })

  it('has tenants when asked for', async () => {
    const shared = await startLoki({ tenants: true })
    const url = `${shared.url}/loki/api/v1/push`
    const body = JSON.stringify({ streams: [{ stream: { a: 'b' }, values: [[NANO, 'mine']] }] })
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(401)
    expect(
      (await fetch(url, { method: 'POST', headers: { ...headers, 'x-scope-orgid': 'me' }, body })).status,
    ).toBe(204)
    expect(await shared.lokiQuery({ query: '{a="b"}', tenant: 'me' })).toHaveLength(1)
    expect(await shared.lokiQuery({ query: '{a="b"}', tenant: 'you' })).toEqual([])
    await shared.stop()
  })
})

describe('the Collector', () => {
  let collector: Collector
  beforeAll(async () => {
    collector = await startCollector()
  }, START_LIMIT_MS)

  it('gives back a record of OTLP, flat, also after its end', async () => {
    const logRecords = [
      {
        timeUnixNano: NANO,
        observedTimeUnixNano: NANO,
        severityNumber: 9,
        severityText: 'INFO',
        body: { stringValue: 'hello' },
        attributes: [
          { key: 'n', value: { intValue: '7' } },
          { key: 'large', value: { intValue: '9007199254740993' } },
          { key: 'half', value: { doubleValue: 0.5 } },
          { key: 'yes', value: { boolValue: true } },
          { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: 1 }] } } },
          { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } },
        ],
        traceId: TRACE,
        spanId: '00f067aa0ba902b7',
        flags: 1,
      },
      { timeUnixNano: NANO, body: { stringValue: 'again }{"resourceLogs":[]}' } },
    ]
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
    const scopeLogs = [{ scope: { name: 'spoor', version: '1' }, logRecords }]
    expect(
      await ask(`${collector.url}/v1/logs`, {
        method: 'POST',
        json: { resourceLogs: [{ resource, scopeLogs }] },
      }),
    ).toEqual({ status: 200, body: { partialSuccess: {} } })

    const shared = { resource: { 'service.name': 'shop' }, scope: { name: 'spoor', version: '1' } }
    expect(collector.records()).toEqual([
      {
        ...shared,
        timeUnixNano: NANO,
        observedTimeUnixNano: NANO,
        severityNumber: 9,
        severityText: 'INFO',
        body: 'hello',
        attributes: {
          n: 7,
          large: 9007199254740993n,
          half: 0.5,
          yes: true,
          list: ['a', 1],
          map: { k: 'v' },
        },
        traceId: TRACE,
        spanId: '00f067aa0ba902b7',
        flags: 1,
      },
      {
        ...shared,
        timeUnixNano: NANO,
        body: 'again }{"resourceLogs":[]}',
        attributes: {},
        traceId: '',
        spanId: '',
      },
    ])
    await survives(collector, collector.records)
  })

  it('acknowledges a chunk of the forward protocol once it is written', async () => {
    const before = collector.records().length
    const socket = connect(collector.forwardPort, '127.0.0.1')
    // ["a.b", [[1, {"message": "hi"}]], {"chunk": "xyz"}] in msgpack.
    const start = Buffer.from([0x93, 0xa3, 0x61, 0x2e, 0x62, 0x91, 0x92, 0x01, 0x81])
    const text = (word: string) => Buffer.concat([Buffer.from([0xa0 + word.length]), Buffer.from(word)])
    const words = [text('message'), text('hi'), Buffer.from([0x81]), text('chunk'), text('xyz')]
    socket.write(Buffer.concat([start, ...words]))
    const [ack] = await once(socket, 'data')
    socket.destroy()
    expect(ack).toEqual(Buffer.concat([Buffer.from([0x81]), text('ack'), text('xyz')]))
    const records = collector.records()
    expect(records).toHaveLength(before + 1)
    expect(records.at(-1)).toMatchObject({
      body: 'hi',
      timeUnixNano: '1000000000',
      attributes: { 'fluent.tag': 'a.b' },
    })
  })

  it('is read past what a SIGKILL has left in its file', () => {
    const request = (text: string) =>
      JSON.stringify({
        resourceLogs: [
          { scopeLogs: [{ logRecords: [{ body: { stringValue: text }, timeUnixNano: NANO }] }] },
        ],
      })
    const text = `${request('a')}\n${request('b')}${request('c')}\n${request('d').slice(0, -9)}${request('e')}\n`
    expect(readOtlp(text).map(({ body }) => body)).toEqual(['a', 'b', 'c', 'e'])
  })

  it('takes more configuration', async () => {
    const small = await startCollector({
      config: { receivers: { otlp: { protocols: { http: { max_request_body_size: 100 } } } } },
    })
    const body = JSON.stringify({ resourceLogs: [], padding: 'x'.repeat(200) })
    const headers = { 'content-type': 'application/json' }
    const { status } = await fetch(`${small.url}/v1/logs`, { method: 'POST', headers, body })
    expect(status).toBe(400)
    await small.stop()
  })
})

describe('OpenSearch', () => {
  let search: OpenSearch
  beforeAll(async () => {
    search = await startOpenSearch()
  }, START_LIMIT_MS)

  const bulk = (lines: readonly unknown[], to = search) =>
    ask<{ errors: boolean; items: { create: { status: number } }[] }>(`${to.url}/_bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    })
  const create = (index: string, id: string) => ({ create: { _index: index, _id: id } })

  it('gives back a document of _bulk, also after its end', async () => {
    const time = new Date(NOW).toISOString()
    const { body } = await bulk([
      create('one', 'x1'),
      { '@timestamp': time, n: 7, trace: { id: TRACE } },
      create('one', 'x2'),
      { '@timestamp': time, n: 'no number' },
      create('one', 'x1'),
      {},
    ])
    expect(body.items.map(({ create }) => create.status)).toEqual([201, 400, 409])
    const read = () => search.documents('one')
    expect(await read()).toEqual([
      { index: 'one', id: 'x1', source: { '@timestamp': time, n: 7, trace: { id: TRACE } } },
    ])
    expect(await search.mapping('one')).toEqual({
      '@timestamp': 'date',
      n: 'long',
      'trace.id': 'text',
    })
    await survives(search, read)
  })

  it('gives back more documents than one page can hold, of several indexes, and those of a query', async () => {
    const ids = Array.from({ length: 12_000 }, (_, i) => `id${String(i).padStart(5, '0')}`)
    const { body } = await bulk(ids.flatMap((id, i) => [create(`many-${i % 2}`, id), { n: i }]))
    expect(body.errors).toBe(false)
    const all = await search.documents('many-*')
    expect(all.map(({ id }) => id).sort()).toEqual(ids)
    expect(await search.documents('many-*', { range: { n: { lt: 5 } } })).toHaveLength(5)
  })

  it('has data streams', async () => {
    await askWell(`${search.url}/_index_template/logs`, {
      method: 'PUT',
      json: { index_patterns: ['logs-*'], data_stream: {} },
    })
    const { body } = await bulk([create('logs-shop', 'a'), { '@timestamp': new Date(NOW).toISOString() }])
    expect(body.errors).toBe(false)
    const [document] = await search.documents('logs-shop')
    expect(document).toMatchObject({ id: 'a', index: '.ds-logs-shop-000001' })
  })

  it('takes settings', async () => {
    const small = await startOpenSearch({ settings: { 'http.max_content_length': '1kb' } })
    const status = await bulk([create('a', 'b'), { text: 'x'.repeat(2000) }], small).then(
      (answer) => answer.status,
    )
    expect(status).toBe(413)
    await small.stop()
  })
})

it('says why a server can not be started, with what it said itself', async () => {
  await expect(startLoki({ limits: { no_such_limit: 1 } })).rejects.toThrow(/Loki ended.*no_such_limit/s)
  await expect(startLoki({ flags: ['-no-such-flag'] })).rejects.toThrow(/no-such-flag/)
})

it('polls until there is something, and no longer than its guard', async () => {
  let asked = 0
  expect(await poll('three', async () => ++asked === 3 && 'there')).toBe('there')
  await expect(poll('nothing', async () => Promise.reject(new Error('down')), 1)).rejects.toThrow(
    /nothing: not within 1 ms.*down/,
  )
})
