import { checkOptions, isBoolean, isLevel, isObject, isString, type OptionsSpec } from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { registeredLoggerProvider } from '../config/otel-api.ts'
import { after, clearTimeout } from '../segments/timers.ts'
import { guardedHost, levelNumber, stderrHost } from './host.ts'
import { placingOf } from './otel-context.ts'
import { attributesFor, createClock, type OtelLogRecord, severityOf } from './otel-record.ts'
import type { Transport, TransportHost, TransportStats } from './transport.ts'

/** What is used of a logger of OpenTelemetry's logs API. */
export interface OtelLogger {
  emit(record: object): void
  /** Asked before a record is made, where the API has it. */
  enabled?(options?: object): boolean
}

/** What is used of a logger provider: one of `@opentelemetry/sdk-logs`, 0.2xx or 3.x, fits. */
export interface OtelLoggerProvider {
  getLogger(name: string): OtelLogger
  /** What the transport's `flush` calls, where there is one. */
  forceFlush?(): Promise<unknown>
}

export interface OtelTransportOptions {
  /** Where records go. @default the provider that an SDK has registered, looked up at each record */
  loggerProvider?: OtelLoggerProvider | undefined
  /**
   * Puts the service's identity (`service.name`, `host.name`, `service.instance.id`, …) into each record's attributes.
   * @default false: the SDK's resource says it
   */
  identity?: boolean | undefined
  /** Lowest level handed over. @default all */
  level?: LevelOrSilent | undefined
  /** The transport's name in stats and on stderr. @default 'otel' */
  name?: string | undefined
}

export interface OtelStats extends TransportStats {
  /** Records that the SDK did not want: they were not made, and are in no other count. */
  readonly disabled: number
  /** Records made while no SDK was registered; they are in `dropped` too. */
  readonly unregistered: number
}

/** A transport that hands records to OpenTelemetry. */
export interface OtelTransport extends Transport {
  stats(): OtelStats
}

const SPEC: OptionsSpec<OtelTransportOptions> = {
  loggerProvider: isObject,
  identity: isBoolean,
  level: isLevel,
  name: isString,
}
/** The instrumentation scope of records without a component. */
const ROOT_SCOPE = 'spoor'
/** Names of components can be made from data, and neither we nor the SDK ever forget a logger. */
const MOST_SCOPES = 1000
const CLOSE_WAIT_MS = 10_000

type LogRecord = Readonly<Record<string, unknown>>

/**
 * Hands records as objects to OpenTelemetry's logs API: to the provider that an SDK registers, also when it does so
 * later, or to one that is given. Without any, records are counted as dropped, which is told once. What the SDK holds
 * is its own from then on: it is lost where the process ends before it was sent, and how it is sent is the SDK's
 * affair. docs/otel.md says when to use this, and when the HTTP transport with `format: 'otlp'`.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of the SDK
 */
