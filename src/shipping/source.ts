import type { Shipped } from './shipped.ts'

/** What a shipper reads: a process's spool, an adopted one, a log that somebody else writes. One reader at a time. */
export interface Source {
  /** Short, for messages and stats. */
  readonly name: string
  /**
   * The records behind those of the last call, oldest first: as many as there are now within the bounds, at least one
   * if there is one (also one that is larger than `maxBytes`), none if there is nothing. Never rejects: what can't be
   * read is set aside, counted and told.
   */
  read(maxBytes: number, maxCount: number): Promise<readonly Shipped[]>
  /** Resolves when there may be more to read, after `ms` at the latest. */
  wait(ms: number): Promise<void>
  /**
   * Notes that `record` and everything given before it is done with. Files that were passed are deleted only once
   * that is durable. Never rejects; what could not be noted is noted with the next one (twice delivered, never lost).
   */
  commit(record: Shipped): Promise<void>
  /** True once nothing more will come: a spool whose writer has ended and whose last record was given. */
  readonly ended: boolean
  /** Bytes on disk that were not committed yet. */
  readonly backlog: number
  close(): Promise<void>
}
