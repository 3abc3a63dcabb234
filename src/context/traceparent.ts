import { builtin } from '../config/builtin.ts'
import { currentSampler, type Sampler } from './sampler.ts'
import type { TraceContext } from './scope.ts'

/** What a traceparent header says, checked. */
export interface Traceparent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string
  /** Masked to the bits that level 2 defines. */
  readonly flags: number
}

/** Trace flags of the W3C's level 2: https://www.w3.org/TR/trace-context-2/#trace-flags. */
export const SAMPLED = 0x01
export const RANDOM = 0x02
const KNOWN_FLAGS = SAMPLED | RANDOM

const ZERO_TRACE_ID = '0'.repeat(32)
const ZERO_SPAN_ID = '0'.repeat(16)

const TRACE_ID = /^[0-9a-f]{32}$/
const SPAN_ID = /^[0-9a-f]{16}$/

// No comma in what a future version may append: Node joins a header that came twice with one.
const SHAPE = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-[^,]*)?$/
const VERSION_00_LENGTH = 55
const MAX_LENGTH = 512

/** True for 32 lower-case hex digits that are not all zero. */
export function isTraceId(value: unknown): value is string {
  return typeof value === 'string' && TRACE_ID.test(value) && value !== ZERO_TRACE_ID
}

/** True for 16 lower-case hex digits that are not all zero. */
export function isSpanId(value: unknown): value is string {
  return typeof value === 'string' && SPAN_ID.test(value) && value !== ZERO_SPAN_ID
}

/** Keeps the flags that level 2 defines; anything else is none. */
export function maskFlags(flags: unknown): number {
  return typeof flags === 'number' ? flags & KNOWN_FLAGS : 0
}

/**
 * Reads a traceparent header by the W3C's rules (levels 1 and 2); undefined where it is not valid.
 *
 * One value only, spaces and tabs around it allowed, at most 512 characters, lower case only. Version ff and
 * all-zero ids are invalid, version 00 is exactly 55 characters, a higher version is read by its first 55.
 */
export function parseTraceparent(value: string | readonly string[] | undefined): Traceparent | undefined {
  const one =
    typeof value === 'string' ? value : Array.isArray(value) && value.length === 1 ? value[0] : undefined
  if (typeof one !== 'string' || one.length > MAX_LENGTH) return undefined
  const text = trimOws(one)
  const match = SHAPE.exec(text)
  if (match === null) return undefined
  const [, version, traceId, spanId, flags] = match as unknown as [string, string, string, string, string]
  if (version === 'ff' || (version === '00' && text.length !== VERSION_00_LENGTH)) return undefined
  if (traceId === ZERO_TRACE_ID || spanId === ZERO_SPAN_ID) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS }
}

/** Takes the optional white space of HTTP, spaces and tabs, off both ends; nothing else, as trim() would. */
export function trimOws(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isOws(text.charCodeAt(start))) start++
  while (end > start && isOws(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** A traceparent header of version 00. */
export function formatTraceparent(trace: Traceparent): string {
  return `00-${trace.traceId}-${trace.spanId}-${formatFlags(trace.flags)}`
}

/** Trace flags as two hex digits, masked to what level 2 defines. */
export function formatFlags(flags: number): string {
  return `0${flags & KNOWN_FLAGS}`
}

const TRACE_BYTES = 24
const pool = Buffer.allocUnsafeSlow(TRACE_BYTES * 170)
let used = pool.length

/**
 * Starts a trace: random ids, the random flag set, sampled as `sampler` decides.
 *
 * @param sampler @default the one of OTEL_TRACES_SAMPLER, see {@link currentSampler}
 */
export function newTrace(sampler: Sampler = currentSampler()): TraceContext {
  if (used === pool.length) {
    builtin('node:crypto').randomFillSync(pool)
    used = 0
  }
  const start = used
  used += TRACE_BYTES
  const hex = pool.toString('hex', start, used)
  const traceId = hex.slice(0, 32)
  const flags = sampler(traceId) ? RANDOM | SAMPLED : RANDOM
  return { traceId, spanId: hex.slice(32), flags, remote: false }
}