export function otelTransport(options: OtelTransportOptions = {}): OtelTransport {
  checkOptions(options, SPEC, 'otelTransport')
  checkProvider(options.loggerProvider)
  const name = options.name ?? 'otel'
  const clock = createClock()
  const loggers = new Map<string, OtelLogger>()
  let loggersOf: OtelLoggerProvider | undefined
  let host: TransportHost = stderrHost(name)
  let identity: LogRecord = {}
  let records = 0
  let dropped = 0
  let disabled = 0
  let unregistered = 0
  let told = false
  let closed = false
  let lastError: string | undefined

  function failed(thrown: unknown, what: string): void {
    lastError = reasonOf(thrown)
    const message = `OpenTelemetry's SDK threw ${what}: ${lastError}.`
    host.report({ code: 'sdk-threw', message })
  }

  function providerNow(): OtelLoggerProvider | undefined {
    try {
      return options.loggerProvider ?? asProvider(registeredLoggerProvider())
    } catch (thrown) {
      failed(thrown, 'when its logger provider was looked up')
      return undefined
    }
  }

  function scopeOf({ component }: LogRecord): string {
    if (typeof component !== 'string' || component === '') return ROOT_SCOPE
    return loggers.has(component) || loggers.size < MOST_SCOPES ? component : ROOT_SCOPE
  }

  function loggerOf(provider: OtelLoggerProvider, scope: string): OtelLogger {
    let logger = loggers.get(scope)
    if (logger === undefined) {
      logger = provider.getLogger(scope)
      loggers.set(scope, logger)
    }
    return logger
  }

  /** Counts a record that goes nowhere; undefined then. */
  function takenBy(): OtelLoggerProvider | undefined {
    const provider = closed ? undefined : providerNow()
    if (provider === undefined) {
      records++
      dropped++
      if (!closed) tellUnregistered()
    } else if (provider !== loggersOf) {
      loggers.clear()
      loggersOf = provider
    }
    return provider
  }

  function tellUnregistered(): void {
    unregistered++
    if (told) return
    told = true
    host.report({
      code: 'no-sdk',
      message:
        `no OpenTelemetry logger provider is registered: records for '${name}' are counted as dropped until there ` +
        'is one. Start the SDK before the first record (NodeSDK with logRecordProcessors, or ' +
        'logs.setGlobalLoggerProvider), or give otelTransport its loggerProvider. This is said once.',
    })
  }

  function tellDoubled(): void {
    host.report({
      code: 'doubled',
      message:
        `OpenTelemetry's instrumentation of pino sends each record too: the SDK gets it twice. Turn that off (new ` +
        `PinoInstrumentation({ disableLogSending: true })), or leave the transport '${name}' out.`,
    })
  }

  function wantsRecord(common: LogRecord, level: number): boolean {
    const provider = takenBy()
    if (provider === undefined) return false
    try {
      const { context } = placingOf(common)
      const severityNumber = severityOf(level)
      const asked = context === undefined ? { severityNumber } : { severityNumber, context }
      if (loggerOf(provider, scopeOf(common)).enabled?.(asked) !== false) return true
    } catch (thrown) {
      failed(thrown, 'when it was asked whether it wants a record; the record is handed over')
      return true
    }
    disabled++
    return false
  }

  function logRecordOf(record: LogRecord, level: number, scope: string): OtelLogRecord {
    const { context, traced } = placingOf(record)
    const timestamp = clock(record.time)
    const said = {
      scoped: scope === record.component,
      traced,
      identity,
      withIdentity: options.identity === true,
    }
    const made: OtelLogRecord = {
      timestamp,
      observedTimestamp: timestamp,
      severityNumber: severityOf(level),
      severityText: String(record.level ?? ''),
      body: record.msg ?? '',
      attributes: attributesFor(record, said),
    }
    if (context !== undefined) made.context = context
    return made
  }

  function writeRecord(record: LogRecord, level: number): void {
    const provider = takenBy()
    if (provider === undefined) return
    records++
    try {
      const scope = scopeOf(record)
      loggerOf(provider, scope).emit(logRecordOf(record, level, scope))
    } catch (thrown) {
      dropped++
      failed(thrown, 'when it was given a record, which is counted as dropped')
    }
  }

  async function flush(): Promise<void> {
    const provider = providerNow()
    try {
      await provider?.forceFlush?.()
    } catch (thrown) {
      failed(thrown, 'when it was flushed')
    }
  }

  return {
    name,
    level: levelNumber(options.level),
    attach(given) {
      host = guardedHost(given, name)
      identity = given.identity ?? {}
      if (given.instrumented === true) tellDoubled()
    },
    write(line, level) {
      const record = parsed(line)
      if (record !== undefined) writeRecord(record, level)
      else {
        records++
        dropped++
      }
    },
    writeRecord,
    wantsRecord,
    flush,
    async close() {
      if (closed) return
      closed = true
      // The SDK's own limits may be longer, or none.
      await within(CLOSE_WAIT_MS, flush())
    },
    stats: () => ({ records, bytes: 0, dropped, buffered: 0, lastError, disabled, unregistered }),
  }
}

function checkProvider(provider: OtelLoggerProvider | undefined): void {
  if (asProvider(provider) !== undefined || provider === undefined) return
  const expected = "a logger provider of OpenTelemetry's: an object with getLogger()"
  throw optionError({ option: 'otelTransport({ loggerProvider })', value: provider, expected })
}

function asProvider(value: unknown): OtelLoggerProvider | undefined {
  const provider = value as Partial<OtelLoggerProvider> | null | undefined
  return typeof provider?.getLogger === 'function' ? (provider as OtelLoggerProvider) : undefined
}

function parsed(line: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as LogRecord)
      : undefined
  } catch {
    return undefined
  }
}

function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'something unreadable'
  }
}

/** Resolves with the promise, after `ms` at the latest. */
async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = after(ms, resolve)
  })
  await Promise.race([done, late])
  clearTimeout(timer)
}
