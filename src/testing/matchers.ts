import { type CheckResult, hasRecord, hasRecordsInOrder } from './check-result.ts'
import type { RecordPattern } from './pattern.ts'
import type { RecordSource } from './records.ts'
import { hasNoSecrets, type SecretOptions } from './secrets.ts'

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

/** The matchers' signatures, for the augmentation of `Matchers` of vitest or Jest: docs/testing.md. */
export interface RecordMatchers<R = void> {
  /** A pattern fits a record; with `times`, just so many. `.not` for absence. */
  toHaveRecord(pattern: RecordPattern, times?: number): R
  /** Each pattern fits a record behind that of the one before. */
  toHaveRecordsInOrder(patterns: readonly RecordPattern[]): R
  /** No record holds a secret. */
  toHaveNoSecrets(options?: SecretOptions): R
}

/** For `expect.extend` of vitest and Jest. */
export const recordMatchers = {
  toHaveRecord: (source: RecordSource, pattern: RecordPattern, times?: number): MatcherResult =>
    resultOf(hasRecord(source, pattern, times)),
  toHaveRecordsInOrder: (source: RecordSource, patterns: readonly RecordPattern[]): MatcherResult =>
    resultOf(hasRecordsInOrder(source, patterns)),
  toHaveNoSecrets: (source: RecordSource, options?: SecretOptions): MatcherResult =>
    resultOf(hasNoSecrets(source, options)),
}

function resultOf({ pass, message }: CheckResult): MatcherResult {
  return { pass, message: () => message }
}
