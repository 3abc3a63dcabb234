import { parseLevel } from '../config/levels.ts'
import type { LogRecord } from './records.ts'

/**
 * What a record must have. Each key of the pattern is compared with the record's: fields, scope and identity stand
 * beside each other in a record, so they do here.
 *
 * - a RegExp must find something in the text that stands there
 * - a function is asked, and answers true or false
 * - an object must be in the object that stands there, other keys of which don't matter; a list is compared as a whole
 * - undefined means that the key is not there
 * - an asymmetric matcher of vitest's or Jest's (`expect.any(Number)`) is asked
 * - `level` takes any name or number of a level: `'warn'` also finds 40 and `'WARNING'`
 * - all else must be equal
 */
export type RecordPattern = Readonly<Record<string, unknown>>

const hasOwn = Object.hasOwn

export function matches(record: LogRecord, pattern: RecordPattern): boolean {
  return Object.keys(pattern).every((key) => {
    const expected = pattern[key]
    const actual = hasOwn(record, key) ? record[key] : undefined
    if (expected === undefined) return !hasOwn(record, key)
    return key === 'level' && isScalar(expected)
      ? sameLevel(actual, expected)
      : matchesValue(actual, expected)
  })
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

function sameLevel(actual: unknown, expected: string | number): boolean {
  if (actual === expected) return true
  const level = parseLevel(String(expected))
  return level !== undefined && isScalar(actual) && parseLevel(String(actual)) === level
}

function matchesValue(actual: unknown, expected: unknown): boolean {
  if (expected instanceof RegExp) return typeof actual === 'string' && actual.search(expected) !== -1
  if (typeof expected === 'function') return (expected as (value: unknown) => unknown)(actual) === true
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected)
  if (isAsymmetric(expected)) return expected.asymmetricMatch(actual) === true
  if (typeof actual !== 'object' || actual === null) return false
  if (Array.isArray(expected) !== Array.isArray(actual)) return false
  if (Array.isArray(expected)) {
    const list = actual as readonly unknown[]
    return list.length === expected.length && expected.every((each, i) => matchesValue(list[i], each))
  }
  const wanted = expected as RecordPattern
  return Object.keys(wanted).every((key) =>
    wanted[key] === undefined
      ? !hasOwn(actual, key)
      : hasOwn(actual, key) && matchesValue((actual as LogRecord)[key], wanted[key]),
  )
}

function isAsymmetric(value: object): value is { asymmetricMatch(actual: unknown): unknown } {
  return typeof (value as { asymmetricMatch?: unknown }).asymmetricMatch === 'function'
}

/** A pattern as a message shows it. */
export function describePattern(pattern: RecordPattern): string {
  const text = JSON.stringify(pattern, (_key, value: unknown) => {
    if (value instanceof RegExp) return String(value)
    if (typeof value === 'function') return `[${value.name || 'a function'}]`
    if (typeof value === 'bigint') return `${value}n`
    return value === undefined ? '[not there]' : value
  })
  return text ?? String(pattern)
}
