import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpTransportOptions } from '../../src/transports/http-options.ts'
import { run } from '../faults/child.ts'
import { deadLettersIn } from '../faults/ship-service.ts'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { directoryOfFile } from '../support/temporary.ts'
import { askWell } from './support/ask.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Collector, startCollector } from './support/collector.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts'
import type { OtlpRecord } from './support/otlp.ts'

// A service logs as services do, into a file and through the whole transport into three real servers at once; what they
// give back is what is in the file, each record once.

const FULL = process.env.SPOOR_FULL !== undefined
const COUNT = FULL ? 100_000 : 5000
const WAIT_MS = 30 * 60_000

const SERVICE = `
  import { continueContext, createLogger, fileTransport, httpTransport, shutdown } from './spoor.mjs'
  const { file, transports, count } = JSON.parse(process.argv[2])
  const shipping = transports.map((options) => httpTransport(options))
  const log = createLogger({
    transports: [fileTransport({ path: file, rotate: 'off', maxSize: 'off' }), ...shipping],
    lifecycle: false,
    level: 'trace',
    labels: { module: 'store' },
    identity: { service: 'shop', version: '1.2.3', env: 'production', host: 'web-1' },
  })
  const db = log.child({ component: 'db.pool' })
  const LEVELS = ['trace', 'debug', 'info', 'info', 'info', 'warn']
  const WORDS = ['order placed', 'Bestellung für Zürich', 'заказ принят', '注文を受けました', 'tab\\tand "quotes"', '🛒💥', '']
  const hex = (n, length) => n.toString(16).padStart(length, '0')
  let n = 0

  function record() {
    const fields = {
      n,
      order: { id: n * 7, total: n / 8, items: [{ sku: 'a-' + (n % 10), quantity: n % 3 }], to: { city: 'Zürich', floor: null } },
      paid: n % 2 === 0,
      note: WORDS[(n + 3) % WORDS.length],
    }
    const msg = WORDS[n % WORDS.length]
    if (n % 20 === 19) {
      const cause = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' })
      log.error(msg || 'failed', new Error('payment ' + n + ' failed', { cause }), fields)
    } else (n % 3 === 0 ? db : log)[LEVELS[n % LEVELS.length]](msg, fields)
    n++
  }

  async function request(number) {
    const carrier = {
      fields: { request_id: 'r-' + number, user_id: 'u-' + (number % 100) },
      traceparent: '00-' + hex(number + 1, 32) + '-' + hex(number + 1, 16) + '-01',
    }
    await continueContext(carrier, async () => {
      for (let i = 0; i < 5; i++) {
        record()
        if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })
  }

  for (let number = 0; n < count; number += 4) {
    await Promise.all([0, 1, 2, 3].map((i) => request(number + i)))
    // Some are of no request.
    record()
  }
  const delivered = await Promise.all(shipping.map((http) => http.delivered(${WAIT_MS})))
  console.log(JSON.stringify({ n, delivered, stats: shipping.map((http) => http.stats()) }))
  await shutdown(log)
`

type Fields = Readonly<Record<string, unknown>>

const directory = directoryOfFile()
let bundle: Bundle | undefined
let loki: Loki
let search: OpenSearch
let collector: Collector
let lines: string[]
let records: Fields[]

