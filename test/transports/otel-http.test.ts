import { context, trace } from '@opentelemetry/api'
import { logs } from '@opentelemetry/api-logs'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordProcessor,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { afterEach, describe, expect, it } from 'vitest'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { otlpPreset } from '../../src/shipping/presets/otlp.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { otelTransport } from '../../src/transports/otel.ts'
import { type OtlpRecord, readOtlp } from '../backends/support/otlp.ts'
import { NOW } from '../logger/memory.ts'
import { type FakeHttp, json, startFakeHttp } from '../shipping/fakes/http.ts'
import { shippedLine } from '../shipping/fakes/records.ts'

// All of the way: the logger, the real SDK with its OTLP exporter, a real HTTP server.

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }

interface Collector {
  readonly server: FakeHttp
  readonly exporter: OTLPLogExporter
  /** What has arrived. */
  records(): OtlpRecord[]
}

let open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open) await close()
  open = []
  logs.disable()
  trace.disable()
  context.disable()
})

async function collector(): Promise<Collector> {
  const bodies: string[] = []
  const server = await startFakeHttp(({ method, path, headers, body }) => {
    if (method !== 'POST' || path !== '/v1/logs' || headers['content-type'] !== 'application/json')
      return { status: 400 }
    bodies.push(body.toString())
    return json(200, {})
  })
  const exporter = new OTLPLogExporter({ url: new URL('v1/logs', server.url).href })
  open.push(() => server.close())
  return { server, exporter, records: () => bodies.flatMap((body) => readOtlp(body)) }
}

function registered(processor: LogRecordProcessor): LoggerProvider {
  const provider = new LoggerProvider({ processors: [processor] })
  logs.setGlobalLoggerProvider(provider)
  open.unshift(() => provider.shutdown())
  return provider
}

/** Calls of every form. */
function calls(logger: Logger): void {
  const root = Object.assign(new RangeError('pool empty'), { code: 'E_POOL' })
  logger.info('order placed', { order_id: 42, total: 9.5, express: true, coupon: null, none: undefined })
  logger.warn('nested', { order: { id: 1, lines: [{ sku: 'a' }, [1, 2.5, 'x', null]] }, big: 2n ** 70n })
  logger
    .child({ component: 'db.pool', shard: 3 })
    .error('query failed', new TypeError('bad cast', { cause: root }), { ms: 3 })
  runInScope(createScope({ request_id: 'r-1', user_id: 'u-2', session_id: 's-3' }, TRACE), () => {
    logger.debug('in a scope', { level: 'forged', trace_id: 'forged', msg: 'forged', 'user.id': 'forged' })
    const completion = {
      method: 'GET',
      route: '/orders/:id',
      path: '/orders/1',
      status: 200,
      outcome: 'completed',
    }
    logger.info('request completed', { ...completion, duration_ms: 12.5, user_agent: 'curl' })
  })
  logger.fatal('💥 "ключ"\n', { Ünïcode: '\u0000\u2028', at: new Date(0), set: new Set([1]) })
}

describe('by OTLP over HTTP', () => {
  it('everything arrives: resource, scope, time, severity, body, trace, attributes', async () => {
    const { exporter, records } = await collector()
    registered(new BatchLogRecordProcessor({ exporter }))
    new NodeTracerProvider().register()
    const transport = otelTransport()
    const logger = createLogger({
      env: {},
      identity: { service: 'shop' },
      now: () => NOW,
      transports: [transport],
    })
    const ids = trace.getTracer('test').startActiveSpan('work', (span) => {
      withContext({ request_id: 'r-1' }, () => {
        logger
          .child({ component: 'db.pool' })
          .warn('slow query', { rows: 3, query: { table: 'orders', took: [1.5] } })
      })
      return span.spanContext()
    })
    await transport.flush?.()
    expect(records()).toEqual([
      {
        resource: expect.objectContaining({ 'telemetry.sdk.name': 'opentelemetry' }),
        scope: expect.objectContaining({ name: 'db.pool' }),
        timeUnixNano: `${NOW}000000`,
        observedTimeUnixNano: `${NOW}000000`,
        severityNumber: 13,
        severityText: 'warn',
        body: 'slow query',
        ...{ traceId: ids.traceId, spanId: ids.spanId, flags: 1 },
        attributes: {
          ...{ request_id: 'r-1', rows: 3, query: { table: 'orders', took: [1.5] } },
          ...{
            'code.file.path': 'test/transports/otel-http.test.ts',
            'code.line.number': expect.any(Number),
          },
        },
        droppedAttributesCount: 0,
      },
    ])
  })

  it('says what the OTLP preset says of the same records', async () => {
    const { exporter, records } = await collector()
    registered(new BatchLogRecordProcessor({ exporter }))
    const [transport, memory] = [otelTransport(), memoryTransport()]
    const options = { env: {}, identity: { service: 'shop' }, level: 'trace', now: () => NOW } as const
    calls(createLogger({ ...options, transports: [transport, memory] }))
    await transport.flush?.()
    const preset = otlpPreset({ url: new URL('http://127.0.0.1') })
    const shipped = memory.lines.map((line, nth) => shippedLine(line.trimEnd(), NOW, nth))
    const { body } = preset.encode(shipped)
    const told = (all: OtlpRecord[]): Map<string, unknown> =>
      new Map(
        all.map(
          ({
            resource: _resource,
            scope,
            attributes: { 'log.record.uid': _uid, ...attributes },
            ...rest
          }) => {
            const { severityNumber, severityText, traceId, spanId, timeUnixNano, observedTimeUnixNano } = rest
            const flags = rest.flags ?? 0
            const name = scope.name === 'spoor' ? undefined : scope.name
            const times = { timeUnixNano, observedTimeUnixNano }
            return [
              `${rest.body}`,
              { name, attributes, severityNumber, severityText, traceId, spanId, flags, ...times },
            ]
          },
        ),
      )
    const [bySdk, byPreset] = [told(records()), told(readOtlp(String(body)))]
    expect(bySdk.size).toBe(6)
    expect(bySdk).toEqual(byPreset)
  })

  it('a server that fails is the SDK’s affair: nothing is thrown, nothing blocks', async () => {
    const { server, exporter, records } = await collector()
    registered(new SimpleLogRecordProcessor({ exporter }))
    const transport = otelTransport()
    const logger = createLogger({ env: {}, identity: false, transports: [transport] })
    server.failNext(1, { status: 400 })
    logger.info('refused')
    await exporter.forceFlush()
    await transport.flush?.()
    logger.info('taken')
    await exporter.forceFlush()
    expect(records().map((record) => record.body)).toEqual(['taken'])
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 0, lastError: undefined })
  })
})
