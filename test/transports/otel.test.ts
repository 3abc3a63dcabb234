import * as api from '@opentelemetry/api'
import { trace } from '@opentelemetry/api'
import { logs, SeverityNumber } from '@opentelemetry/api-logs'
import {
  createLoggerConfigurator,
  InMemoryLogRecordExporter,
  type LoggerConfig,
  LoggerProvider,
  type LogRecordProcessor,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import { AlwaysOffSampler, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { boundTo } from '../../src/logger/bound.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Logger } from '../../src/logger/types.ts'
import { writeRecord } from '../../src/logger/write.ts'
import { type TransportUnderTest, transportChecks } from '../../src/testing/transport-kit.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { type OtelTransport, type OtelTransportOptions, otelTransport } from '../../src/transports/otel.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { call } from '../logger/hostile.ts'
import { NOW } from '../logger/memory.ts'

// Against the real SDK of the generation that runs on every Node that spoor does. test/agents has the one after it.

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }
const API = Symbol.for('opentelemetry.js.api.1')

interface Sdk {
  readonly provider: LoggerProvider
  readonly exporter: InMemoryLogRecordExporter
}

function sdk(...more: LogRecordProcessor[]): Sdk {
  const exporter = new InMemoryLogRecordExporter()
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter }), ...more] })
  return { provider, exporter }
}

function registered(...more: LogRecordProcessor[]): InMemoryLogRecordExporter {
  const { provider, exporter } = sdk(...more)
  logs.setGlobalLoggerProvider(provider)
  return exporter
}

afterEach(() => {
  logs.disable()
  trace.disable()
  api.context.disable()
  api.propagation.disable()
})

interface Rig {
  readonly logger: Logger
  readonly transport: OtelTransport
}

const QUIET: LoggerOptions = { identity: false, source: 'off', level: 'trace', env: {}, now: () => NOW }

function rig(options: OtelTransportOptions = {}, more: LoggerOptions = {}): Rig {
  const transport = otelTransport(options)
  return { transport, logger: createLogger({ ...QUIET, ...more, transports: [transport] }) }
}

/** Attaches a transport to a host that keeps what it is told. */
function told(transport: OtelTransport): TransportEvent[] {
  const events: TransportEvent[] = []
  transport.attach?.({ report: (event) => void events.push(event) })
  return events
}

const inSpan = (act: (ids: { traceId: string; spanId: string }) => void): void =>
  trace.getTracer('test').startActiveSpan('work', (span) => {
    act(span.spanContext())
    span.end()
  })

