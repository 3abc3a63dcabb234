import { Buffer } from 'node:buffer'
import { makeUnique } from '../segments/spool/layout.ts'
import type { ParsedLine } from '../segments/spool/line.ts'
import { lineId, nthOf } from '../segments/spool/place.ts'
import { after, clearTimeout } from '../segments/timers.ts'
import type { Shipped } from './shipped.ts'
import type { Source } from './source.ts'

/** Lines that came from the thread that logs itself, since they could not be written to the spool. */
export interface CarriedSource extends Source {
  /** @param text whole lines, of which `onDone` tells by this id once all are done with */
  add(id: number, text: string): void
  /** Nothing more will come. */
  finish(): void
}

/** As large as a spool's segment: `nth` rises within one. */
const SEGMENT_BYTES = 8 * 1024 * 1024

export function createCarriedSource(
  parse: (line: string) => ParsedLine | undefined,
  onDone: (id: number) => void,
): CarriedSource {
  const unique = makeUnique()
  let waiting: Shipped[] = []
  // Ids of records that are the last of their text, in the order of the texts.
  let ends: { id: number; record: string | undefined }[] = []
  const given = new Set<string>()
  let seq = 1
  let offset = 0
  let finished = false
  let wake = (): void => {}

  function shippedOf(line: string): Shipped | undefined {
    const parsed = parse(line)
    if (parsed === undefined) return undefined
    const bytes = Buffer.byteLength(line)
    if (offset > SEGMENT_BYTES) {
      seq++
      offset = 0
    }
    const { record, timeMs } = parsed
    const shipped = { line, bytes, record, timeMs, nth: nthOf(offset), id: lineId(unique, seq, offset) }
    offset += bytes + 1
    return shipped
  }

  return {
    name: unique,
    add(id, text) {
      const records = text.split('\n').flatMap((line) => shippedOf(line) ?? [])
      const last = records.at(-1)
      if (last === undefined) return onDone(id)
      waiting.push(...records)
      ends.push({ id, record: last.id })
      wake()
    },
    async read(maxBytes, maxCount) {
      let bytes = 0
      const end = waiting.findIndex((record, i) => {
        bytes += record.bytes
        return i > 0 && (i >= maxCount || bytes > maxBytes)
      })
      const read = end === -1 ? waiting : waiting.slice(0, end)
      waiting = end === -1 ? [] : waiting.slice(end)
      for (const { id } of read) given.add(id)
      return read
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = after(ms, resolve).unref()
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
    async commit({ id }) {
      for (const one of given) {
        given.delete(one)
        if (one === ends[0]?.record) onDone((ends.shift() as { id: number }).id)
        if (one === id) return
      }
    },
    finish() {
      finished = true
      wake()
    },
    get ended() {
      return finished && waiting.length === 0
    },
    // It is on no disk.
    backlog: 0,
    async close() {
      waiting = []
      ends = []
      wake()
    },
  }
}
