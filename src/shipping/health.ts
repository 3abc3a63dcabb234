import type { ShippingClock } from './clock.ts'
import type { OnEvent } from './events.ts'
import { holdDelay, retryDelay, retryFloor } from './retry.ts'
import type { ShipperState } from './stats.ts'
import { durationText, shownReason } from './words.ts'

const MINUTE_MS = 60_000

export interface HealthOptions {
  /** The destination's. */
  readonly name: string
  readonly clock: ShippingClock
  readonly random: () => number
  readonly tell: OnEvent
  /** What waits to be sent, for messages: '12 MB, the oldest for 3 min'; empty where nothing is known. */
  readonly waiting: () => string
}

/** How the destination is: one pause for all that goes to it, and what is told of it. */
export interface Health {
  /**
   * Told of a request begun at `startedMs` that is to be sent again, all of it or what was not taken.
   *
   * @param afterMs what the destination asked for
   * @param progress whether something of it was taken
   */
  failed(startedMs: number, reason: string, afterMs: number | undefined, progress: boolean): void
  /** The same, once somebody has done something. */
  held(startedMs: number, reason: string): void
  /** Told of one that the destination took something of. */
  succeeded(startedMs: number): void
  readonly state: ShipperState
  /** Until when nothing is sent, ms of the monotonic clock. */
  readonly pausedUntil: number
  readonly lastError: string | undefined
}

export function createHealth(options: HealthOptions): Health {
  const { name, clock, random, tell } = options
  let state: ShipperState = 'healthy'
  let failures = 0
  let holds = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  // When the pause was decided on: what was in flight then says nothing new by failing too.
  let decidedMs = Number.NEGATIVE_INFINITY
  let troubledMs = 0
  let failingToldMs = Number.NEGATIVE_INFINITY
  let told: 'nothing' | 'failing' | 'held' = 'nothing'
  let lastError: string | undefined

  function trouble(next: ShipperState, reason: string, nowMs: number): void {
    if (state === 'healthy') troubledMs = nowMs
    state = next
    lastError = shownReason(reason)
  }

  function pause(ms: number, nowMs: number): void {
    decidedMs = nowMs
    pausedUntil = Math.max(pausedUntil, nowMs + ms)
  }

  function tellFailing(nowMs: number): void {
    if (nowMs - failingToldMs < MINUTE_MS) return
    failingToldMs = nowMs
    if (told === 'nothing') told = 'failing'
    const since = nowMs > troubledMs ? ` for ${durationText(nowMs - troubledMs)}` : ''
    const message = `${name} has not taken records${since}: ${lastError}. They are kept${waiting()} and sent again by themselves; if this lasts, look whether it runs and can be reached from here.`
    tell({ code: 'failing', message })
  }

  function tellHeld(): void {
    if (told === 'held') return
    told = 'held'
    const message = `${name} takes no records until somebody mends it: ${lastError}. They are kept${waiting()} and tried again every 30 s to 5 min; correct its address, its token or what else it complains of.`
    tell({ code: 'held', message })
  }

  function waiting(): string {
    const text = options.waiting()
    return text === '' ? '' : ` (${text})`
  }

  return {
    failed(startedMs, reason, afterMs, progress) {
      const now = clock.monotonic()
      trouble('failing', reason, now)
      if (progress) failures = 0
      if (startedMs < decidedMs) {
        pausedUntil = Math.max(pausedUntil, now + retryFloor(afterMs))
        return
      }
      pause(retryDelay(failures, random, afterMs), now)
      failures++
      tellFailing(now)
    },
    held(startedMs, reason) {
      const now = clock.monotonic()
      trouble('held', reason, now)
      if (startedMs >= decidedMs || holds === 0) pause(holdDelay(holds++, random), now)
      tellHeld()
    },
    succeeded(startedMs) {
      // It was sent before the trouble began.
      if (state !== 'healthy' && startedMs < decidedMs) return
      failures = 0
      holds = 0
      if (state === 'healthy') return
      state = 'healthy'
      if (told === 'nothing') return
      told = 'nothing'
      const lasted = durationText(clock.monotonic() - troubledMs)
      const message = `${name} takes records again, after ${lasted}; what was kept${waiting()} is being sent.`
      tell({ code: 'recovered', message })
    },
    get state() {
      return state
    },
    get pausedUntil() {
      return pausedUntil
    },
    get lastError() {
      return lastError
    },
  }
}
