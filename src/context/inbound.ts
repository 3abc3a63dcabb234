import type { TraceContext } from './scope.ts'
import { parseTraceparent } from './traceparent.ts'
import { parseTracestate } from './tracestate.ts'

/** Headers as node:http gives them: lower-case names. */
export interface IncomingHeaders {
  readonly [name: string]: string | readonly string[] | undefined
}

/**
 * The trace context that came with a request; undefined where there is none or its traceparent is invalid, in
 * which case its tracestate counts for nothing either. A bad tracestate does not touch the traceparent.
 */
export function traceFromHeaders(headers: IncomingHeaders): TraceContext | undefined {
  return traceFrom(headers.traceparent, headers.tracestate)
}

/**
 * The trace context that a batch job or command was started in (OpenTelemetry's environment carriers).
 *
 * @param env @default process.env; TRACEPARENT and TRACESTATE are read
 */
export function traceFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): TraceContext | undefined {
  return traceFrom(env.TRACEPARENT, env.TRACESTATE)
}

/** A trace context from outside, checked. */
export function traceFrom(
  traceparent: string | readonly string[] | undefined,
  tracestate: string | readonly string[] | undefined,
): TraceContext | undefined {
  const parent = parseTraceparent(traceparent)
  if (parent === undefined) return undefined
  const state = tracestate === undefined ? undefined : parseTracestate(tracestate)
  const { traceId, spanId, flags } = parent
  return state === undefined
    ? { traceId, spanId, flags, remote: true }
    : { traceId, spanId, flags, tracestate: state, remote: true }
}
