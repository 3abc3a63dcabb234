import type { Entry } from './batches.ts'

/** What was read from a source and can't be committed yet, in the order in which it was read. */
export interface Window {
  add(entry: Entry): void
  /**
   * Marks entries as done with.
   *
   * @returns the last entry of the unbroken prefix that is done with; undefined if it did not grow
   */
  settle(entries: readonly Entry[]): Entry | undefined
  /** The first that is not done with: no commit may pass it. */
  readonly frontier: Entry | undefined
  /** Of the records from the frontier on, as `Shipped.bytes` counts them. */
  readonly bytes: number
  readonly count: number
}

// So that what is done with is not held by the array: copying is rare, and never of much.
const COMPACT_AT = 1024

export function createWindow(): Window {
  let entries: Entry[] = []
  let head = 0
  let bytes = 0

  return {
    add(entry) {
      entries.push(entry)
      bytes += entry.record.bytes
    },
    settle(settled) {
      for (const entry of settled) entry.done = true
      let last: Entry | undefined
      for (let next = entries[head]; next?.done === true; next = entries[head]) {
        last = next
        bytes -= next.record.bytes
        head++
      }
      if (head === entries.length || head >= COMPACT_AT) {
        entries = entries.slice(head)
        head = 0
      }
      return last
    },
    get frontier() {
      return entries[head]
    },
    get bytes() {
      return bytes
    },
    get count() {
      return entries.length - head
    },
  }
}
