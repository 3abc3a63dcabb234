import { AssertionError } from 'node:assert'
import { describePattern, matches, type RecordPattern } from './pattern.ts'
import { type LogRecord, type RecordSource, recordsOf } from './records.ts'

/** What a check found. */
export interface CheckResult {
  readonly pass: boolean
  /** What was expected, and what is there instead; where it passed, what is there though `.not` was asked. */
  readonly message: string
}

const SHOWN = 20
const LONGEST = 300

/** The records that a pattern fits, oldest first. @throws TypeError for a line that is no record */
export function findRecords(source: RecordSource, pattern: RecordPattern): LogRecord[] {
  return recordsOf(source).filter((record) => matches(record, pattern))
}

/** Whether a pattern fits a record; with `times`, just so many. @throws TypeError for a line that is no record */
export function hasRecord(source: RecordSource, pattern: RecordPattern, times?: number): CheckResult {
  const records = recordsOf(source)
  const found = records.filter((record) => matches(record, pattern))
  const pass = times === undefined ? found.length > 0 : found.length === times
  const wanted = times === undefined ? 'a record' : `${times} records`
  const message = pass
    ? `expected not to find ${wanted} with ${describePattern(pattern)}, found ${listOf(found)}`
    : `expected ${wanted} with ${describePattern(pattern)}, found ${found.length} in ${listOf(records)}`
  return { pass, message }
}

/** Whether a pattern fits no record at all. @throws TypeError for a line that is no record */
export function hasNoRecord(source: RecordSource, pattern: RecordPattern): CheckResult {
  const found = findRecords(source, pattern)
  return found.length === 0
    ? { pass: true, message: `expected a record with ${describePattern(pattern)}, found none` }
    : { pass: false, message: `expected no record with ${describePattern(pattern)}, found ${listOf(found)}` }
}

/**
 * Whether each pattern fits a record, each one behind that of the pattern before; others may stand between.
 *
 * @throws TypeError for a line that is no record
 */
export function hasRecordsInOrder(source: RecordSource, patterns: readonly RecordPattern[]): CheckResult {
  const records = recordsOf(source)
  let from = 0
  for (const [nth, pattern] of patterns.entries()) {
    const at = records.findIndex((record, i) => i >= from && matches(record, pattern))
    if (at === -1) {
      const earlier = records.some((record) => matches(record, pattern)) ? ' (there is one earlier)' : ''
      const message = `expected a record with ${describePattern(pattern)}, number ${nth + 1} of ${patterns.length}, behind the first ${from} of ${listOf(records)}${earlier}`
      return { pass: false, message }
    }
    from = at + 1
  }
  return { pass: true, message: `expected the records not to be in this order: ${listOf(records)}` }
}

/** @throws AssertionError with the check's message where it did not pass */
export function assertPassed({ pass, message }: CheckResult): void {
  if (!pass) throw new AssertionError({ message, operator: 'fail', stackStartFn: assertPassed })
}

function listOf(records: readonly LogRecord[]): string {
  if (records.length === 0) return 'no records'
  const lines = records.slice(0, SHOWN).map((record) => `\n  ${shortened(JSON.stringify(record))}`)
  const more = records.length > SHOWN ? `\n  … ${records.length - SHOWN} more` : ''
  return `${records.length === 1 ? '1 record' : `${records.length} records`}:${lines.join('')}${more}`
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
