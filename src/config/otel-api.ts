/** What every 1.x of @opentelemetry/api registers its parts under. */
export const OTEL_API = Symbol.for('opentelemetry.js.api.1')
/** The active span in a context. */
export const SPAN_KEY = Symbol.for('OpenTelemetry Context Key SPAN')
/** What @opentelemetry/api-logs registers; from @opentelemetry/api 1.10 on it is a part of the api, `logs`. */
const OTEL_LOGS_API = Symbol.for('io.opentelemetry.js.api.logs')
/** The only version of its contract that api-logs has had, which its getter asks for. */
const LOGS_CONTRACT = 1

/** A context of OpenTelemetry's: values by key, never changed. */
export interface OtelContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): OtelContext
  deleteValue(key: symbol): OtelContext
}

/** The parts of OpenTelemetry's API that are registered in this process, as far as they are used here. */
export interface OtelApi {
  readonly context?: { active(): OtelContext | undefined } | undefined
  readonly logs?: unknown
}

// The api itself is never loaded: that costs 20 ms of import time, and an api newer than the application's sees
// nothing of what the application registered, without a word.
const holder = globalThis as unknown as Record<symbol, unknown>

/** The registered API, or undefined. What it holds is an application's, and may be broken. */
export function otelApi(): OtelApi | undefined {
  return holder[OTEL_API] as OtelApi | undefined
}

/** The logger provider that an SDK registered, by either package that has a logs API; undefined for none. May throw. */
export function registeredLoggerProvider(): unknown {
  const provider = otelApi()?.logs
  if (provider !== undefined) return provider
  const get = holder[OTEL_LOGS_API]
  return typeof get === 'function' ? get(LOGS_CONTRACT) : undefined
}
