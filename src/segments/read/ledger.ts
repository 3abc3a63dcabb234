import { type Place, sameInode } from './identity.ts'

/** One file's line in the ledger. */
export interface Entry {
  placeAt(offset: number): Place
  /** From where on it is given. */
  readonly start: number
  /** How far the reader's user is done with it; undefined before the first commit. */
  committed: number | undefined
  /** Whether the reader will give no more of it. */
  closed: boolean
}

/**
 * What was given, and how much of it was committed. A commit speaks for everything that was given before, so the
 * checkpoint moves only over an unbroken row.
 */
export interface Ledger {
  /** Adds a file behind all others. */
  open(placeAt: (offset: number) => Place, start: number, committed: number | undefined): Entry
  /** Notes that lines of a file up to `end` are given. */
  given(entry: Entry, end: number): void
  /** Moves on to a place that was given; false if it was not, or is behind. */
  commit(place: Place): boolean
  /** What the checkpoint has to say: the last is the furthest. Empty before the first commit. */
  places(): Place[]
}

export function createLedger(): Ledger {
  let entries: Entry[] = []
  let row: { entry: Entry; end: number }[] = []

  function isIn(place: Place, entry: Entry): boolean {
    const { file } = entry.placeAt(place.offset)
    return sameInode(file, place.file) && file.head === place.file.head && file.length === place.file.length
  }

  function frontier(): number {
    return entries.findLastIndex((entry) => entry.committed !== undefined && entry.committed > 0)
  }

  /** Entries that no checkpoint will speak of again. */
  function settle(): void {
    const last = frontier()
    entries = entries.filter(
      (entry, i) => i >= last || !entry.closed || row.some((one) => one.entry === entry),
    )
  }

  return {
    open(placeAt, start, committed) {
      const entry = { placeAt, start, committed, closed: false }
      entries.push(entry)
      return entry
    },
    given(entry, end) {
      const last = row.at(-1)
      if (last?.entry === entry) last.end = end
      else row.push({ entry, end })
    },
    commit(place) {
      const index = row.findIndex((one) => place.offset <= one.end && isIn(place, one.entry))
      const found = row[index]
      if (found === undefined || place.offset < (found.entry.committed ?? 0)) return false
      for (const passed of row.slice(0, index)) passed.entry.committed = passed.end
      found.entry.committed = place.offset
      row = row.slice(place.offset === found.end ? index + 1 : index)
      settle()
      return true
    },
    places() {
      settle()
      const last = frontier()
      if (last === -1) return []
      // A file before the furthest has nothing given that is not committed, or its row would have stopped it.
      return entries.slice(0, last + 1).map((entry) => entry.placeAt(entry.committed ?? entry.start))
    },
  }
}
