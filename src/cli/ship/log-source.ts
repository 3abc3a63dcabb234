import type { Place } from '../../segments/read/identity.ts'
import { after } from '../../segments/timers.ts'
import type { Shipped } from '../../shipping/shipped.ts'
import type { Source } from '../../shipping/source.ts'
import type { LogCounts } from './log-counts.ts'
import { createLogReader, type LogReaderOptions } from './log-reader.ts'
import { type LogState, stateOf } from './log-state.ts'
import { createRecordMaker, type LogLine, type RecordMakerOptions } from './record-maker.ts'

export interface LogSourceOptions extends LogReaderOptions, RecordMakerOptions {
  /** Counted up. */
  readonly counts: LogCounts
}

/** A log over all its files, as what a shipper reads. */
export interface LogSource extends Source {
  /** From now on it gives nothing more, so that what was given can be brought to its end. */
  finish(): void
  /** How the log stood when it was left because nothing had come for long; undefined while it is not. */
  readonly asleepAs: string | undefined
  /** Whether it was read to its end once. */
  readonly caughtUp: boolean
}

/** A log that stands still for so long is left, with its buffer and file, until it is another one. */
const SLEEP_MS = 10 * 60 * 1000

/** A record that was read. */
interface Given {
  readonly record: Shipped
  readonly place: Place
  /** Of this one and all before it. */
  readonly total: Total
}

interface Total {
  /** Bytes in the files. */
  readonly bytes: number
  readonly records: number
}

export function createLogSource(options: LogSourceOptions): LogSource {
  const { path, keeper, counts } = options
  const reader = createLogReader(options)
  const maker = createRecordMaker(options)
  const given = new WeakMap<Shipped, Given>()
  let lines: Iterator<LogLine, undefined> | undefined
  let ahead: Given | undefined
  let read: Total = { bytes: 0, records: 0 }
  let committed: Total = read
  // Behind what was left out since the last record.
  let passed: Place | undefined
  let skipped = { torn: 0, tooLong: 0 }
  let finishing = false
  let asleepAs: string | undefined
  let caughtUp = false
  let since = performance.now()
  let wake = (): void => {}

  /** The next line; undefined if there is none now. */
  async function nextLine(): Promise<LogLine | undefined> {
    for (;;) {
      const found = lines?.next()
      if (found !== undefined && found.done !== true) return found.value
      const batch = await reader.next()
      lines = batch === undefined ? undefined : maker.take(batch)
      if (lines === undefined) {
        maker.pause()
        return undefined
      }
    }
  }

  async function peek(): Promise<Given | undefined> {
    while (ahead === undefined) {
      const line = await nextLine()
      if (line === undefined) return undefined
      const { record, place, length } = line
      passed = record === undefined ? place : undefined
      if (record === undefined) continue
      read = { bytes: read.bytes + length, records: read.records + 1 }
      ahead = { record, place, total: read }
      given.set(record, ahead)
    }
    return ahead
  }

  async function readNow(maxBytes: number, maxCount: number): Promise<Shipped[]> {
    const records: Shipped[] = []
    if (finishing || asleepAs !== undefined) return records
    const state = stateOf(path)
    let bytes = 0
    for (let next = await peek(); next !== undefined; next = await peek()) {
      const { record } = next
      if (records.length > 0 && (bytes + record.bytes > maxBytes || records.length >= maxCount)) break
      ahead = undefined
      records.push(record)
      bytes += record.bytes
    }
    countSkipped()
    if (records.length > 0) since = performance.now()
    else await atRest(state)
    return records
  }

  function countSkipped(): void {
    const { torn, tooLong } = reader.skipped
    counts.torn += torn - skipped.torn
    counts.tooLong += tooLong - skipped.tooLong
    skipped = { torn, tooLong }
  }

  /** @param state before it was looked for more */
  async function atRest(state: LogState): Promise<void> {
    caughtUp = true
    if (committed.records < read.records) return
    if (passed !== undefined) await reader.commit(passed)
    passed = undefined
    await keeper.rest()
    const still = Math.max(performance.now() - since, Date.now() - (state.mtimeMs ?? Date.now()))
    if (options.follow && still >= SLEEP_MS) asleepAs = state.text
  }

  return {
    name: path,
    read: readNow,
    wait: (ms) =>
      new Promise((resolve) => {
        after(ms, resolve).unref()
        wake = resolve
      }),
    async commit(record) {
      const done = given.get(record)
      if (done === undefined) return
      counts.committed += done.total.records - committed.records
      committed = done.total
      await reader.commit(done.place)
    },
    get ended() {
      return asleepAs !== undefined || (reader.over && ahead === undefined)
    },
    get backlog() {
      return reader.lag + read.bytes - committed.bytes
    },
    finish() {
      finishing = true
      wake()
    },
    get asleepAs() {
      return asleepAs
    },
    get caughtUp() {
      return caughtUp
    },
    async close() {
      wake()
      await reader.close()
      countSkipped()
    },
  }
}
