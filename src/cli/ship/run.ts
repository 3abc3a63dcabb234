import type { ShipperEvent } from '../../shipping/events.ts'
import type { ShipperStats } from '../../shipping/stats.ts'
import type { LogCounts } from './log-counts.ts'
import type { Say } from './say.ts'

/** What `spoor ship` does, once it has begun. */
export interface Run {
  /** Resolves with the exit code when there is nothing left to do, or after `stop`. */
  readonly ended: Promise<number>
  /** Brings what is on its way to its end, within 5 s, and ends. */
  stop(): void
  status(): Status
}

export interface Status {
  /** Undefined until the shipper has begun. */
  readonly stats: ShipperStats | undefined
  readonly logs: readonly LogStatus[]
}

export interface LogStatus {
  /** Absolute. */
  readonly path: string
  readonly counts: Readonly<LogCounts>
  /** Bytes on disk that are not done with; undefined where that is not known at present. */
  readonly backlog: number | undefined
}

/** How long what is on its way may take at the end. */
export const STOP_MS = 5000

/** 1 if there are records that the destination does not have. */
export function codeOf({ refused, lost, expired }: ShipperStats): number {
  return refused + lost + expired > 0 ? 1 : 0
}

/**
 * Tells what a shipper tells of itself.
 *
 * @param onHeld what to do where somebody must mend something first and nobody shall wait for that
 */
export function tellEvents(say: Say, onHeld: (() => void) | undefined): (event: ShipperEvent) => void {
  return ({ code, message }) => {
    if (code === 'recovered') say.news(message)
    else say.trouble(message)
    if (code !== 'held' || onHeld === undefined) return
    say.trouble(
      'it is left at that, since nothing goes on by itself; what is not shipped is kept for the next start.',
    )
    // Not in the middle of what has just come to light.
    setImmediate(onHeld)
  }
}

/** How long a shipper's end may be waited for: where nothing is on its way and nothing is taken, not at all. */
export function patienceFor({ state, inFlight }: ShipperStats): number {
  return state === 'healthy' || inFlight > 0 ? STOP_MS : 0
}
