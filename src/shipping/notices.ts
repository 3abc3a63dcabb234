import type { ShippingClock } from './clock.ts'
import type { OnEvent, ShipperEvent } from './events.ts'
import { addLevels } from './words.ts'

const MINUTE_MS = 60_000

/** What has come up of one kind since it was last told. */
export interface Notice {
  records: number
  readonly byLevel: Record<string, number>
  /** The last reason. */
  reason: string
}

/** Tells of what may come up with every record, at most once a minute and adding up. */
export interface Notices {
  note(records: number, byLevel: Readonly<Record<string, number>>, reason: string): void
  /** Tells at once what has not been told. */
  flush(): void
}

/** @param eventOf makes the event of what has come up */
export function createNotices(
  clock: ShippingClock,
  onEvent: OnEvent,
  eventOf: (notice: Notice) => ShipperEvent,
): Notices {
  let notice: Notice | undefined
  let toldMs = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | undefined

  function flush(): void {
    cancel?.()
    cancel = undefined
    if (notice === undefined) return
    const told = notice
    notice = undefined
    toldMs = clock.monotonic()
    onEvent(eventOf(told))
  }

  return {
    note(records, byLevel, reason) {
      notice ??= { records: 0, byLevel: {}, reason }
      notice.records += records
      notice.reason = reason
      addLevels(notice.byLevel, byLevel)
      const waitMs = toldMs + MINUTE_MS - clock.monotonic()
      if (waitMs <= 0) flush()
      else cancel ??= clock.after(waitMs, flush)
    },
    flush,
  }
}
