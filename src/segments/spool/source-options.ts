import type { Dropped, ParserOf, SpoolLine } from './line.ts'
import type { SpoolPlace } from './place.ts'
import type { SpoolProblem } from './problems.ts'
import type { SpoolFsync } from './syncing.ts'
import type { SkippedLines } from './tape.ts'

export interface SpoolSourceOptions {
  /** What a writer's `onDirectory` or `adoptOrphans` gave. */
  readonly subdirectory: string
  /** Whether it was adopted, so that nobody writes to it. Its own writer's end is told by `finish`. */
  readonly finished: boolean
  readonly parserOf: ParserOf
  /** When the checkpoint is synced: at most once a second; before anything is deleted it always is. */
  readonly fsync: SpoolFsync
  /** Bytes of a line; longer ones are left out. @default 8388608 */
  readonly maxLine?: number | undefined
  /** Ms between two looks while `wait` waits. @default 100 */
  readonly pollMs?: number | undefined
  /** The line that takes the place of a segment that is dropped, to tell of the loss. @default none */
  readonly note?: ((dropped: Dropped) => string) | undefined
  /** Epoch ms. @default Date.now */
  readonly now?: (() => number) | undefined
  /** Ms that no setting of the clock changes. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  readonly onProblem: (problem: SpoolProblem) => void
}

/**
 * Reads one subdirectory of a spool. Nothing of it ever rejects: what goes wrong is told. What was begun is ended
 * first, whatever is called meanwhile.
 */
export interface SpoolSource {
  /** The subdirectory's unique name. */
  readonly name: string
  readonly subdirectory: string
  /**
   * The lines behind those of the last call: as many as there are now within the bounds, at least one if there is one.
   *
   * @param maxBytes of the lines without their newlines; only a first line may be more
   */
  read(maxBytes: number, maxCount: number): Promise<readonly SpoolLine[]>
  /** Resolves when there may be more to read, after `ms` at the latest. It does not keep the process alive. */
  wait(ms: number): Promise<void>
  /** Ends a `wait`: something was written. */
  poke(): void
  /** Notes that all lines up to this place are done with; segments that were passed are deleted. */
  commit(place: SpoolPlace): Promise<void>
  /** Tells it that its writer was closed. */
  finish(): void
  /** Gives the owner's sign of life: due every 10 s. */
  touch(): Promise<void>
  /**
   * Gives up a segment, unless it is in use: given in part, or the one that is written to.
   *
   * @returns what was given up, undefined for nothing
   */
  drop(seq: number): Promise<Dropped | undefined>
  /** Whether nothing more will come; when all was committed too, the subdirectory is removed. */
  readonly ended: boolean
  /** Bytes on disk that were not committed, as of the last look. */
  readonly backlog: number
  readonly skipped: Readonly<SkippedLines>
  /** Notes the checkpoint; a finished spool may then be adopted by anybody at once. */
  close(): Promise<void>
}
