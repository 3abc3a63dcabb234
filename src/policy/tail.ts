/** What waits in memory for the end of the units of work that it was made in. */
export interface Tail<T> {
  /** A ring for one unit of work. */
  open(): TailRing<T>
  /** Writes what all of them hold, the oldest unit first, and holds no more. */
  close(): void
  readonly closed: boolean
  stats(): TailStats
}

/** What is held of one unit of work: a ring, from which the oldest goes when it is full. */
export interface TailRing<T> {
  /**
   * @param bytes of memory that it takes
   * @param chosen whether it is to be written in any case, when the unit ends
   */
  add(held: T, bytes: number, chosen: boolean): void
  /** Writes all that is held, in order. */
  keep(): void
  /**
   * Ends the unit: writes what is held where it failed or took longer than `slowMs`, else only what was chosen.
   *
   * @param ms how long it took
   */
  end(failed: boolean, ms: number): void
}

export interface TailOptions<T> {
  /** Records that a unit may hold. */
  readonly records: number
  /** Bytes of memory that a unit may hold. */
  readonly size: number
  /** Bytes of memory that all may hold together. */
  readonly total: number
  /** Milliseconds past which a unit is slow. */
  readonly slowMs: () => number
  /** @param kept true where its unit failed, was slow or was asked for; false where the record was chosen before */
  readonly write: (held: T, kept: boolean) => void
  /** Told when the oldest unit's records give way because all together hold too much. */
  readonly onEvicted?: (() => void) | undefined
}

export interface TailStats {
  /** Records that are held now, by how many units, in how many bytes of memory. */
  readonly held: number
  readonly scopes: number
  readonly bytes: number
  /** Records that were held and then written. */
  readonly written: number
  /** Records that were let go because their unit went well. */
  readonly letGo: number
  /** Records that gave way to later ones of their unit. */
  readonly overflowed: number
  /** Units whose records gave way because all together held too much, and those records. */
  readonly evictedScopes: number
  readonly evicted: number
}

interface Entry<T> {
  readonly held: T
  readonly bytes: number
  readonly chosen: boolean
}

export function createTail<T>(options: TailOptions<T>): Tail<T> {
  const { write } = options
  /** Rings that hold something, the oldest first. */
  const rings = new Set<OwnRing<T>>()
  const counts = { held: 0, bytes: 0, written: 0, letGo: 0, overflowed: 0, evictedScopes: 0, evicted: 0 }
  let closed = false

  /** Takes all that a ring holds. Before anything is done with it: writing may log. */
  function take(ring: OwnRing<T>): readonly Entry<T>[] {
    const { entries, first } = ring
    ring.entries = []
    ring.first = 0
    counts.bytes -= ring.bytes
    ring.bytes = 0
    rings.delete(ring)
    const taken = first === 0 ? entries : entries.slice(first)
    counts.held -= taken.length
    return taken
  }

  function writeAll(ring: OwnRing<T>): void {
    for (const { held } of take(ring)) {
      counts.written++
      write(held, true)
    }
  }

  function dropFirst(ring: OwnRing<T>): void {
    const { bytes } = ring.entries[ring.first] as Entry<T>
    // What is given up must not be held by its place.
    ring.entries[ring.first] = undefined as never
    ring.first++
    ring.bytes -= bytes
    counts.bytes -= bytes
    counts.held--
    counts.overflowed++
    if (ring.first < options.records) return
    ring.entries = ring.entries.slice(ring.first)
    ring.first = 0
  }

  function evictOldest(): void {
    for (const oldest of rings) {
      counts.evictedScopes++
      counts.evicted += take(oldest).length
      options.onEvicted?.()
      return
    }
  }

  function open(): TailRing<T> {
    const ring: OwnRing<T> = { entries: [], first: 0, bytes: 0 }
    return {
      add(held, bytes, chosen) {
        rings.add(ring)
        ring.entries.push({ held, bytes, chosen })
        ring.bytes += bytes
        counts.bytes += bytes
        counts.held++
        while (ring.entries.length - ring.first > options.records || ring.bytes > options.size)
          dropFirst(ring)
        if (ring.entries.length === ring.first) take(ring)
        while (counts.bytes > options.total) evictOldest()
      },
      keep: () => writeAll(ring),
      end(failed, ms) {
        if (failed || ms > options.slowMs()) writeAll(ring)
        else {
          for (const { held, chosen } of take(ring)) {
            if (chosen) counts.written++
            else counts.letGo++
            if (chosen) write(held, false)
          }
        }
      },
    }
  }

  return {
    open,
    close() {
      closed = true
      for (const ring of rings) writeAll(ring)
    },
    get closed() {
      return closed
    },
    stats: () => ({ ...counts, scopes: rings.size }),
  }
}

interface OwnRing<T> {
  entries: Entry<T>[]
  /** Where in `entries` the oldest is. */
  first: number
  bytes: number
}
