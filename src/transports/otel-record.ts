import type { OtelContext } from '../config/otel-api.ts'
import { instanceOf } from '../shipping/presets/fields.ts'
import { attributesOf, putFree, RESOURCE_NAMES } from '../shipping/presets/otel-names.ts'

type Fields = Readonly<Record<string, unknown>>

/** A LogRecord of OpenTelemetry's logs API. */
export interface OtelLogRecord {
  /** Seconds and nanoseconds. */
  readonly timestamp: readonly [number, number]
  readonly observedTimestamp: readonly [number, number]
  readonly severityNumber: number
  readonly severityText: string
  readonly body: unknown
  readonly attributes: Fields
  /** Left out, not undefined, where there is none: the SDK would take it for one without a span. */
  context?: OtelContext
}

const TRACE = 1
const FATAL4 = 24

/**
 * The severity number of a level (OpenTelemetry's data model): trace 1, debug 5, info 9, warn 13, error 17, fatal 21,
 * and a level between two of them in the range of the lower one. 0 (unspecified) for what is no level.
 */
export function severityOf(level: number): number {
  if (!(level > 0)) return 0
  return Math.min(Math.max(TRACE + Math.floor(((level - 10) * 4) / 10), TRACE), FATAL4)
}

const MS = 1_000_000
const MOST_IN_A_MS = MS - 1

/** Makes the function that gives times: records of one millisecond get ns in the order in which they come. */
export function createClock(): (time: unknown) => readonly [number, number] {
  let last: unknown
  let ms = 0
  let nth = 0
  return (time) => {
    if (time === last) nth = Math.min(nth + 1, MOST_IN_A_MS)
    else {
      last = time
      nth = 0
      ms = msOf(time)
    }
    return [Math.floor(ms / 1000), (ms % 1000) * MS + nth]
  }
}

function msOf(time: unknown): number {
  const ms = typeof time === 'number' ? Math.trunc(time) : Date.parse(String(time))
  return ms >= 0 ? ms : Date.now()
}

const HEAD = new Set(['time', 'level', 'msg'])
const TRACE_FIELDS = new Set(['trace_id', 'span_id', 'trace_flags'])

export interface Said {
  /** True where the instrumentation scope is the record's component. */
  readonly scoped: boolean
  /** True where the context has the record's trace ids. */
  readonly traced: boolean
  readonly identity: Fields
  /** True where the identity goes into attributes, because the SDK's resource does not say it. */
  readonly withIdentity: boolean
}

/** What the record says and neither the LogRecord itself, its scope, its context nor the resource does. */
export function attributesFor(record: Fields, { scoped, traced, identity, withIdentity }: Said): Fields {
  const has = (field: string): boolean =>
    HEAD.has(field) ||
    (scoped && field === 'component') ||
    (traced && TRACE_FIELDS.has(field)) ||
    (Object.hasOwn(identity, field) && identity[field] === record[field])
  const attributes = attributesOf(record, { has }, withIdentity ? identityAttributes(identity) : {})
  for (const key of Object.keys(attributes)) {
    const value = attributes[key]
    const isNested = typeof value === 'object' && value !== null
    if (isKept(key) && !(isNested && !isWhole(value))) continue
    delete attributes[key]
    putFree(attributes, isKept(key) ? key : `_${key}`, keptWhole(value))
  }
  return attributes
}

function identityAttributes(identity: Fields): Record<string, unknown> {
  const attributes: Record<string, unknown> = {}
  for (const [field, name] of Object.entries(RESOURCE_NAMES)) {
    if (identity[field] !== undefined) attributes[name] = identity[field]
  }
  const instance = instanceOf(identity)
  if (instance !== undefined) attributes['service.instance.id'] = instance
  return attributes
}

// sdk-logs (0.223 and 3.1, measured) drops an attribute without a name, and one in which an object has an own
// `constructor`; what it copies under `__proto__` is lost.

function isKept(key: string): boolean {
  return key !== '' && key !== '__proto__'
}

/** The value with such names moved aside to `_name`; itself where there are none. */
function keptWhole(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isWhole(value)) return value
  if (Array.isArray(value)) return value.map(keptWhole)
  const whole: Record<string, unknown> = {}
  const aside: string[] = []
  for (const key of Object.keys(value)) {
    if (isKept(key) && key !== 'constructor') whole[key] = keptWhole((value as Fields)[key])
    else aside.push(key)
  }
  for (const key of aside) putFree(whole, `_${key}`, keptWhole((value as Fields)[key]))
  return whole
}

function isWhole(value: object): boolean {
  for (const key of Object.keys(value)) {
    if (!isKept(key) || key === 'constructor') return false
    const one = (value as Fields)[key]
    if (typeof one === 'object' && one !== null && !isWhole(one)) return false
  }
  return true
}
