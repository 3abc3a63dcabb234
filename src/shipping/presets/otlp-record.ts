import type { Shipped } from '../shipped.ts'
import { deeper, freeName, instanceOf, nanosecondsOf } from './fields.ts'
import { attributesOf, RESOURCE_NAMES } from './otel-names.ts'
import { textOf } from './record-parts.ts'

type Fields = Shipped['record']

/** The AnyValue of opentelemetry-proto as JSON; an empty one is null. */
export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly KeyValue[] } }
  | Readonly<Record<string, never>>

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

/** Half of an SDK's AttributeValueDepthLimit; a record of spoor's has ten. */
const DEEPEST = 32

/** A value of JSON in OTLP's form: 64-bit integers are texts, doubles are not. */
export function anyValue(value: unknown, depth = DEEPEST): AnyValue {
  switch (typeof value) {
    case 'string':
      return { stringValue: value }
    case 'boolean':
      return { boolValue: value }
    case 'number':
      return Number.isSafeInteger(value) ? { intValue: String(value) } : doubleValue(value)
    case 'object':
      return value === null ? {} : composed(value, depth)
    default:
      return {}
  }
}

/** JSON's numbers may be larger than a double: `1e400` is read as Infinity, which proto3's JSON has as a text. */
function doubleValue(value: number): AnyValue {
  return Number.isFinite(value) ? { doubleValue: value } : { stringValue: String(value) }
}

function composed(value: object, depth: number): AnyValue {
  if (depth === 0) return { stringValue: deeper(value) }
  if (Array.isArray(value)) return { arrayValue: { values: value.map((one) => anyValue(one, depth - 1)) } }
  const values = Object.entries(value).map(([key, one]) => ({ key, value: anyValue(one, depth - 1) }))
  return { kvlistValue: { values } }
}

export interface Resource {
  /** Only records of the same resource have it. */
  readonly key: string
  readonly attributes: readonly KeyValue[]
  /** The record's fields that it says. */
  readonly said: readonly string[]
}

/** What a record's resource is: its identity and its labels. The worker is in service.instance.id. */
export function resourceOf(record: Fields, labels: readonly string[]): Resource {
  const attributes = new Map<string, unknown>()
  const said: string[] = []
  const add = (field: string, name: string): void => {
    if (!isResourceValue(record[field])) return
    attributes.set(name, record[field])
    said.push(field)
  }
  for (const [field, name] of Object.entries(RESOURCE_NAMES)) add(field, name)
  const instance = instanceOf(record)
  if (instance !== undefined) attributes.set('service.instance.id', instance)
  if (textOf(record, 'worker_id') !== undefined) said.push('worker_id')
  for (const label of labels) if (!said.includes(label)) add(label, freeName(label, attributes))
  return {
    key: JSON.stringify([...attributes]),
    attributes: keyValues([...attributes]),
    said,
  }
}

function isResourceValue(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || typeof value === 'number'
}

const SEVERITY: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  fatal: 21,
}

const TRACE_ID = /^(?!0+$)[0-9a-f]{32}$/
const SPAN_ID = /^(?!0+$)[0-9a-f]{16}$/
const FLAGS = /^[0-9a-f]{2}$/

/**
 * A LogRecord without what its resource and its scope say. It was observed when it was made: the shipper reads it
 * again, perhaps days later.
 */
export function logRecordOf(
  shipped: Shipped,
  saidBefore: readonly string[],
): Readonly<Record<string, unknown>> {
  const { record } = shipped
  const time = nanosecondsOf(shipped)
  const level = textOf(record, 'level') ?? ''
  const trace = traceOf(record)
  const said = new Set(['time', 'level', 'msg', ...saidBefore, ...trace.said])
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: Object.hasOwn(SEVERITY, level) ? SEVERITY[level] : 0,
    severityText: level,
    body: record.msg === undefined ? { stringValue: '' } : anyValue(record.msg),
    attributes: keyValues(Object.entries(attributesOf(record, said, { 'log.record.uid': shipped.id }))),
    ...trace.fields,
  }
}

/** Ids of another form would cost the whole request; they stay attributes. */
function traceOf(record: Fields): { fields: Readonly<Record<string, unknown>>; said: readonly string[] } {
  const fields: Record<string, unknown> = {}
  const { trace_id: traceId, span_id: spanId, trace_flags: flags } = record
  if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) return { fields, said: [] }
  const said = ['trace_id']
  fields.traceId = traceId
  if (typeof spanId === 'string' && SPAN_ID.test(spanId)) {
    fields.spanId = spanId
    said.push('span_id')
  }
  if (typeof flags === 'string' && FLAGS.test(flags)) {
    fields.flags = Number.parseInt(flags, 16)
    said.push('trace_flags')
  }
  return { fields, said }
}

function keyValues(attributes: readonly (readonly [string, unknown])[]): KeyValue[] {
  return attributes.map(([key, value]) => ({ key, value: anyValue(value) }))
}
