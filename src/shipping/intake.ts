import { type Batch, createCollector, type Entry } from './batches.ts'
import type { ShippingClock } from './clock.ts'
import type { Shipped } from './shipped.ts'
import type { Source } from './source.ts'
import { createWindow } from './window.ts'
import { messageOf } from './words.ts'

export interface IntakeOptions {
  readonly source: Source
  /** Whether it is to be emptied before others. */
  readonly first: boolean
  /** Bounds of its batches. */
  readonly bytes: number
  readonly count: number
  readonly pollMs: number
  readonly clock: ShippingClock
  /** Numbers the records of all sources. */
  readonly nextNumber: () => number
  readonly groupOf: (record: Shipped) => string
  readonly onRecords: (records: readonly Shipped[]) => void
  /** Told of batches that are full. */
  readonly onFull: (batches: readonly Batch[], intake: Intake) => void
  /** Told that something may be possible that was not. */
  readonly onChange: () => void
  readonly onError: (message: string) => void
}

/** One source: what was read from it, how far that is done with, and how far that is noted. */
export interface Intake {
  readonly source: Source
  readonly first: boolean
  /** Whether a read may give something: none is running, and the last one was not in vain a moment ago. */
  readonly readable: boolean
  /** Bytes and records that are held, or will be by the read that is running. */
  readonly bytes: number
  readonly count: number
  /** Reads as many in the background; `serial` is noted if there was nothing. */
  read(bytes: number, count: number, serial: number): void
  /** The serial of the last read if that found nothing, else 0. */
  readonly emptySerial: number
  /** Whether any read has ended. */
  readonly known: boolean
  /** Whether a record of that group was or may have been among its own; known where it is to be emptied before others. */
  mayHave(group: string): boolean
  /** It was read to its end for the moment, and all is done with and noted. */
  readonly caughtUp: boolean
  /** The same, and nothing more will come. */
  readonly finished: boolean
  /** The batch that is not full and has waited longest. */
  readonly oldest: Batch | undefined
  take(batch: Batch): void
  /** The first record that is not done with. */
  readonly frontier: Entry | undefined
  /** Notes that a batch whose last record is `last` is sent for the first time. */
  sending(last: Entry): void
  /** Batches sent and not noted as done with. */
  readonly uncommitted: number
  /** Whether what is done with is being noted. */
  readonly committing: boolean
  settle(entries: readonly Entry[]): void
  /** Makes it readable at once. */
  poke(): void
  /** Waits until what is done with is noted, then closes the source. Never rejects. */
  close(): Promise<void>
}

// Labels made of data would fill the memory: past this it may have any.
const MOST_GROUPS = 10_000

export function createIntake(options: IntakeOptions): Intake {
  const { source, clock } = options
  const window = createWindow()
  const collector = createCollector(options)
  const groups = new Set<string>()
  let reading = false
  // What the running read may bring.
  let asked = { bytes: 0, count: 0 }
  let idle = false
  let poked = false
  let waiting = false
  let known = false
  let emptySerial = 0
  let toCommit: Entry | undefined
  let committing: Promise<void> | undefined
  let uncommitted: Entry[] = []
  let closed = false

  async function readNow(serial: number): Promise<void> {
    let records: readonly Shipped[] = []
    try {
      records = await source.read(asked.bytes, asked.count)
    } catch (error) {
      // It promised not to; what is wrong with it may pass.
      options.onError(`${source.name} can't be read: ${messageOf(error)}`)
    }
    reading = false
    known = true
    asked = { bytes: 0, count: 0 }
    if (closed) return
    if (records.length === 0) nothingThere(serial)
    else take(records)
    options.onChange()
  }

  function nothingThere(serial: number): void {
    emptySerial = serial
    // A poke may tell of what came behind a read that was under way.
    idle = !poked
    if (waiting || source.ended) return
    waiting = true
    const woken = (): void => {
      waiting = false
      if (closed) return
      poke()
      options.onChange()
    }
    source.wait(options.pollMs).then(woken, woken)
  }

  function take(records: readonly Shipped[]): void {
    emptySerial = 0
    options.onRecords(records)
    const now = clock.monotonic()
    const full: Batch[] = []
    for (const record of records) {
      const entry: Entry = { record, n: options.nextNumber(), done: false }
      window.add(entry)
      const group = options.groupOf(record)
      if (options.first && groups.size < MOST_GROUPS) groups.add(group)
      full.push(...collector.add(entry, group, now))
    }
    if (full.length > 0) options.onFull(full, intake)
  }

  function poke(): void {
    idle = false
    poked = true
  }

  async function commitAll(): Promise<void> {
    while (toCommit !== undefined) {
      const entry = toCommit
      toCommit = undefined
      try {
        await source.commit(entry.record)
      } catch (error) {
        options.onError(`${source.name} can't note how far it is done with: ${messageOf(error)}`)
      }
      uncommitted = uncommitted.filter((last) => last.n > entry.n)
    }
    committing = undefined
    options.onChange()
  }

  const intake: Intake = {
    source,
    first: options.first,
    get readable() {
      return !reading && !idle && !closed
    },
    get bytes() {
      return window.bytes + asked.bytes
    },
    get count() {
      return window.count + asked.count
    },
    read(bytes, count, serial) {
      reading = true
      poked = false
      asked = { bytes, count }
      void readNow(serial)
    },
    get emptySerial() {
      return emptySerial
    },
    get known() {
      return known
    },
    mayHave: (group) => groups.size >= MOST_GROUPS || groups.has(group),
    get caughtUp() {
      return known && emptySerial > 0 && window.count === 0 && committing === undefined
    },
    get finished() {
      return known && !reading && source.ended && window.count === 0 && committing === undefined
    },
    get oldest() {
      return collector.oldest
    },
    take: collector.take,
    get frontier() {
      return window.frontier
    },
    sending(last) {
      uncommitted.push(last)
    },
    get uncommitted() {
      return uncommitted.length
    },
    get committing() {
      return committing !== undefined
    },
    settle(entries) {
      toCommit = window.settle(entries) ?? toCommit
      if (toCommit !== undefined) committing ??= commitAll()
    },
    poke,
    async close() {
      closed = true
      await committing
      try {
        await source.close()
      } catch (error) {
        options.onError(`${source.name} can't be closed: ${messageOf(error)}`)
      }
    },
  }
  return intake
}