describe('a record in the SDK', () => {
  it('has time, severity, body, attributes and scope', () => {
    const exporter = registered()
    const { logger, transport } = rig({}, { source: 'all' })
    withContext({ request_id: 'r-1', user_id: 'u-2' }, () => {
      logger.child({ component: 'db.pool' }).warn('slow query', { rows: 3, ms: 9.5, ok: true, none: null })
    })
    const [record] = exporter.getFinishedLogRecords()
    expect(record).toMatchObject({
      hrTime: [NOW / 1000 - 0.089, 89_000_000],
      hrTimeObserved: [NOW / 1000 - 0.089, 89_000_000],
      severityNumber: SeverityNumber.WARN,
      severityText: 'warn',
      body: 'slow query',
      instrumentationScope: { name: 'db.pool' },
    })
    expect(record?.attributes).toEqual({
      ...{ request_id: 'r-1', 'user.id': 'u-2', rows: 3, ms: 9.5, ok: true, none: null },
      ...{ 'code.file.path': 'test/transports/otel.test.ts', 'code.line.number': expect.any(Number) },
    })
    expect(record?.spanContext).toBe(undefined)
    expect(record?.eventName).toBe(undefined)
    expect(transport.stats()).toEqual({
      ...{
        records: 1,
        bytes: 0,
        dropped: 0,
        buffered: 0,
        disabled: 0,
        unregistered: 0,
        lastError: undefined,
      },
    })
  })

  it('keeps its order within a millisecond', () => {
    const exporter = registered()
    const { logger } = rig()
    for (const n of [1, 2, 3]) logger.info('x', { n })
    expect(exporter.getFinishedLogRecords().map(({ hrTime }) => hrTime[1])).toEqual([
      89_000_000, 89_000_001, 89_000_002,
    ])
  })

  it.each([
    ['trace', 1],
    ['debug', 5],
    ['info', 9],
    ['notice', 11],
    ['warn', 13],
    ['error', 17],
    ['fatal', 21],
    ['silly', 1],
    ['doom', 24],
  ])('%s has severity %i', (level, severityNumber) => {
    const exporter = registered()
    const { logger } = rig({}, { customLevels: { silly: 3, notice: 35, doom: 90 } })
    logger.level = 'silly'
    ;(logger as unknown as Record<string, (msg: string) => void>)[level]?.('x')
    expect(exporter.getFinishedLogRecords()).toMatchObject([{ severityNumber, severityText: level }])
  })

  it('has nested fields as they are, and not by reference', () => {
    const exporter = registered()
    const order = { id: 1, lines: [{ sku: 'a', tags: ['x', null] }], at: new Date(0), big: 2n ** 70n }
    const same = { n: 1 }
    rig().logger.info('x', { order, twice: [same, same] })
    order.lines.length = 0
    expect(exporter.getFinishedLogRecords()[0]?.attributes).toEqual({
      order: {
        ...{ id: 1, lines: [{ sku: 'a', tags: ['x', null] }] },
        ...{ at: '1970-01-01T00:00:00.000Z', big: '1180591620717411303424' },
      },
      twice: [{ n: 1 }, { n: 1 }],
    })
  })

  it('has an error as exception.*, the rest of it as err', () => {
    const exporter = registered()
    const root = Object.assign(new RangeError('pool empty'), { code: 'E_POOL' })
    const err = Object.assign(new TypeError('query failed', { cause: root }), {
      code: 'E_QUERY',
      query: { id: 7 },
    })
    rig().logger.error('it failed', err, { order_id: 42 })
    expect(exporter.getFinishedLogRecords()[0]?.attributes).toEqual({
      ...{
        'exception.type': 'TypeError',
        'exception.message': 'query failed',
        'exception.stacktrace': err.stack,
      },
      err: {
        ...{ code: 'E_QUERY', query: { id: 7 } },
        cause: { type: 'RangeError', message: 'pool empty', stack: root.stack, code: 'E_POOL' },
      },
      order_id: 42,
    })
  })

  it('keeps what the SDK would lose: fields without a name, __proto__, objects with a constructor', () => {
    const exporter = registered()
    const said = JSON.parse(
      '{"":1,"__proto__":{"a":2},"body":{"constructor":"x","_constructor":0,"deep":[{"__proto__":3}]}}',
    )
    rig().logger.info(said)
    expect(exporter.getFinishedLogRecords()[0]?.attributes).toEqual({
      _: 1,
      ___proto__: { a: 2 },
      body: { __constructor: 'x', _constructor: 0, deep: [{ ___proto__: 3 }] },
    })
  })

  it('says identity where the resource does not', () => {
    const exporter = registered()
    const identity = { service: 'shop', version: '1.2.3', env: 'prod', host: 'h', pid: 1, worker_id: '2' }
    const more: LoggerOptions = { identity, labels: { module: 'store' } }
    rig({}, more).logger.info('by the resource', { region: 'mine' })
    rig({ identity: true }, more).logger.info('by itself')
    const [bare, full] = exporter.getFinishedLogRecords()
    expect(bare?.attributes).toEqual({ module: 'store', region: 'mine' })
    expect(full?.attributes).toMatchObject({
      ...{ 'service.name': 'shop', 'service.version': '1.2.3', 'deployment.environment.name': 'prod' },
      ...{ 'host.name': 'h', 'process.pid': 1, 'service.instance.id': 'h/2', module: 'store' },
    })
    expect(full?.attributes).not.toHaveProperty('service')
  })

  it("leaves out no identity but its own logger's", () => {
    const { provider, exporter } = sdk()
    const transport = otelTransport({ loggerProvider: provider })
    transport.attach?.({ report: () => {}, identity: { service: 'shop' } })
    for (const service of ['shop', 'payments']) transport.writeRecord?.({ msg: 'x', service }, 30)
    expect(exporter.getFinishedLogRecords().map(({ attributes }) => attributes)).toEqual([
      {},
      { service: 'payments' },
    ])
  })

  it('has the default names, whatever the schema', () => {
    const exporter = registered()
    const schemas = ['default', 'ecs', 'gcp', 'datadog', 'pino'] as const
    for (const schema of schemas) {
      const { logger } = rig({}, { schema, identity: { service: 'shop' } })
      withContext({ request_id: 'r-1' }, () =>
        logger.child({ component: 'db' }).info('x', { duration_ms: 2 }),
      )
    }
    const [first, ...others] = exporter.getFinishedLogRecords()
    expect(first).toMatchObject({ body: 'x', severityText: 'info', instrumentationScope: { name: 'db' } })
    expect(first?.attributes).toEqual({ request_id: 'r-1', duration_ms: 2 })
    for (const other of others) {
      expect(other.attributes).toEqual(first?.attributes)
      expect(other.hrTime[0]).toEqual(first?.hrTime[0])
      expect(other.body).toBe('x')
    }
  })

  it('is redacted', () => {
    const exporter = registered()
    rig({}, { redact: ['password', 'msg'] }).logger.info('hunter2', { password: 'hunter2' })
    const [record] = exporter.getFinishedLogRecords()
    expect([record?.body, record?.attributes]).toEqual(['[Redacted]', { password: '[Redacted]' }])
  })
})

