import type { Shipped } from '../shipped.ts'
import { deeper, freeName, instanceOf, isCompletion, isObject, nanosecondsOf } from './fields.ts'
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

/** Names of the resource's attributes (semantic conventions 1.44). */
const RESOURCE_NAMES: Readonly<Record<string, string>> = {
  service: 'service.name',
  version: 'service.version',
  env: 'deployment.environment.name',
  region: 'cloud.region',
  host: 'host.name',
  pid: 'process.pid',
  machine_id: 'host.id',
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
  const entries = [...attributes]
  return {
    key: JSON.stringify(entries),
    attributes: entries.map(([key, value]) => ({ key, value: anyValue(value) })),
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

/** Names of attributes; what has none keeps its own. */
const NAMES: Readonly<Record<string, string>> = { user_id: 'user.id', session_id: 'session.id' }

/** What the middleware's record says of its request. */
const REQUEST_NAMES: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  route: 'http.route',
  path: 'url.path',
  status: 'http.response.status_code',
  request_bytes: 'http.request.body.size',
  response_bytes: 'http.response.body.size',
  remote_address: 'client.address',
  user_agent: 'user_agent.original',
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
    attributes: attributesOf(shipped, said),
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

type Attributes = Map<string, unknown>

function attributesOf({ record, id }: Shipped, said: ReadonlySet<string>): KeyValue[] {
  const attributes: Attributes = new Map([['log.record.uid', id]])
  const own: [string, unknown][] = []
  const request = isCompletion(record)
  for (const [key, value] of Object.entries(record)) {
    if (said.has(key)) continue
    const name = named(NAMES, key) ?? (request ? named(REQUEST_NAMES, key) : undefined)
    if (name !== undefined) attributes.set(name, value)
    else if (key === 'err') addError(attributes, own, value)
    else if (key === 'source' && isObject(value)) addSource(attributes, value)
    else own.push([key, value])
  }
  for (const [key, value] of own) attributes.set(freeName(key, attributes), value)
  return [...attributes].map(([key, value]) => ({ key, value: anyValue(value) }))
}

function named(names: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(names, key) ? names[key] : undefined
}

/** type, message and stack have names; the code, the causes and the error's own fields stay under `err`. */
function addError(attributes: Attributes, own: [string, unknown][], value: unknown): void {
  if (!isObject(value)) {
    if (typeof value === 'string') attributes.set('exception.message', value)
    else own.push(['err', value])
    return
  }
  const { type, message, stack, ...rest } = value
  if (type !== undefined) attributes.set('exception.type', type)
  if (message !== undefined) attributes.set('exception.message', message)
  if (stack !== undefined) attributes.set('exception.stacktrace', stack)
  if (Object.keys(rest).length > 0) own.push(['err', rest])
}

function addSource(attributes: Attributes, { file, line, function: name }: Fields): void {
  if (file !== undefined) attributes.set('code.file.path', file)
  if (line !== undefined) attributes.set('code.line.number', line)
  if (name !== undefined) attributes.set('code.function.name', name)
}
