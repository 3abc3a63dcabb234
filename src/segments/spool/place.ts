/** The point right behind a line of a spool. */
export interface SpoolPlace {
  /** The segment's number. */
  readonly seq: number
  /** Bytes from its beginning. */
  readonly offset: number
}

export function comparePlaces(a: SpoolPlace, b: SpoolPlace): number {
  return a.seq - b.seq || a.offset - b.offset
}

export function later(a: SpoolPlace, b: SpoolPlace): SpoolPlace {
  return comparePlaces(a, b) >= 0 ? a : b
}

const RADIX = 36
const ID = /^[a-z2-7]{16}-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/

/** The id of the line that begins at `offset`; at most 40 letters, digits and '-'. */
export function lineId(unique: string, seq: number, offset: number): string {
  return `${unique}-${seq.toString(RADIX)}-${offset.toString(RADIX)}`
}

/** The place right behind the line of that id, which has so many bytes without its newline. Undefined for no id of ours. */
export function placeBehind(id: string, bytes: number): SpoolPlace | undefined {
  const [, seq, offset] = ID.exec(id) ?? []
  if (seq === undefined || offset === undefined) return undefined
  return { seq: Number.parseInt(seq, RADIX), offset: Number.parseInt(offset, RADIX) + bytes + 1 }
}

const BYTES_PER_NTH = 10
const NTHS = 1_000_000

/** Tells lines of one millisecond apart: 0 to 999,999, rising within a segment, since no record is under 10 bytes. */
export function nthOf(offset: number): number {
  return Math.floor(offset / BYTES_PER_NTH) % NTHS
}
