import type { Batch } from './batches.ts'
import type { Intake } from './intake.ts'
import { type Parcel, parcelOf, type Queue } from './parcel.ts'

export interface TurnsOptions {
  /** The sources, in the order in which they were added. */
  readonly intakes: readonly Intake[]
  /** Those of them that are to be emptied before others. */
  readonly firsts: readonly Intake[]
  /** Full batches, and those that are to be sent again. */
  readonly queue: Queue
  /** Most batches in flight; at 1 the order is kept. */
  readonly concurrency: number
  readonly ageMs: number
}

/** What is sent next: whichever was read first, of what may be sent. */
export interface Turns {
  /** Takes it out of the queue, or out of the batches that are not full but old enough. */
  next(nowMs: number, hurried: (intake: Intake) => boolean): Parcel | undefined
  /** When the next batch that is not full will be old enough, ms of the monotonic clock; Infinity if none will. */
  dueMs(nowMs: number): number
  /** Whether records that were read have to wait for a source that is to be emptied first. */
  isBlocked(intake: Intake): boolean
  /** Whether sources that are to be emptied first are not. */
  readonly firstLeft: boolean
}

export function createTurns({ intakes, firsts, queue, concurrency, ageMs }: TurnsOptions): Turns {
  // Where the order is not kept anyway, nothing has to wait for what is older.
  const ordered = concurrency === 1

  /** Whether an older source has, or may have, records of that group. */
  function waitsForOlder(intake: Intake, group: string): boolean {
    if (!ordered) return false
    for (const other of firsts) {
      if (other === intake) return false
      if (!other.caughtUp && (!other.known || other.mayHave(group))) return true
    }
    return false
  }

  /**
   * So that after a crash no more is sent again than may be in flight. What holds up the commit goes on all the
   * same, but not while it is being noted.
   */
  function fitsWindow(intake: Intake, firstNumber: number): boolean {
    if (intake.uncommitted < concurrency) return true
    return !intake.committing && intake.frontier?.n === firstNumber
  }

  function maySend({ intake, group, tries, first }: Parcel): boolean {
    return tries > 0 || (fitsWindow(intake, first) && !waitsForOlder(intake, group))
  }

  function firstQueued(): Parcel | undefined {
    for (const parcel of queue) if (maySend(parcel)) return parcel
    return undefined
  }

  function isDue(intake: Intake, batch: Batch, nowMs: number, hurried: boolean): boolean {
    const first = batch.entries[0]?.n ?? 0
    if (!fitsWindow(intake, first) || waitsForOlder(intake, batch.group)) return false
    return hurried || nowMs - batch.sinceMs >= ageMs || intake.uncommitted >= concurrency
  }

  /** The batch that was begun first, of those that are due, if that was before `before`. */
  function firstDue(nowMs: number, hurried: (intake: Intake) => boolean, before: number) {
    let found: { intake: Intake; batch: Batch } | undefined
    let number = before
    for (const intake of intakes) {
      const batch = intake.oldest
      const first = batch?.entries[0]?.n ?? Number.POSITIVE_INFINITY
      if (batch === undefined || first >= number) continue
      if (!isDue(intake, batch, nowMs, hurried(intake))) continue
      found = { intake, batch }
      number = first
    }
    return found
  }

  return {
    next(nowMs, hurried) {
      const queued = firstQueued()
      if (queued !== undefined && queued.tries > 0) {
        queue.remove(queued)
        return queued
      }
      const open = firstDue(nowMs, hurried, queued?.first ?? Number.POSITIVE_INFINITY)
      if (open !== undefined) {
        open.intake.take(open.batch)
        return parcelOf(open.batch, open.intake)
      }
      if (queued !== undefined) queue.remove(queued)
      return queued
    },
    dueMs(nowMs) {
      let next = Number.POSITIVE_INFINITY
      for (const { oldest } of intakes) {
        const due = oldest === undefined ? Number.NEGATIVE_INFINITY : oldest.sinceMs + ageMs
        if (due > nowMs) next = Math.min(next, due)
      }
      return next
    },
    isBlocked(intake) {
      if (!ordered || firsts.length === 0) return false
      const group = intake.oldest?.group
      if (group !== undefined && waitsForOlder(intake, group)) return true
      for (const parcel of queue)
        if (parcel.intake === intake && parcel.tries === 0 && waitsForOlder(intake, parcel.group)) return true
      return false
    },
    get firstLeft() {
      return ordered && firsts.some((intake) => !intake.caughtUp)
    },
  }
}
