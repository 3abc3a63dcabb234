import type { ShippingClock } from '../../../src/shipping/clock.ts'

/** One turn of the event loop: promises that only wait for each other have settled then. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A clock that stands still until it is told otherwise. */
export interface FakeClock extends ShippingClock {
  /** Goes on by `ms`, through every timer on the way, with a turn of the event loop after each. */
  advance(ms: number): Promise<void>
  /** Goes on to the next timer; false if there is none. */
  step(): Promise<boolean>
  /** Sets the epoch, as an operator or NTP does. */
  set(epochMs: number): void
  /** Timers that are set. */
  readonly timers: number
}

export const START = Date.parse('2026-11-21T10:00:00.000Z')

export function fakeClock(): FakeClock {
  let ms = 0
  let epoch = START
  const timers = new Set<{ at: number; act: () => void }>()

  function next() {
    return [...timers].reduce<{ at: number; act: () => void } | undefined>(
      (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
      undefined,
    )
  }

  async function goTo(to: number) {
    epoch += to - ms
    ms = to
    for (let timer = next(); timer !== undefined && timer.at <= ms; timer = next()) {
      timers.delete(timer)
      timer.act()
      await turn()
    }
  }

  return {
    now: () => epoch,
    monotonic: () => ms,
    after(inMs, act) {
      const timer = { at: ms + Math.max(0, inMs), act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(by) {
      const end = ms + by
      await turn()
      for (let timer = next(); timer !== undefined && timer.at <= end; timer = next())
        await goTo(Math.max(ms, timer.at))
      await goTo(end)
      await turn()
    },
    async step() {
      await turn()
      const timer = next()
      if (timer === undefined) return false
      await goTo(Math.max(ms, timer.at))
      return true
    },
    set(epochMs) {
      epoch = epochMs
    },
    get timers() {
      return timers.size
    },
  }
}
