import { otelApi, SPAN_KEY } from '../config/otel-api.ts'
import type { Scope, TraceContext } from './scope.ts'
import { isSpanId, isTraceId, maskFlags } from './traceparent.ts'
import { parseTracestate } from './tracestate.ts'

const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

interface OtelSpanContext {
  readonly traceId?: unknown
  readonly spanId?: unknown
  readonly traceFlags?: unknown
  readonly isRemote?: unknown
  readonly traceState?: { serialize(): unknown } | undefined
}

/**
 * The OpenTelemetry span that is active in the running code, or undefined. It looks at the global each time, so
 * an SDK that is registered late, or taken away, is noticed by the next record. Never throws.
 */
export function activeSpan(): object | undefined {
  const api = otelApi()
  if (api === undefined) return undefined
  try {
    const span = api.context?.active()?.getValue(SPAN_KEY)
    return typeof span === 'object' && span !== null ? span : undefined
  } catch {
    return undefined
  }
}

/** True where OpenTelemetry is told not to trace what is going on: its exporters' own requests. Never throws. */
export function tracingSuppressed(): boolean {
  const api = otelApi()
  if (api === undefined) return false
  try {
    return api.context?.active()?.getValue(SUPPRESS_TRACING) === true
  } catch {
    return false
  }
}

/** The checked trace context of a span; undefined for one that is invalid or records nowhere. Never throws. */
export function spanTrace(span: object): TraceContext | undefined {
  try {
    const context = (span as { spanContext(): OtelSpanContext }).spanContext()
    const { traceId, spanId } = context
    if (!isTraceId(traceId) || !isSpanId(spanId)) return undefined
    const flags = maskFlags(context.traceFlags)
    const remote = context.isRemote === true
    const state = context.traceState?.serialize()
    const tracestate = typeof state === 'string' ? parseTracestate(state) : undefined
    return tracestate === undefined
      ? { traceId, spanId, flags, remote }
      : { traceId, spanId, flags, tracestate, remote }
  } catch {
    return undefined
  }
}

/** The trace that the running code belongs to: the active span's, else the scope's. */
export function currentTrace(scope: Scope | undefined): TraceContext | undefined {
  const span = activeSpan()
  return (span === undefined ? undefined : spanTrace(span)) ?? scope?.trace
}
