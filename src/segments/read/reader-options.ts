import {
  type Check,
  isBoolean,
  isEither,
  isFunction,
  isNumber,
  isOneOf,
  isSize,
  isString,
  type OptionsSpec,
} from '../../config/check.ts'
import { isCheckpointName } from './checkpoint.ts'
import { type Place, parsePlace } from './identity.ts'
import type { ReaderProblem } from './problems.ts'

/** The clock that a reader waits by, for tests. */
export interface ReaderClock {
  /** Monotonic, ms. */
  now(): number
  /** Runs `act` once after `ms`; what it returns takes that back. */
  after(ms: number, act: () => void): () => void
}

export interface ReaderOptions {
  /** The live file; rotated and compressed files of the same log lie beside it. None of them need be there. */
  path: string
  /**
   * Where to begin if there is no checkpoint: at the oldest file, behind the last line there is, or behind the
   * line of a place.
   *
   * @default 'start'
   */
  from?: 'start' | 'end' | Place | undefined
  /**
   * The name under which it is kept how far this reader has come, in `.<log>.<name>.checkpoint` beside the log.
   * Letters, digits, '_' and '-'. One reader at a time may have a name.
   *
   * @default none: nothing is kept
   */
  checkpoint?: string | undefined
  /** Whether a checkpoint survives a power cut at once: one fsync more each. @default false */
  durable?: boolean | undefined
  /** Whether to wait for more at the end, over rotations; else the reader ends there. @default false */
  follow?: boolean | undefined
  /** How often to look for more, in ms. @default 200 */
  pollMs?: number | undefined
  /** How long a rotated file must have stood still to be taken as done, in ms. @default 10000 */
  settleMs?: number | undefined
  /** Lines above this are left out and counted, in bytes or as '16MB'. @default '16MB' */
  maxLine?: number | string | undefined
  /**
   * 'whole' leaves out and counts what can't be a record: a line that does not begin with '{' and end with '}',
   * or has a NUL in it. 'all' gives every line that is not blank.
   *
   * @default 'whole'
   */
  lines?: 'whole' | 'all' | undefined
  /** Told of what could not be read. @default nobody; `stats()` counts it all the same */
  onProblem?: ((problem: ReaderProblem) => void) | undefined
  /** @default the process's */
  clock?: ReaderClock | undefined
}

const isCheckpoint: Check = {
  expected: "a name of letters, digits, '_' and '-', at most 64",
  accepts: isCheckpointName,
}
const isPlace: Check = {
  expected: 'a place that a batch gave',
  accepts: (value) => parsePlace(value) !== undefined,
}
const isClock: Check = {
  expected: 'an object with now() and after()',
  accepts: (value) => typeof (value as ReaderClock).now === 'function',
}
export const READER_OPTIONS: OptionsSpec<ReaderOptions> = {
  path: isString,
  from: isEither(isOneOf('start', 'end'), isPlace),
  checkpoint: isCheckpoint,
  durable: isBoolean,
  follow: isBoolean,
  pollMs: isNumber({ min: 1, max: 3_600_000 }),
  settleMs: isNumber({ min: 0 }),
  maxLine: isSize,
  lines: isOneOf('whole', 'all'),
  onProblem: isFunction,
  clock: isClock,
}