describe('the scope', () => {
  it('is spoor where there is no component', () => {
    const exporter = registered()
    const { logger } = rig()
    logger.info('none')
    logger.info('no text', { component: 7 })
    const [none, number] = exporter.getFinishedLogRecords()
    expect(none?.instrumentationScope.name).toBe('spoor')
    expect(number?.instrumentationScope.name).toBe('spoor')
    expect(number?.attributes).toEqual({ component: 7 })
  })

  it('is bounded: components made from data are an attribute from some number on', () => {
    const exporter = registered()
    const { logger } = rig()
    for (let i = 0; i < 1010; i++) logger.info('x', { component: `c${i}` })
    logger.info('x', { component: 'c0' })
    const records = exporter.getFinishedLogRecords()
    expect(new Set(records.map((record) => record.instrumentationScope.name)).size).toBeLessThanOrEqual(1001)
    const [last, known] = records.slice(-2)
    expect([last?.instrumentationScope.name, last?.attributes]).toEqual(['spoor', { component: 'c1009' }])
    expect([known?.instrumentationScope.name, known?.attributes]).toEqual(['c0', {}])
  })
})

describe('the trace', () => {
  it("is the active span's", () => {
    const exporter = registered()
    new NodeTracerProvider().register()
    const { logger } = rig()
    inSpan((ids) => {
      logger.info('in the span')
      withContext({ request_id: 'r-1' }, () => logger.info('in a scope in the span'))
      const records = exporter.getFinishedLogRecords()
      expect(records).toHaveLength(2)
      for (const { spanContext } of records) expect(spanContext).toMatchObject({ ...ids, traceFlags: 1 })
      expect(records.map(({ attributes }) => attributes)).toEqual([{}, { request_id: 'r-1' }])
    })
  })

  it("is the scope's, where there is no span, and no context manager either", () => {
    const exporter = registered()
    const { logger } = rig()
    runInScope(createScope({}, { ...TRACE, flags: 3 }), () => logger.info('x'))
    const [record] = exporter.getFinishedLogRecords()
    expect(record?.spanContext).toMatchObject({
      traceId: TRACE.traceId,
      spanId: TRACE.spanId,
      traceFlags: 3,
      isRemote: true,
    })
    expect(record?.attributes).toEqual({})
  })

  it("is the record's own, where another span is active", () => {
    const exporter = registered()
    new NodeTracerProvider().register()
    const { logger } = rig()
    inSpan(() => {
      writeRecord(logger, 'info', 'request completed', { scope: createScope({}, TRACE) })
      withContext({}, () => boundTo(logger, createScope({})).info('of no trace'))
    })
    const [completed, none] = exporter.getFinishedLogRecords()
    expect(completed?.spanContext).toMatchObject({ traceId: TRACE.traceId, spanId: TRACE.spanId })
    expect(none?.spanContext).toBe(undefined)
    expect([completed?.attributes, none?.attributes]).toEqual([{}, {}])
  })

  it('comes in a context that has what else is active, and a span like any', () => {
    const seen: unknown[] = []
    registered({
      onEmit(_record, given) {
        const context = given as api.Context
        const span = trace.getSpan(context)
        const chained = span
          ?.setAttribute('a', 1)
          .setAttributes({})
          .addEvent('x')
          .setStatus({ code: 0 })
          .updateName('y')
        span?.recordException(new Error('x'))
        span?.end()
        const other = context.setValue(KEY, 'changed').deleteValue(KEY)
        seen.push([context.getValue(KEY), span?.isRecording(), chained === span, other.getValue(KEY)])
        expect(trace.getSpanContext(other)?.traceId).toBe(TRACE.traceId)
      },
      forceFlush: async () => {},
      shutdown: async () => {},
    })
    const KEY = api.createContextKey('mine')
    new NodeTracerProvider().register()
    const { logger, transport } = rig()
    api.context.with(api.context.active().setValue(KEY, 'kept'), () => {
      runInScope(createScope({}, TRACE), () => logger.info('x'))
    })
    expect(transport.stats().lastError).toBe(undefined)
    expect(seen).toEqual([['kept', false, true, undefined]])
  })

  it('stays in the attributes where it is half of one', () => {
    const exporter = registered()
    const { logger } = rig({}, { mixin: () => ({ trace_id: 'c'.repeat(32) }) })
    logger.info('x')
    const [record] = exporter.getFinishedLogRecords()
    expect(record?.spanContext).toBe(undefined)
    expect(record?.attributes).toEqual({ trace_id: 'c'.repeat(32) })
  })
})

