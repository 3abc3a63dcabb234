/** What is told of records that were held back: once a period, and when that has an end. */
export interface FloodSummary {
  /** Records by level number since the last summary; at the end of a flood, since its begin. */
  readonly byLevel: ReadonlyMap<number, number>
  readonly total: number
  /** Milliseconds in which that was. */
  readonly durationMs: number
  /** True for the last one: nothing was held back for a period, or the process ends. */
  readonly over: boolean
  /** One of those held back; undefined at the end, and where it could not be shown. */
  readonly example: unknown
}

export interface Floods {
  /** @param show makes what the next summary shows; asked once a period */
  heldBack(level: number, now: number, show: () => unknown): void
  /** Tells what was not told yet. For the end of the process, of the logger or of its configuration. */
  finish(now: number): void
  readonly stats: FloodStats
}

export interface FloodStats {
  /** Records that were held back. */
  readonly heldBack: number
  /** The same by level number. */
  readonly byLevel: ReadonlyMap<number, number>
  /** Summaries that were made. */
  readonly summaries: number
}

export interface FloodOptions {
  readonly periodMs: number
  readonly tell: (summary: FloodSummary) => void
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number
}

const LONGEST_TIMER = 2 ** 31 - 1

/** Counts what is held back, and tells it once a period for as long as that lasts. */
export function createFloods({ periodMs, tell, now: clock }: FloodOptions): Floods {
  const all = new Map<number, number>()
  let period = new Map<number, number>()
  let flood = new Map<number, number>()
  let example: unknown
  let shown = false
  let floodAt: number | undefined
  let periodAt = 0
  let summaries = 0
  let timer: NodeJS.Timeout | undefined

  function arm(): void {
    timer = setTimeout(onTimer, Math.min(periodMs, LONGEST_TIMER))
    // What was counted is told at exit too: nobody has to wait for that.
    timer.unref()
  }

  function onTimer(): void {
    const now = clock()
    if (period.size === 0) over(now)
    else {
      summary(now)
      arm()
    }
  }

  function summary(now: number): void {
    const told = { byLevel: period, total: sum(period), durationMs: now - periodAt, over: false, example }
    period = new Map()
    example = undefined
    shown = false
    periodAt = now
    summaries++
    tell(told)
  }

  function over(now: number): void {
    clearTimeout(timer)
    const begun = floodAt
    const byLevel = flood
    floodAt = undefined
    flood = new Map()
    if (begun === undefined) return
    summaries++
    tell({ byLevel, total: sum(byLevel), durationMs: now - begun, over: true, example: undefined })
  }

  return {
    heldBack(level, now, show) {
      if (floodAt === undefined) {
        floodAt = now
        periodAt = now
        arm()
      } else if (now - periodAt >= periodMs && period.size > 0) {
        // A loop that never yields lets no timer run; one that is late need not come right behind.
        timer?.refresh()
        summary(now)
      }
      add(all, level)
      add(period, level)
      add(flood, level)
      if (shown) return
      // Before it is made: making it may log, and be held back.
      shown = true
      example = show()
    },
    finish(now) {
      if (period.size > 0) summary(now)
      over(now)
    },
    get stats() {
      return { heldBack: sum(all), byLevel: all, summaries }
    },
  }
}

function add(counts: Map<number, number>, level: number): void {
  counts.set(level, (counts.get(level) ?? 0) + 1)
}

function sum(counts: ReadonlyMap<number, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}
