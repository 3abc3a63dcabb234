import { Buffer } from 'node:buffer'
import type { Verdict } from '../preset.ts'
import { jsonWithin } from '../presets/cut.ts'
import { jsonOf, textOf } from '../presets/record-parts.ts'
import type { Shipped } from '../shipped.ts'

export interface SyslogFormat {
  /** 0 to 23. */
  readonly facility: number
  /** 'line': the record as JSON. 'msg': its message alone. */
  readonly content: 'line' | 'msg'
  /** Most bytes of a whole message. */
  readonly maxMessageBytes: number
  /** An element of structured data of the user's own. */
  readonly structuredData: { readonly id: string; readonly keys: readonly string[] } | undefined
}

/** How a batch of messages goes out. */
export interface Sender {
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<Verdict>
  close(): void
}

/** Severities of RFC 5424, section 6.2.1. */
const SEVERITIES: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
}
const INFORMATIONAL = 6
const NIL = '-'
/** OpenTelemetry's SD-ID for its three fields (its specification, "Trace Context in non-OTLP Log Formats"). */
const TRACE_KEYS = ['trace_id', 'span_id', 'trace_flags'] as const
/** Less than that no cut record is worth sending. */
const LEAST_CONTENT_BYTES = 128
const TIMESTAMP = /^\d{4}-/

/**
 * A record as a message of RFC 5424. HOSTNAME, APP-NAME and PROCID are host, service and pid; a trace is structured
 * data. A message over the bound has its content cut, as JSON that still is some, and marked; the receiver would cut
 * it anywhere. Control characters stay as they are in a `msg`; in JSON there are none.
 */
export function syslogMessage(shipped: Shipped, format: SyslogFormat): Buffer {
  const { record, timeMs } = shipped
  const severity = SEVERITIES[String(record.level)] ?? INFORMATIONAL
  const head = [
    `<${format.facility * 8 + severity}>1`,
    timestamp(timeMs),
    name(textOf(record, 'host'), 255),
    name(textOf(record, 'service'), 48),
    name(textOf(record, 'pid'), 128),
    NIL,
    structuredData(shipped, format),
    '',
  ].join(' ')
  return Buffer.from(head + contentOf(shipped, format, format.maxMessageBytes - Buffer.byteLength(head)))
}

function contentOf(shipped: Shipped, { content }: SyslogFormat, room: number): string {
  const maxBytes = Math.max(room, LEAST_CONTENT_BYTES)
  if (content === 'msg') return cutBytes(textOf(shipped.record, 'msg') ?? '', maxBytes)
  const line = jsonOf(shipped)
  return Buffer.byteLength(line) <= maxBytes ? line : jsonWithin(shipped.record, maxBytes)
}

/** Six digits of a second at most, and four of a year. */
function timestamp(timeMs: number): string {
  const date = new Date(timeMs)
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString()
  return TIMESTAMP.test(text) ? text : NIL
}

/** Printable ASCII without spaces; what is none becomes '_'. */
function name(text: string | undefined, length: number): string {
  if (text === undefined) return NIL
  return text.replace(/[^\x21-\x7e]/gu, '_').slice(0, length)
}

function structuredData(shipped: Shipped, { structuredData: own }: SyslogFormat): string {
  const { record, id } = shipped
  const trace = parameters(record, TRACE_KEYS)
  const elements = [trace === '' ? '' : `[opentelemetry${trace}]`]
  if (own !== undefined) elements.push(`[${own.id}${parameters(record, own.keys)} id="${id}"]`)
  return elements.join('') || NIL
}

function parameters(record: Shipped['record'], keys: readonly string[]): string {
  return keys
    .map((key) => {
      const value = textOf(record, key)
      return value === undefined ? '' : ` ${parameterName(key)}="${value.replace(/["\\\]]/g, '\\$&')}"`
    })
    .join('')
}

function parameterName(key: string): string {
  return key.replace(/[^\x21-\x7e]|[="\]]/gu, '_').slice(0, 32) || '_'
}

/** The longest beginning of at most that many bytes that ends with a whole character. */
function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  let end = maxBytes
  // Not within a character: its later bytes all begin with 10.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** Octet counting, RFC 6587, section 3.4.1: a newline in a message ends nothing. */
export function framed(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `), message]))
}