describe('enabled()', () => {
  function configured(config: Partial<LoggerConfig>, pattern = '*'): Sdk {
    const exporter = new InMemoryLogRecordExporter()
    const loggerConfigurator = createLoggerConfigurator([{ pattern, config }])
    const processors = [new SimpleLogRecordProcessor({ exporter })]
    return { exporter, provider: new LoggerProvider({ processors, loggerConfigurator }) }
  }
  const unread = {
    get field(): never {
      throw new Error('the record was made')
    },
  }

  it('keeps records from being made that the SDK does not want', () => {
    const { provider, exporter } = configured({ minimumSeverity: SeverityNumber.WARN })
    const { logger, transport } = rig({ loggerProvider: provider })
    let read = 0
    const fields = {
      get field() {
        return ++read
      },
    }
    logger.info('not wanted', fields)
    expect(read).toBe(0)
    logger.warn('wanted', fields)
    expect(read).toBe(1)
    expect(exporter.getFinishedLogRecords().map(({ body }) => body)).toEqual(['wanted'])
    expect(transport.stats()).toMatchObject({ records: 1, disabled: 1, dropped: 0 })
  })

  it('is asked for the scope that the record has', () => {
    const { provider, exporter } = configured({ disabled: true }, 'noisy')
    const { logger, transport } = rig({ loggerProvider: provider })
    logger.child({ component: 'noisy' }).error('no', unread)
    logger.child({ component: 'other' }).error('yes')
    expect(exporter.getFinishedLogRecords().map(({ body }) => body)).toEqual(['yes'])
    expect(transport.stats().disabled).toBe(1)
  })

  it('is asked in the trace that the record has', () => {
    const { provider, exporter } = configured({ traceBased: true })
    new NodeTracerProvider({ sampler: new AlwaysOffSampler() }).register()
    const { logger, transport } = rig({ loggerProvider: provider })
    inSpan(() => {
      logger.info('of the span that is not sampled', unread)
      writeRecord(logger, 'info', 'of a trace that is', { scope: createScope({}, TRACE) })
    })
    runInScope(createScope({}, { ...TRACE, flags: 0 }), () => logger.info('of a scope that is not', unread))
    expect(exporter.getFinishedLogRecords().map(({ body }) => body)).toEqual(['of a trace that is'])
    expect(transport.stats()).toMatchObject({ records: 1, disabled: 2 })
  })

  it('need not be there: an older API has none', () => {
    const emitted: object[] = []
    const loggerProvider = { getLogger: () => ({ emit: (record: object) => void emitted.push(record) }) }
    rig({ loggerProvider }).logger.info('x')
    expect(emitted).toMatchObject([{ body: 'x' }])
  })

  it('is false once the SDK was shut down', async () => {
    const { provider } = sdk()
    const { logger, transport } = rig({ loggerProvider: provider })
    await provider.shutdown()
    logger.info('x', unread)
    expect(transport.stats()).toMatchObject({ records: 0, disabled: 1, dropped: 0 })
  })
})

