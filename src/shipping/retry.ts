const SECOND = 1000
const MINUTE = 60 * SECOND

const FIRST_MS = SECOND
const LONGEST_MS = 30 * SECOND
/** The longest that a back end's own wish (Retry-After) is followed. */
const LONGEST_WISH_MS = 5 * MINUTE

const HOLD_FIRST_MS = 30 * SECOND
const HOLD_LONGEST_MS = 5 * MINUTE
// Of the pause, on top of it: the shippers of many processes are not to come all at once.
const HOLD_SPREAD = 0.25

/**
 * How long to wait before the next try, in ms: rand(0, min(30 s, 1 s * 2^failures)), the full jitter of "Exponential
 * Backoff And Jitter" (AWS Architecture Blog); not less than what the back end asked for, of which 5 min are kept to.
 *
 * @param failures how many in a row there were before this one
 * @param random from 0 to 1
 */
export function retryDelay(failures: number, random: () => number, afterMs = 0): number {
  const jittered = random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** failures)
  return Math.max(jittered, retryFloor(afterMs))
}

/** What is kept to of a back end's own wish, in ms. */
export function retryFloor(afterMs = 0): number {
  return Math.min(Math.max(afterMs, 0) || 0, LONGEST_WISH_MS)
}

/** How long to wait where somebody has to do something first, in ms: from 30 s, doubled each time, up to 5 min. */
export function holdDelay(tries: number, random: () => number): number {
  const pause = HOLD_FIRST_MS * 2 ** tries * (1 + HOLD_SPREAD * random())
  return Math.min(HOLD_LONGEST_MS, pause)
}
