import type { Batch, Entry } from './batches.ts'
import { type Part, wholeOf } from './bisect.ts'
import type { Intake } from './intake.ts'

/** A batch that is full, or old enough, until all of its records are done with. */
export interface Parcel {
  readonly intake: Intake
  readonly group: string
  /** The number of the first record that it was made with. */
  readonly first: number
  /** The last record that it was made with. */
  readonly last: Entry
  /** What is left of it, in order. */
  entries: readonly Entry[]
  /** What of that is sent next. */
  part: Part
  /** Requests made for it. */
  tries: number
  /** Why its suspects were refused together. */
  why: string | undefined
  /** Records found at fault. */
  found: number
  anyTaken: boolean
}

export function parcelOf({ group, entries }: Batch, intake: Intake): Parcel {
  return {
    intake,
    group,
    first: (entries[0] as Entry).n,
    last: entries.at(-1) as Entry,
    entries,
    part: wholeOf(entries.length),
    tries: 0,
    why: undefined,
    found: 0,
    anyTaken: false,
  }
}

/** Parcels that can be sent: what was begun before what was not, else in the order in which they were read. */
export interface Queue extends Iterable<Parcel> {
  add(parcel: Parcel): void
  remove(parcel: Parcel): void
}

export function createQueue(): Queue {
  const parcels: Parcel[] = []
  return {
    add(parcel) {
      const at = parcels.findLastIndex((other) => goesBefore(other, parcel))
      parcels.splice(at + 1, 0, parcel)
    },
    remove(parcel) {
      const at = parcels.indexOf(parcel)
      if (at !== -1) parcels.splice(at, 1)
    },
    [Symbol.iterator]: () => parcels.values(),
  }
}

function goesBefore(a: Parcel, b: Parcel): boolean {
  const begun = a.tries > 0
  return begun === b.tries > 0 ? a.first < b.first : begun
}
