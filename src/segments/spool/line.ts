import type { KeyNames } from './about.ts'
import type { SpoolPlace } from './place.ts'

/** What a line says. */
export interface ParsedLine {
  /** With the default schema's keys; `level` is a level's name. */
  readonly record: Readonly<Record<string, unknown>>
  /** When it was made, epoch ms. */
  readonly timeMs: number
  /** Records that it tells were lost, by level's name; for what spoor itself writes about a loss. */
  readonly lost?: Readonly<Record<string, number>> | undefined
}

/** Makes what reads the lines of a spool whose keys are called `names`; undefined for a line that is no record. */
export type ParserOf = (names: KeyNames) => (line: string) => ParsedLine | undefined

/** A line of a spool. */
export interface SpoolLine extends ParsedLine {
  /** Without its newline. */
  readonly line: string
  /** UTF-8 bytes of `line`. */
  readonly bytes: number
  /** Of its place in the spool: the same over restarts and adoption. */
  readonly id: string
  /** Tells lines of one millisecond apart. */
  readonly nth: number
  /** The point right behind it: what `commit` takes. */
  readonly place: SpoolPlace
}

/** Records that were given up to keep a bound. */
export interface Dropped {
  readonly lines: number
  /** By level's name. */
  readonly byLevel: ReadonlyMap<string, number>
  /**
   * Earlier losses, by level's name, of which nobody else tells any more: what told of them was dropped itself. They
   * are not among `lines`, and empty where a note tells of them.
   */
  readonly told: ReadonlyMap<string, number>
  /** Of these lines, those that a note in the spool tells of; who delivers the spool delivers the note. */
  readonly noted: number
  /** Bytes of the segments that are no longer there. */
  readonly bytes: number
  readonly segments: number
  /** False where a segment could not be read to its end before it went: there were more. */
  readonly exact: boolean
}

export const NOTHING_DROPPED: Dropped = {
  lines: 0,
  byLevel: new Map(),
  told: new Map(),
  noted: 0,
  bytes: 0,
  segments: 0,
  exact: true,
}

export function sumOfDropped(a: Dropped, b: Dropped): Dropped {
  return {
    lines: a.lines + b.lines,
    byLevel: sumOfLevels(a.byLevel, b.byLevel),
    told: sumOfLevels(a.told, b.told),
    noted: a.noted + b.noted,
    bytes: a.bytes + b.bytes,
    segments: a.segments + b.segments,
    exact: a.exact && b.exact,
  }
}

/** What both have, by level. */
export function sumOfLevels(
  a: ReadonlyMap<string, number>,
  b: Iterable<readonly [string, number]>,
): Map<string, number> {
  const sum = new Map(a)
  for (const [level, lines] of b) sum.set(level, (sum.get(level) ?? 0) + lines)
  return sum
}
