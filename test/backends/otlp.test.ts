import { beforeAll, describe, expect, it } from 'vitest'
import type { PresetRequest } from '../../src/shipping/preset.ts'
import { instanceOf, nanosecondsOf } from '../../src/shipping/presets/fields.ts'
import { otlpPreset } from '../../src/shipping/presets/otlp.ts'
import { otlpFromEnvironment } from '../../src/shipping/presets/otlp-environment.ts'
import { shipped, shippedLine, variedRecords } from '../shipping/fakes/records.ts'
import { exchange, sendBy } from '../shipping/fakes/send.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Collector, startCollector } from './support/collector.ts'
import { type Loki, startLoki } from './support/loki.ts'

const SEVERITY: Record<string, number> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 }
/** What is no attribute, or is one by another name. */
const NAMED = [
  'time',
  'level',
  'msg',
  'err',
  'component',
  'service',
  'version',
  'env',
  'host',
  'pid',
  'module',
]
const TRACE = ['trace_id', 'span_id', 'trace_flags']

let collector: Collector
beforeAll(async () => {
  collector = await startCollector()
}, START_LIMIT_MS)

const preset = () => otlpPreset({ url: new URL(collector.url), labels: ['module'] })

/** What the Collector has beside what it had. */
async function received(act: () => Promise<unknown>) {
  const before = collector.records().length
  await act()
  return collector.records().slice(before)
}

/**
 * A value as it is read again: proto3's JSON leaves out what is empty, so the file has no null in a map and no key
 * where that is ''.
 */
function read(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value !== 'object') return Object.is(value, -0) ? 0 : value
  if (Array.isArray(value)) return value.map(read)
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined)
  return Object.fromEntries(entries.map(([key, one]) => [key === '' ? 'undefined' : key, read(one)]))
}