beforeAll(async () => {
  bundle = bundleShipping()
  loki = await startLoki()
  search = await startOpenSearch()
  collector = await startCollector()
  // Texts as keywords, ids among them, and times with their ns: what docs/shipping.md says to set up.
  const mappings = {
    properties: { '@timestamp': { type: 'date_nanos' } },
    dynamic_templates: [
      { texts: { match_mapping_type: 'string', mapping: { type: 'keyword', ignore_above: 8191 } } },
    ],
  }
  await askWell(`${search.url}/_index_template/thousands`, {
    method: 'PUT',
    json: { index_patterns: ['thousands'], template: { mappings, settings: { number_of_replicas: 0 } } },
  })
  const spoolDir = join(directory, 'spool')
  const transports: HttpTransportOptions[] = [
    { name: 'loki', url: `${loki.url}/loki/api/v1/push`, labels: ['module'], spoolDir },
    { name: 'search', url: `${search.url}/_bulk`, index: 'thousands', spoolDir },
    { name: 'collector', url: `${collector.url}/v1/logs`, labels: ['module'], spoolDir },
  ]
  const script = bundle.script('thousands.mjs', SERVICE)
  const file = join(directory, 'app.log')
  const { code, stdout, stderr } = await run(script, [JSON.stringify({ file, transports, count: COUNT })])
  if (stderr !== '') console.log(stderr)
  expect(stderr).not.toMatch(/lost|given up|refused/)
  expect(code, stderr).toBe(0)
  const { n, delivered, stats } = JSON.parse(stdout)
  expect(delivered, stderr).toEqual([true, true, true])
  for (const { records: taken, dropped, shipper } of stats) {
    expect(dropped).toBe(0)
    expect(shipper).toMatchObject({ delivered: taken, refused: 0, lost: 0, expired: 0 })
  }
  expect(deadLettersIn(spoolDir)).toEqual([])
  const text = readFileSync(file, 'utf8')
  const all = parseLines(text)
  // What one transport has to tell of its endpoint goes to the others.
  records = all.filter(isOwn)
  lines = text.split('\n').filter((_, i) => all[i] !== undefined && isOwn(all[i]))
  expect(records.map((record) => record.n)).toEqual(Array.from({ length: n }, (_, i) => i))
  expect(n).toBeGreaterThanOrEqual(COUNT)
}, START_LIMIT_MS)

afterAll(() => bundle?.remove())

const isOwn = ({ component }: Fields): boolean => component !== 'spoor'
const msOf = ({ time }: Fields): number => Date.parse(time as string)
/** Of a request in the middle. */
const someTrace = () =>
  records.find(({ trace_id }, i) => i >= COUNT / 2 && trace_id !== undefined)?.trace_id as string
const TRACE = /^[0-9a-f]{32}$/

it('logged in scopes, with errors and in every script', () => {
  const inScope = records.filter(({ trace_id }) => TRACE.test(trace_id as string))
  expect(inScope.length).toBeGreaterThan(COUNT / 2)
  for (const { request_id, user_id, span_id } of inScope)
    expect([typeof request_id, typeof user_id, typeof span_id]).toEqual(['string', 'string', 'string'])
  expect(records.filter(({ err }) => err !== undefined).length).toBeGreaterThan(COUNT / 25)
})

it('Loki has every line once, byte for byte, with its ms, its labels and its ids as metadata', async () => {
  const all = await loki.lokiQuery({ query: '{service_name="shop"}', page: 2000 })
  const found = all.filter(({ line }) => isOwn(JSON.parse(line)))
  expect(found.length).toBe(lines.length)
  const byLine = new Map(found.map((entry) => [entry.line, entry]))
  expect(byLine.size).toBe(lines.length)
  for (const [i, line] of lines.entries()) {
    const record = records[i] as Fields
    const entry = byLine.get(line)
    if (entry === undefined) throw new Error(`not there: ${line}`)
    expect(entry.timeUnixNano.slice(0, -6)).toBe(String(msOf(record)))
    // Loki spreads a stream that is much over shards of its own.
    const { __stream_shard__: _shard, ...labels } = entry.labels
    expect(labels).toEqual({
      service_name: 'shop',
      env: 'production',
      instance: 'web-1',
      module: 'store',
    })
    const { level, request_id, trace_id, span_id, user_id } = record
    const { detected_level: _, ...metadata } = entry.metadata
    expect(metadata).toEqual(JSON.parse(JSON.stringify({ level, request_id, trace_id, span_id, user_id })))
  }
  // The order of writing is the order of times, but for one ms in two segments.
  if (!FULL) expect(found.map(({ line }) => line)).toEqual(lines)
})

