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

/** What LOG_BUFFER has done. */
export interface BufferStats {
  /** Records that wait now, in how many scopes, in about how many bytes of memory. */
  readonly held: number
  readonly scopes: number
  readonly bytes: number
  /** Records that waited and were written. */
  readonly written: number
  /** Records that were let go because their request went well. */
  readonly letGo: number
  /** Records that gave way to later ones of their scope. */
  readonly overflowed: number
  /** Scopes whose records gave way because all together held too much, and those records. */
  readonly evictedScopes: number
  readonly evicted: number
}

/** Each is there where the logger has that policy. */
export interface PolicyStats {
  readonly limit?: LimitStats | undefined
  readonly sample?: SampleStats | undefined
  readonly buffer?: BufferStats | undefined
}

/** The counts of a logger: its transports', and those of what stands before them. */
export interface LoggerStats extends FanoutStats, PolicyStats {}
