import type { Shipped } from '../shipped.ts'
import { textOf } from './record-parts.ts'

type Fields = Shipped['record']

const NTH_DIGITS = 6
/** The last whole ms before 2^63 ns, in the year 2262: one record with a later time would cost its whole request. */
const LAST_MS = 9_223_372_036_853

function wholeMs(timeMs: number): number {
  return Number.isNaN(timeMs) ? 0 : Math.min(Math.max(Math.trunc(timeMs), 0), LAST_MS)
}

/** The record's time in ns since the epoch, as decimal digits; 0 for one before it. */
export function nanosecondsOf({ timeMs, nth }: Shipped): string {
  const ms = wholeMs(timeMs)
  return ms === 0 ? String(nth) : `${ms}${String(nth).padStart(NTH_DIGITS, '0')}`
}

/**
 * The record's time as ISO 8601 in UTC; with nine digits of a second where it is not the first of its millisecond, so
 * that a back end that keeps ns keeps the order.
 */
export function isoTimeOf({ timeMs, nth }: Shipped): string {
  const text = new Date(wholeMs(timeMs)).toISOString()
  return nth === 0 ? text : `${text.slice(0, -1)}${String(nth).padStart(NTH_DIGITS, '0')}Z`
}

/**
 * The record with its time as `name` at its beginning, in place of `time`. A field that is called so steps aside.
 */
export function withTimeAs(name: string, shipped: Shipped): Fields {
  const { time: _replaced, ...fields } = shipped.record
  const time = isoTimeOf(shipped)
  // One literal with one spread: V8 clones that, and copies two of them key by key, ten times as slowly.
  if (!Object.hasOwn(fields, name)) return { [name]: time, ...fields }
  const { [name]: own, ...others } = fields
  return { [name]: time, [freeName(name, new Set(Object.keys(fields)))]: own, ...others }
}

const DIGITS = /^\d+$/

/**
 * Which of a service's processes it was, by a name that outlives a restart: the machine, with the worker where there
 * is one, else the worker, else the host. A bare number, which is what PM2 calls its processes, says nothing without
 * the machine. Undefined where the record names none of them.
 */
export function instanceOf(record: Fields): string | undefined {
  const machine = textOf(record, 'machine_id')
  const worker = textOf(record, 'worker_id')
  const host = textOf(record, 'host')
  if (worker === undefined) return machine ?? host
  const place = machine ?? (DIGITS.test(worker) ? host : undefined)
  return place === undefined ? worker : `${place}/${worker}`
}

const OUTCOMES: readonly unknown[] = ['completed', 'aborted', 'errored']

/**
 * True for the record of a request that spoor's middleware writes. Only there `status`, `path` and the like are what
 * HTTP calls so; elsewhere they are the application's own words.
 */
export function isCompletion(record: Fields): boolean {
  return OUTCOMES.includes(record.outcome) && typeof record.method === 'string'
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first of `name`, `_name`, `__name`, … that is free, as in a record whose names are taken. */
export function freeName(name: string, taken: { has(name: string): boolean }): string {
  let free = name
  while (taken.has(free)) free = `_${free}`
  return free
}

/** Twice what Elasticsearch takes, and far from the depth at which JSON.stringify gives up. */
const DEEPEST = 40

/** JSON of any value that JSON.parse may have given; what is deeper than JSON.stringify can go is named only. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return JSON.stringify(shallow(value, DEEPEST))
  }
}

function shallow(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return deeper(value)
  if (Array.isArray(value)) return value.map((one) => shallow(one, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shallow(one, depth - 1)]))
}

/** What stands for a value that lies too deep, as in a record (docs/record.md). */
export function deeper(value: object): string {
  return Array.isArray(value) ? '[Array]' : '[Object]'
}
