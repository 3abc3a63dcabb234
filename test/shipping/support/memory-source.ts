import type { ShippingClock } from '../../../src/shipping/clock.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import type { Source } from '../../../src/shipping/source.ts'

/** A record as a spool gives it. */
export function shipped(
  id: string,
  more: Partial<Shipped> & { level?: string; group?: string; pad?: number } = {},
): Shipped {
  const { level = 'info', group, pad = 0, ...rest } = more
  const timeMs = rest.timeMs ?? Date.parse('2026-11-21T09:59:59.000Z')
  const record = {
    time: new Date(timeMs).toISOString(),
    level,
    msg: `record ${id}${'x'.repeat(pad)}`,
    ...(group === undefined ? {} : { group }),
  }
  const line = JSON.stringify(record)
  return { line, bytes: Buffer.byteLength(line), record, timeMs, nth: 0, id, ...rest }
}

/** `count` of them, called prefix0, prefix1, … */
export function many(prefix: string, count: number, more: Parameters<typeof shipped>[1] = {}): Shipped[] {
  return Array.from({ length: count }, (_, i) => shipped(`${prefix}${i}`, more))
}

/** A source of records in memory that keeps its promises, and notes what is asked of it. */
export interface MemorySource extends Source {
  push(...records: Shipped[]): void
  /** Nothing more will come. */
  end(): void
  /** What was committed, each time. */
  readonly commits: Shipped[]
  /** How many of all its records are committed. */
  readonly committed: number
  readonly given: number
  readonly closed: boolean
  /** Makes commits wait until the function returned is called. */
  stall(): () => void
}

export function memorySource(
  name: string,
  clock: ShippingClock,
  records: readonly Shipped[] = [],
): MemorySource {
  const all = [...records]
  const commits: Shipped[] = []
  let given = 0
  let committed = 0
  let ended = false
  let closed = false
  let wake: (() => void)[] = []
  let stalled: Promise<void> | undefined

  function notify() {
    const woken = wake
    wake = []
    for (const one of woken) one()
  }

  return {
    name,
    async read(maxBytes, maxCount) {
      const from = given
      let bytes = 0
      for (let next = all[given]; next !== undefined && given - from < maxCount; next = all[given]) {
        if (given > from && bytes + next.bytes > maxBytes) break
        bytes += next.bytes
        given++
      }
      return all.slice(from, given)
    },
    wait: (ms) =>
      new Promise((resolve) => {
        if (given < all.length) return resolve()
        const cancel = clock.after(ms, resolve)
        wake.push(() => {
          cancel()
          resolve()
        })
      }),
    async commit(record) {
      await stalled
      commits.push(record)
      committed = all.indexOf(record) + 1
    },
    get ended() {
      return ended && given === all.length
    },
    get backlog() {
      return all.slice(committed).reduce((sum, { bytes }) => sum + bytes, 0)
    },
    async close() {
      closed = true
      notify()
    },
    push(...more) {
      all.push(...more)
      notify()
    },
    end() {
      ended = true
      notify()
    },
    stall() {
      let release = () => {}
      stalled = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    commits,
    get committed() {
      return committed
    },
    get given() {
      return given
    },
    get closed() {
      return closed
    },
  }
}