it('Loki finds a request by its trace id', async () => {
  const trace_id = someTrace()
  const wanted = lines.filter((_, i) => records[i]?.trace_id === trace_id)
  const found = await loki.lokiQuery({ query: `{service_name="shop"} | trace_id="${trace_id}"` })
  expect(found.map(({ line }) => line)).toEqual(wanted)
})

it('OpenSearch has every record once, every field of it, and its ids as keywords', async () => {
  const found = (await search.documents('thousands')).filter(({ source }) => isOwn(source))
  expect(found.length).toBe(records.length)
  const byNumber = new Map(found.map(({ source }) => [source.n, source]))
  expect(byNumber.size).toBe(records.length)
  for (const record of records) {
    const { '@timestamp': time, ...fields } = byNumber.get(record.n) as Fields
    const { time: own, ...rest } = record
    expect(fields).toEqual(rest)
    expect((time as string).slice(0, 23)).toBe((own as string).slice(0, 23))
  }
  expect(await search.mapping('thousands')).toMatchObject({
    '@timestamp': 'date_nanos',
    trace_id: 'keyword',
    request_id: 'keyword',
    n: 'long',
    paid: 'boolean',
    'order.to.city': 'keyword',
  })
  const trace_id = someTrace()
  const ofTrace = await search.documents('thousands', { term: { trace_id } })
  expect(ofTrace.length).toBe(records.filter((record) => record.trace_id === trace_id).length)
})

const SEVERITY: Fields = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 }
const OF_RESOURCE = ['service', 'version', 'env', 'host', 'pid', 'module']
const OWN_PLACE = ['time', 'level', 'msg', 'component', 'trace_id', 'span_id', 'trace_flags', ...OF_RESOURCE]

/** Without nulls, which the Collector's JSON leaves out of a map. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined)
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]))
}

describe('the Collector', () => {
  let found: OtlpRecord[]
  beforeAll(() => {
    found = collector.records().filter(({ scope }) => scope.name !== 'spoor')
  })

  it('has every record once, with its time, its level, its trace as its own fields, and every other field', () => {
    expect(found.length).toBe(records.length)
    expect(new Set(found.map(({ attributes }) => attributes['log.record.uid'])).size).toBe(records.length)
    const byNumber = new Map(found.map((one) => [one.attributes.n, one]))
    for (const record of records) {
      const log = byNumber.get(record.n)
      if (log === undefined) throw new Error(`not there: ${record.n}`)
      expect(log.timeUnixNano.slice(0, -6)).toBe(String(msOf(record)))
      expect(log).toMatchObject({
        body: record.msg,
        severityText: record.level,
        severityNumber: SEVERITY[record.level as string],
        traceId: record.trace_id ?? '',
        spanId: record.span_id ?? '',
        scope: record.component === undefined ? {} : { name: record.component },
        resource: {
          'service.name': 'shop',
          'service.version': '1.2.3',
          'deployment.environment.name': 'production',
          'host.name': 'web-1',
          'process.pid': record.pid,
          module: 'store',
        },
      })
      if (record.trace_id !== undefined) expect(log.flags).toBe(1)
      const { err, user_id, source, ...rest } = Object.fromEntries(
        Object.entries(record).filter(([key]) => !OWN_PLACE.includes(key)),
      )
      expect(log.attributes).toMatchObject(withoutNulls({ ...rest, 'user.id': user_id }) as object)
      if (source !== undefined) {
        const { file, line } = source as Fields
        expect(log.attributes).toMatchObject({ 'code.file.path': file, 'code.line.number': line })
      }
      if (err === undefined) continue
      const { type, message, stack } = err as Record<string, string>
      expect(log.attributes).toMatchObject({
        'exception.type': type,
        'exception.message': message,
        'exception.stacktrace': stack,
      })
    }
  })

  it('has them in the order of writing within a ms', () => {
    if (FULL) return
    const byTime = [...found].sort((a, b) => (a.timeUnixNano < b.timeUnixNano ? -1 : 1))
    expect(byTime.map(({ attributes }) => attributes.n)).toEqual(records.map(({ n }) => n))
  })
})
