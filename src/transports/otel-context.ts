import { type OtelContext, otelApi, SPAN_KEY } from '../config/otel-api.ts'

type LogRecord = Readonly<Record<string, unknown>>

interface Ids {
  readonly traceId: string
  readonly spanId: string
}

/** Where a record belongs, as OpenTelemetry says it. */
export interface Placing {
  /** Undefined where no context is active and the record needs none. */
  readonly context: OtelContext | undefined
  /** True where the context says the record's trace ids. */
  readonly traced: boolean
}

const TRACE_ID = /^(?!0+$)[0-9a-f]{32}$/
const SPAN_ID = /^(?!0+$)[0-9a-f]{16}$/
const FLAGS = /^[0-9a-f]{2}$/

/**
 * The context of a record: the active one where the record is of its span. A record of another trace (a scope's
 * without any span, a request's that has ended) gets a context with just those ids, one of no trace a context without
 * a span: the SDK takes the ids from the context alone. Never throws.
 */
export function placingOf(record: LogRecord): Placing {
  const active = activeContext()
  const running = idsOfSpan(active)
  const ids = idsOf(record.trace_id, record.span_id)
  if (ids === undefined) {
    return { context: running === undefined ? active : layer(active, SPAN_KEY, undefined), traced: false }
  }
  if (running?.traceId === ids.traceId && running.spanId === ids.spanId) {
    return { context: active, traced: true }
  }
  const flags = typeof record.trace_flags === 'string' && FLAGS.test(record.trace_flags)
  const traceFlags = flags ? Number.parseInt(record.trace_flags as string, 16) : 0
  return { context: layer(active, SPAN_KEY, spanOf({ ...ids, traceFlags, isRemote: true })), traced: true }
}

function activeContext(): OtelContext | undefined {
  try {
    return otelApi()?.context?.active()
  } catch {
    return undefined
  }
}

function idsOfSpan(context: OtelContext | undefined): Ids | undefined {
  try {
    const span = context?.getValue(SPAN_KEY) as { spanContext(): Ids } | undefined
    const { traceId, spanId } = span?.spanContext() ?? {}
    return idsOf(traceId, spanId)
  } catch {
    return undefined
  }
}

/** Ids of another form make a context that the SDK takes for none. */
function idsOf(traceId: unknown, spanId: unknown): Ids | undefined {
  if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) return undefined
  if (typeof spanId !== 'string' || !SPAN_ID.test(spanId)) return undefined
  return { traceId, spanId }
}

/** A context with one value more, over another one or none: the API's own can't be made without loading it. */
function layer(base: OtelContext | undefined, key: symbol, value: unknown): OtelContext {
  const self: OtelContext = {
    getValue: (wanted) => (wanted === key ? value : base?.getValue(wanted)),
    setValue: (other, its) => layer(self, other, its),
    deleteValue: (other) => layer(self, other, undefined),
  }
  return self
}

/** A span that has ids and records nothing; processors may call whatever a span has. */
function spanOf(spanContext: Ids & { readonly traceFlags: number; readonly isRemote: true }): object {
  const same = (): object => span
  const span = {
    spanContext: () => spanContext,
    isRecording: () => false,
    setAttribute: same,
    setAttributes: same,
    addEvent: same,
    addLink: same,
    addLinks: same,
    setStatus: same,
    updateName: same,
    end() {},
    recordException() {},
  }
  return span
}
