import { nthOf } from '../../segments/spool/place.ts'

/** A record's time. */
export interface Moment {
  /** Epoch ms. */
  readonly timeMs: number
  /** See Shipped. */
  readonly nth: number
}

/** Gives the lines of a log their times. */
export interface Timeline {
  /**
   * @param said epoch ms; undefined for a line that says none
   * @param offset bytes from the beginning of its file
   */
  timeOf(said: number | undefined, offset: number): Moment
  /** The lines to come were read later than those before. */
  pause(): void
}

const NTHS = 1_000_000

/**
 * A line's own time tells it from others of the same millisecond by its place. One that says none belongs to the line
 * before it (a stack's trace), if that was read together with it, else it is of now; such lines are kept in their order
 * however short and many they are.
 *
 * @param now epoch ms
 */
export function createTimeline(now: () => number = Date.now): Timeline {
  let before: number | undefined
  // Of the last line that said no time.
  let base = Number.NaN
  let later = 0
  let nth = 0

  function unsaid(offset: number): Moment {
    const timeMs = before ?? now()
    const next = nthOf(offset)
    if (timeMs !== base) {
      base = timeMs
      later = 0
      nth = next
    } else if (next > nth) nth = next
    else if (nth - next < NTHS / 2 && nth + 1 < NTHS) nth++
    else {
      later++
      nth = next
    }
    return { timeMs: base + later, nth }
  }

  return {
    timeOf(said, offset) {
      if (said === undefined) return unsaid(offset)
      before = said
      return { timeMs: said, nth: nthOf(offset) }
    },
    pause() {
      before = undefined
    },
  }
}