describe('the Collector', () => {
  it('gives every record back: time, level, text, trace, resource, scope and every field', async () => {
    const records = variedRecords(600)
    const found = await received(async () => {
      expect(await sendBy(preset(), records)).toEqual({ kind: 'delivered', warning: undefined })
    })
    const byId = new Map(found.map((record) => [record.attributes['log.record.uid'], record]))
    expect(byId.size).toBe(600)
    for (const record of records) {
      const { record: fields, id } = record
      const log = byId.get(id) as (typeof found)[number]
      expect(log).toMatchObject({
        timeUnixNano: nanosecondsOf(record),
        observedTimeUnixNano: nanosecondsOf(record),
        severityNumber: SEVERITY[fields.level as string],
        severityText: fields.level,
        body: fields.msg,
        scope:
          typeof fields.component === 'string' && fields.component !== '' ? { name: fields.component } : {},
      })
      expect(log.resource).toEqual(
        read({
          'service.name': fields.service,
          'service.version': fields.version,
          'deployment.environment.name': fields.env,
          'host.name': fields.host,
          'process.pid': fields.pid,
          'service.instance.id': instanceOf(fields),
          module: fields.module,
        }),
      )
      expect(log.traceId).toBe(fields.trace_id ?? '')
      if (fields.trace_id !== undefined) {
        expect(log.spanId).toBe(fields.span_id ?? '')
        expect(log.flags).toBe(fields.trace_flags === undefined ? undefined : 1)
      }
      const left = Object.entries(fields).filter(
        ([key]) => !NAMED.includes(key) && (fields.trace_id === undefined || !TRACE.includes(key)),
      )
      expect(read(log.attributes)).toMatchObject(read(Object.fromEntries(left)) as object)
      const err = fields.err as Record<string, string> | undefined
      if (err !== undefined) {
        expect(log.attributes).toMatchObject({
          'exception.type': err.type,
          'exception.message': err.message,
          'exception.stacktrace': err.stack,
          err: { code: err.code },
        })
      }
    }
  })

  it('takes what is odd', async () => {
    const deep = `{"a":${'['.repeat(1e4)}${']'.repeat(1e4)}}`
    const lines = [
      deep,
      '{"n":1e400,"big":12345678901234567890,"half":"\\ud800","z":"\\u0000","nul":null,"":1}',
      'text',
    ]
    const found = await received(async () => {
      const records = lines.map((line, i) => ({ ...shippedLine(line), id: `odd-${i}` }))
      expect(await sendBy(preset(), records)).toMatchObject({ kind: 'delivered' })
    })
    expect(found).toHaveLength(3)
    expect(found[1]?.attributes).toMatchObject({
      n: 'Infinity',
      big: 12345678901234567000,
      half: '\ufffd',
      z: '\0',
      undefined: 1,
    })
    expect(found[2]?.body).toBe('text')
  })

  it.each([
    [
      'an id that is none',
      (request: PresetRequest) => ({
        ...request,
        body: String(request.body).replace(/"traceId":"\w/, '"traceId":"x'),
      }),
      'bisect',
    ],
    [
      'a time that is none',
      (request: PresetRequest) => ({
        ...request,
        body: String(request.body).replace(/"timeUnixNano":"/, '"timeUnixNano":"x'),
      }),
      'bisect',
    ],
    ['no JSON', (request: PresetRequest) => ({ ...request, body: String(request.body).slice(5) }), 'bisect'],
    [
      'another content type',
      (request: PresetRequest) => ({ ...request, headers: { 'content-type': 'text/plain' } }),
      'hold',
    ],
    ['another path', (request: PresetRequest) => ({ ...request, url: `${request.url}/x` }), 'hold'],
  ])('refuses a request with %s as a whole', async (_name, change, kind) => {
    const records = [shipped({ trace_id: '0af7651916cd43dd8448eb211c80319c' }, 1), shipped({}, 2)]
    const found = await received(async () => {
      const answer = await exchange(change(preset().encode(records)))
      expect(preset().judge(answer, records)).toMatchObject({ kind })
    })
    expect(found).toEqual([])
  })

  it('is found by its own variables', async () => {
    const found = await received(async () => {
      const { url, headers, compression } = otlpFromEnvironment({
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      })
      const own = otlpPreset({ url: url as URL, headers, compression, asIs: true })
      expect(await sendBy(own, [shipped({ msg: 'by variables' })])).toMatchObject({ kind: 'delivered' })
    })
    expect(found).toMatchObject([{ body: 'by variables' }])
  })

  it('refuses more than it takes, which goes in halves', async () => {
    const small = await startCollector({
      config: { receivers: { otlp: { protocols: { http: { max_request_body_size: 5000 } } } } },
    })
    try {
      const own = { ...otlpPreset({ url: new URL(small.url) }), compression: 'none' as const }
      const records = Array.from({ length: 40 }, (_, i) => shipped({ x: 'x'.repeat(100) }, i))
      expect(await sendBy(own, records)).toMatchObject({ kind: 'halve' })
      expect(await sendBy(own, records.slice(0, 5))).toMatchObject({ kind: 'delivered' })
    } finally {
      await small.stop()
    }
  })
})

describe("Loki's OTLP endpoint", () => {
  let loki: Loki
  beforeAll(async () => {
    loki = await startLoki()
  }, START_LIMIT_MS)

  it('has the trace id as its own, and refuses single records for good', async () => {
    const now = Date.now()
    const own = otlpPreset({ url: new URL(`${loki.url}/otlp/v1/logs`) })
    const at = (ageMs: number, msg: string) =>
      shipped({
        time: new Date(now - ageMs).toISOString(),
        msg,
        service: 'otlp',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
      })
    expect(await sendBy(own, [at(1000, 'a')])).toMatchObject({ kind: 'delivered' })
    const found = await loki.lokiQuery({ query: '{service_name="otlp"}' })
    expect(found).toMatchObject([{ line: 'a', metadata: { trace_id: '0af7651916cd43dd8448eb211c80319c' } }])
    // It says 400 and has stored the others: bisected, they come once more, and Loki knows them again.
    expect(await sendBy(own, [at(8 * 86_400_000, 'old'), at(900, 'b')])).toMatchObject({ kind: 'bisect' })
    expect(await sendBy(own, [at(900, 'b')])).toMatchObject({ kind: 'delivered' })
    expect(await loki.lokiQuery({ query: '{service_name="otlp"}' })).toHaveLength(2)
  })
})