describe('the provider', () => {
  it('may be registered after the transport was made; what came before is counted and told once', () => {
    const transport = otelTransport()
    const logger = createLogger({ ...QUIET, transports: [transport] })
    const events = told(transport)
    logger.info('too early')
    logger.info('too early')
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 2, unregistered: 2 })
    expect(events).toEqual([
      { code: 'no-sdk', message: expect.stringContaining('no OpenTelemetry logger provider') },
    ])
    const exporter = registered()
    logger.info('in time')
    expect(exporter.getFinishedLogRecords().map(({ body }) => body)).toEqual(['in time'])
    logs.disable()
    logger.info('taken away')
    expect(events).toHaveLength(1)
    expect(transport.stats()).toMatchObject({ records: 4, dropped: 3, unregistered: 3 })
    const second = registered()
    logger.info('another one')
    expect(second.getFinishedLogRecords().map(({ body }) => body)).toEqual(['another one'])
  })

  it('is found where @opentelemetry/api 1.10 registers it', () => {
    new NodeTracerProvider().register()
    const { provider, exporter } = sdk()
    const global = (globalThis as unknown as Record<symbol, { logs?: unknown }>)[API]
    if (global === undefined) throw new Error('no api')
    global.logs = provider
    try {
      rig().logger.info('x')
    } finally {
      delete global.logs
    }
    expect(exporter.getFinishedLogRecords()).toHaveLength(1)
  })

  it('may be given', () => {
    const globally = registered()
    const { provider, exporter } = sdk()
    rig({ loggerProvider: provider }).logger.info('x')
    expect(exporter.getFinishedLogRecords()).toHaveLength(1)
    expect(globally.getFinishedLogRecords()).toHaveLength(0)
  })

  it.each([
    ['no provider', { loggerProvider: {} }],
    ['a text', { loggerProvider: 'x' }],
    ['an unknown option', { logerProvider: {} }],
    ['a wrong level', { level: 'loud' }],
  ])('%s is an error at set-up', (_, options) => {
    expect(() => otelTransport(options as OtelTransportOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }),
    )
  })
})

it('says where records arrive twice', () => {
  const transport = otelTransport()
  expect(told(transport)).toEqual([])
  const events: TransportEvent[] = []
  transport.attach?.({ report: (event) => void events.push(event), instrumented: true })
  expect(events).toEqual([{ code: 'doubled', message: expect.stringContaining('disableLogSending') }])
})

describe('an SDK that fails', () => {
  const broken = (what: string) => (): never => {
    throw new Error(`${what} is broken`)
  }
  const good = { emit: () => {}, enabled: () => true }

  it.each([
    ['getLogger', { getLogger: broken('getLogger') }, 1],
    ['enabled', { getLogger: () => ({ ...good, enabled: broken('enabled') }) }, 0],
    ['emit', { getLogger: () => ({ ...good, emit: broken('emit') }) }, 1],
  ])('%s: never throws into the caller; counted and told', (what, loggerProvider, dropped) => {
    const transport = otelTransport({ loggerProvider })
    const memory = memoryTransport()
    const logger = createLogger({ ...QUIET, transports: [transport, memory] })
    const events = told(transport)
    expect(() => logger.info('x')).not.toThrow()
    expect(memory.lines).toHaveLength(1)
    expect(transport.stats()).toMatchObject({ records: 1, dropped, lastError: `${what} is broken` })
    expect(events[0]).toMatchObject({
      code: 'sdk-threw',
      message: expect.stringContaining(`${what} is broken`),
    })
  })

  it('tells what was thrown, whatever it is', () => {
    const thrown: unknown[] = [new Error('one'), 'two', undefined, { toString: broken('toString') }]
    const emit = (): never => {
      throw thrown.shift()
    }
    const transport = otelTransport({ loggerProvider: { getLogger: () => ({ emit }) } })
    const events = told(transport)
    for (let i = 0; i < 4; i++) transport.writeRecord?.({ msg: 'x' }, 30)
    expect(events.map(({ message }) => message)).toEqual([
      expect.stringContaining(': one.'),
      expect.stringContaining(': two.'),
      expect.stringContaining(': undefined.'),
      expect.stringContaining('something unreadable'),
    ])
    expect(new Set(events.map(({ code }) => code))).toEqual(new Set(['sdk-threw']))
    expect(transport.stats()).toMatchObject({ records: 4, dropped: 4 })
  })

  it('a global that is broken is none', () => {
    const transport = otelTransport()
    const events = told(transport)
    const holder = globalThis as unknown as Record<symbol, unknown>
    const key = Symbol.for('io.opentelemetry.js.api.logs')
    for (const value of [broken('global'), () => 7, 'x', () => ({ getLogger: 1 })]) {
      holder[key] = value
      expect(transport.wantsRecord?.({}, 30)).toBe(false)
    }
    delete holder[key]
    expect(transport.stats()).toMatchObject({ records: 4, dropped: 4, lastError: 'global is broken' })
    expect(events.map(({ code }) => code)).toEqual(['sdk-threw', 'no-sdk'])
  })
})

