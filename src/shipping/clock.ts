import { after, clearTimeout } from '../segments/timers.ts'

/** Where the shipper's time comes from. */
export interface ShippingClock {
  /** Epoch ms. */
  now(): number
  /** Ms that no setting of the clock changes. */
  monotonic(): number
  /** Runs `act` after `ms`. @returns what takes it back */
  after(ms: number, act: () => void): () => void
}

/** The machine's own. @param unref whether a timer lets the process end */
export function systemClock(unref: boolean): ShippingClock {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    after(ms, act) {
      const timer = after(ms, act)
      if (unref) timer.unref()
      return () => clearTimeout(timer)
    },
  }
}
