import { parseBaggage } from './baggage.ts'
import { traceFrom } from './inbound.ts'
import { currentTrace } from './otel.ts'
import { REQUEST_ID_PATTERN } from './request-id.ts'
import { type ContextFields, createScope, currentScope, runOutermost } from './scope.ts'
import { formatTraceparent } from './traceparent.ts'

/** Anything that JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/** The context of a unit of work as plain JSON, to put into a job, a message or a worker's data. */
export interface Carrier {
  readonly fields: { readonly [key: string]: JsonValue }
  readonly traceparent?: string
  readonly tracestate?: string
  /** Names of fields that go on travelling as baggage. */
  readonly propagate?: readonly string[]
}

/** Bounds of a carrier, both when it is made and when it is read. */
const MAX_FIELDS = 64
const MAX_KEY = 128
/** Of one value's JSON, in UTF-16 units. */
const MAX_VALUE = 1024
const MAX_NAMES = 64

// The trace says these; a field must not say otherwise.
const RESERVED = new Set(['__proto__', 'trace_id', 'span_id', 'trace_flags'])

/**
 * The current scope and trace as plain JSON; empty outside a scope. Fields that JSON cannot say, or that are
 * longer than 1,024 characters, are left out; at most 64 are taken. Never throws.
 */
export function captureContext(): Carrier {
  const scope = currentScope()
  const trace = currentTrace(scope)
  const names = scope?.propagate
  return {
    fields: scope === undefined ? {} : (safeFields(scope.fields) as Carrier['fields']),
    ...(trace === undefined ? {} : { traceparent: formatTraceparent(trace) }),
    ...(trace?.tracestate === undefined ? {} : { tracestate: trace.tracestate }),
    ...(names === undefined || names.length === 0 ? {} : { propagate: safeNames(names) }),
  }
}

/**
 * Runs `fn` in a scope made of a carrier, and of nothing else: what surrounds the call, a consumer's loop, is not
 * mixed in. The carrier is not trusted: it is checked and bounded as captureContext bounds it, bad parts are
 * ignored, and with nothing usable `fn` still runs, in an empty scope. Returns what `fn` returns.
 */
export function continueContext<T>(carrier: unknown, fn: () => T): T {
  const { fields, trace, propagate } = readCarrier(carrier)
  const scope = createScope(fields, trace)
  scope.propagate = propagate
  scope.suppressed = currentScope()?.suppressed ?? false
  return runOutermost(scope, fn)
}

/**
 * The carrier of a batch job or command from the variables TRACEPARENT, TRACESTATE and BAGGAGE.
 *
 * @param env @default process.env
 * @param names baggage keys to take as fields; no other is read @default none
 */
export function environmentCarrier(
  env: Readonly<Record<string, string | undefined>> = process.env,
  names: readonly string[] = [],
): Carrier {
  return {
    fields: parseBaggage(env.BAGGAGE, names),
    ...(env.TRACEPARENT === undefined ? {} : { traceparent: env.TRACEPARENT }),
    ...(env.TRACESTATE === undefined ? {} : { tracestate: env.TRACESTATE }),
    ...(names.length === 0 ? {} : { propagate: names }),
  }
}

function readCarrier(carrier: unknown): {
  fields: ContextFields
  trace: ReturnType<typeof traceFrom>
  propagate: readonly string[] | undefined
} {
  const nothing = { fields: {}, trace: undefined, propagate: undefined }
  if (typeof carrier !== 'object' || carrier === null) return nothing
  try {
    const { fields, traceparent, tracestate, propagate } = carrier as Record<string, unknown>
    return {
      fields:
        typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? safeFields(fields) : {},
      trace: typeof traceparent === 'string' ? traceFrom(traceparent, asString(tracestate)) : undefined,
      propagate: Array.isArray(propagate) ? safeNames(propagate) : undefined,
    }
  } catch {
    // A getter or a Proxy that throws: no JSON, so nothing to go on with.
    return nothing
  }
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function safeNames(names: readonly unknown[]): string[] {
  return names
    .slice(0, MAX_NAMES)
    .filter((name): name is string => typeof name === 'string' && name.length <= MAX_KEY)
}

function safeFields(fields: object): ContextFields {
  const safe: ContextFields = {}
  let left = MAX_FIELDS
  for (const key of Object.keys(fields)) {
    if (key.length > MAX_KEY || RESERVED.has(key)) continue
    const value = safeValue(fields, key)
    if (value === undefined || (key === 'request_id' && !isRequestId(value))) continue
    safe[key] = value
    if (--left === 0) break
  }
  return safe
}

function isRequestId(value: JsonValue): boolean {
  return typeof value === 'string' && REQUEST_ID_PATTERN.test(value)
}

function safeValue(fields: object, key: string): JsonValue | undefined {
  try {
    const value = (fields as Record<string, unknown>)[key]
    if (typeof value === 'bigint') return value.toString()
    if (typeof value === 'string') return value.length <= MAX_VALUE ? value : undefined
    if (typeof value === 'boolean' || value === null) return value
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
    const json = JSON.stringify(value)
    return json === undefined || json.length > MAX_VALUE ? undefined : (JSON.parse(json) as JsonValue)
  } catch {
    return undefined
  }
}
