import type { TailStats } from '../policy/tail.ts'
import type { FanoutStats } from '../transports/fanout.ts'

/** What LOG_RATE_LIMIT has done. */
export interface LimitStats {
  /** Records that were not written because too many came. */
  readonly heldBack: number
  /** The same by the level's name. */
  readonly byLevel: Readonly<Record<string, number>>
  /** Records that told of it. */
  readonly summaries: number
  /** Token buckets in memory. */
  readonly buckets: number
}

/** What LOG_SAMPLE has done, of the records that a rule was about. */
export interface SampleStats {
  readonly kept: number
  readonly dropped: number
}

/** What LOG_BUFFER has done; a unit of work is a request or another outermost scope. */
export type BufferStats = TailStats

/** Each is there where the logger has that gate. */
export interface GateStats {
  readonly limit?: LimitStats | undefined
  readonly sample?: SampleStats | undefined
  readonly buffer?: BufferStats | undefined
}

/** The counts of a logger: its transports', and those of what stands before them. */
export interface LoggerStats extends FanoutStats, GateStats {}
