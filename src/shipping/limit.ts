// Those of Vector's adaptive concurrency.
const ALPHA = 0.4
const DEVIATIONS = 2.5
const DECREASE = 0.9

/** How many requests may be in flight: found out by their round trips, as TCP does. */
export interface Limit {
  /** At least 1. */
  readonly value: number
  /** The mean round trip in ms; undefined before the first. */
  readonly meanMs: number | undefined
  /** Tells that so many are in flight. */
  started(inFlight: number): void
  /** Tells of a request that was answered, and took so long. */
  answered(roundTripMs: number, nowMs: number): void
  /** Tells that the destination is overloaded: 429, 503, no answer in time. */
  overloaded(nowMs: number): void
}

/**
 * Begins with 1. Once per round trip: one more if the limit was reached and the round trips were no longer than
 * their mean; a tenth less if the destination was overloaded or they were longer than the mean by 2.5 deviations.
 */
export function createLimit(most: number): Limit {
  let limit = 1
  let mean: number | undefined
  let variance = 0
  let reached = false
  let congested = false
  let sum = 0
  let count = 0
  let periodEnds = Number.NEGATIVE_INFINITY

  function decide(current: number | undefined, past: number | undefined): void {
    const slow =
      current !== undefined && past !== undefined && current > past + DEVIATIONS * Math.sqrt(variance)
    if (congested || slow) limit = Math.max(1, limit * DECREASE)
    else if (reached && current !== undefined && (past === undefined || current <= past))
      limit = Math.min(most, limit + 1)
  }

  function learn(current: number): void {
    if (mean === undefined) {
      mean = current
      return
    }
    const difference = current - mean
    mean += ALPHA * difference
    variance = (1 - ALPHA) * (variance + ALPHA * difference * difference)
  }

  function endPeriod(nowMs: number): void {
    if (nowMs < periodEnds) return
    const current = count === 0 ? undefined : sum / count
    decide(current, mean)
    if (current !== undefined) learn(current)
    reached = false
    congested = false
    sum = 0
    count = 0
    periodEnds = nowMs + (mean ?? 0)
  }

  return {
    get value() {
      return Math.floor(limit)
    },
    get meanMs() {
      return mean
    },
    started(inFlight) {
      if (inFlight >= Math.floor(limit)) reached = true
    },
    answered(roundTripMs, nowMs) {
      sum += roundTripMs
      count++
      endPeriod(nowMs)
    },
    overloaded(nowMs) {
      congested = true
      endPeriod(nowMs)
    },
  }
}
