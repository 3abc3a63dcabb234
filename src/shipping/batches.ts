import type { Shipped } from './shipped.ts'

/** A record that was read. */
export interface Entry {
  readonly record: Shipped
  /** Its number among all that a shipper has read, rising. */
  readonly n: number
  /** Whether it was delivered, refused or given up. */
  done: boolean
}

/** Records of one source and one group, in the order in which they were read. */
export interface Batch {
  readonly group: string
  readonly entries: Entry[]
  /** Of all records, as `Shipped.bytes` counts them. */
  bytes: number
  /** When the first of them was read, ms of the monotonic clock. */
  readonly sinceMs: number
}

export interface CollectorOptions {
  /** Most bytes of a batch; a record that is larger goes alone. */
  readonly bytes: number
  /** Most records of a batch. */
  readonly count: number
}

/** Collects the records of one source, those of each group into a batch of their own. */
export interface Collector {
  /** @returns batches that this has filled, in order */
  add(entry: Entry, group: string, nowMs: number): Batch[]
  /** The batch that has waited longest and is not full yet. */
  readonly oldest: Batch | undefined
  /** Takes one that is not full. */
  take(batch: Batch): void
}

export function createCollector({ bytes, count }: CollectorOptions): Collector {
  // A map keeps the order in which batches were begun, so its first is the oldest.
  const open = new Map<string, Batch>()

  return {
    add(entry, group, nowMs) {
      const full: Batch[] = []
      const close = (batch: Batch): void => {
        open.delete(group)
        full.push(batch)
      }
      const present = open.get(group)
      const fits = present !== undefined && present.bytes + entry.record.bytes <= bytes
      if (present !== undefined && !fits) close(present)
      const batch = present !== undefined && fits ? present : { group, entries: [], bytes: 0, sinceMs: nowMs }
      open.set(group, batch)
      batch.entries.push(entry)
      batch.bytes += entry.record.bytes
      if (batch.entries.length >= count || batch.bytes >= bytes) close(batch)
      return full
    },
    get oldest() {
      return open.values().next().value
    },
    take(batch) {
      open.delete(batch.group)
    },
  }
}