describe('whatever is logged', () => {
  it('reaches the SDK, and nothing is thrown', () => {
    const { provider, exporter } = sdk()
    const { logger, transport } = rig({ loggerProvider: provider })
    const dropped: unknown[] = []
    api.diag.setLogger(
      {
        ...console,
        warn: (text) => void dropped.push(text),
        debug() {},
        info() {},
        verbose() {},
      } as api.DiagLogger,
      { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
    )
    fc.assert(
      fc.property(call, (args) => {
        exporter.reset()
        ;(logger.info as unknown as (...args: unknown[]) => void)(...args())
        expect(exporter.getFinishedLogRecords()).toHaveLength(1)
      }),
      { numRuns },
    )
    api.diag.disable()
    expect(transport.stats()).toMatchObject({ dropped: 0, lastError: undefined })
    // Each attribute that the SDK leaves out is a warning of its.
    expect(dropped).toEqual([])
  })
})

describe('flush and close', () => {
  it('flush the SDK, and leave it running', async () => {
    let flushed = 0
    const exporter = registered({
      onEmit() {},
      forceFlush: async () => void flushed++,
      shutdown: async () => expect.unreachable('it is not ours'),
    })
    const { logger, transport } = rig()
    logger.info('x')
    await transport.flush?.()
    expect(flushed).toBe(1)
    await transport.close?.()
    await transport.close?.()
    expect(flushed).toBe(2)
    logger.info('after close')
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 1, unregistered: 0 })
    expect(exporter.getFinishedLogRecords()).toHaveLength(1)
  })

  it.each([
    ['no provider', undefined],
    ['no forceFlush', { getLogger: () => ({ emit() {} }) }],
    [
      'a forceFlush that rejects',
      { getLogger: () => ({ emit() {} }), forceFlush: () => Promise.reject(new Error('no')) },
    ],
  ])('never reject: %s', async (_, loggerProvider) => {
    const transport = otelTransport({ loggerProvider })
    const events = told(transport)
    await transport.flush?.()
    await transport.close?.()
    expect(events.map(({ code }) => code)).toEqual(
      loggerProvider && 'forceFlush' in loggerProvider ? ['sdk-threw', 'sdk-threw'] : [],
    )
  })
})

describe('for who has lines alone', () => {
  function subject(): TransportUnderTest {
    const { provider, exporter } = sdk()
    const lineOf = ({
      severityText,
      attributes,
      body,
    }: {
      severityText?: string
      attributes: { n?: unknown }
      body?: unknown
    }) => `${JSON.stringify({ level: severityText, n: attributes.n, msg: body })}\n`
    return {
      transport: otelTransport({ loggerProvider: provider }),
      local: true,
      lines: () => exporter.getFinishedLogRecords().map((record) => lineOf(record as never)),
    }
  }

  // No bytes: what is written to where is the SDK's.
  for (const check of transportChecks.filter(({ name }) => name !== 'counts records and bytes')) {
    it(check.name, () => check.run(subject))
  }

  it('counts a line that is no record as dropped', () => {
    const { provider, exporter } = sdk()
    const transport = otelTransport({ loggerProvider: provider })
    for (const line of ['no json\n', '[]\n', 'null\n']) transport.write(line, 30)
    expect(transport.stats()).toMatchObject({ records: 3, dropped: 3 })
    transport.write('{"time":1772600767089,"level":30,"msg":"pino"}\n', 30)
    transport.write('{}\n', 30)
    expect(exporter.getFinishedLogRecords()).toMatchObject([
      { body: 'pino', severityNumber: 9, hrTime: [1772600767, 89_000_000] },
      { body: '', severityNumber: 9 },
    ])
  })
})
