import type { Buffer } from 'node:buffer'
import type { Place } from './identity.ts'

const NEWLINE = 10
const OPENING = 0x7b
const CLOSING = 0x7d

/**
 * Whole lines that stand together in one file. It is valid until the next batch is asked for: the memory behind
 * it is used again. Places, texts and parsed records may be kept.
 */
export interface Batch {
  /** Exactly the lines of this batch, each with its newline. */
  readonly bytes: Buffer
  /** Lines. */
  readonly count: number
  /** The file's name when it was opened, without its directory. */
  readonly file: string
  /** Where in `bytes` line `i` begins. */
  start(i: number): number
  /** Where in `bytes` the newline of line `i` is. */
  end(i: number): number
  /** Line `i` without its newline, as a view of `bytes`. */
  line(i: number): Buffer
  /** Line `i` without its newline. */
  text(i: number): string
  /**
   * Line `i` parsed. Lines are not parsed before, so one that looks whole can still be none.
   *
   * @throws SyntaxError
   */
  json(i: number): unknown
  /** The place right behind line `i`: who begins there reads line `i + 1` next. */
  place(i: number): Place
  /**
   * Notes in the checkpoint that this batch and all before it are done with.
   *
   * @returns whether the checkpoint is on disk; if not, `onProblem` was told and the next commit has it too
   */
  commit(): Promise<boolean>
}

/** Lines of a chunk that stand together: their newlines are at `ends[0..count)`. */
export interface Run {
  readonly start: number
  readonly count: number
  /** Used again by the next run. */
  readonly ends: Uint32Array
  /** Where to look for the next run. */
  readonly next: number
  /** Broken lines left out before the run. */
  readonly broken: number
  /** Lines left out before the run for their length. */
  readonly tooLong: number
}

/** Finds runs; what it gave lasts until the next one is looked for. */
export interface Scanner {
  /**
   * The next run of `chunk`, which ends with a newline at `stop - 1`. A line that is left out ends a run; the
   * run is empty (`count` 0) at the end.
   *
   * @param suspect whether a NUL is somewhere in the chunk
   */
  next(chunk: Buffer, from: number, stop: number, suspect: boolean): Run
}

/**
 * @param all whether broken lines are wanted too
 * @param maxLine bytes
 */
export function createScanner(all: boolean, maxLine: number): Scanner {
  let ends = new Uint32Array(4096)

  function grow(): void {
    const larger = new Uint32Array(ends.length * 2)
    larger.set(ends)
    ends = larger
  }

  return {
    next(chunk, from, stop, suspect) {
      let at = from
      let start = from
      let count = 0
      let broken = 0
      let tooLong = 0
      while (at < stop) {
        const newline = chunk.indexOf(NEWLINE, at)
        const long = newline - at > maxLine
        if (newline > at && !long && (all || isWhole(chunk, at, newline, suspect))) {
          if (count === 0) start = at
          if (count === ends.length) grow()
          ends[count++] = newline
        } else {
          if (count > 0) break
          if (long) tooLong++
          else if (newline > at) broken++
        }
        at = newline + 1
      }
      return { start, count, ends, next: at, broken, tooLong }
    },
  }
}

/** What can be seen without parsing: torn pieces, what a power cut filled with zeros, other people's output. */
function isWhole(chunk: Buffer, start: number, end: number, suspect: boolean): boolean {
  if (chunk[start] !== OPENING || chunk[end - 1] !== CLOSING) return false
  return !suspect || chunk.subarray(start, end).indexOf(0) === -1
}

/** The batch of a run; `placeOf` makes a place of an offset in the chunk. */
export function batchOf(
  chunk: Buffer,
  run: Run,
  file: string,
  placeOf: (end: number) => Place,
  commit: (place: Place) => Promise<boolean>,
): Batch {
  const { count, ends: table, start: first } = run
  const bytes = chunk.subarray(first, (table[count - 1] as number) + 1)
  const start = (i: number): number => (i === 0 ? 0 : (table[i - 1] as number) + 1 - first)
  const end = (i: number): number => (table[i] as number) - first
  const place = (i: number): Place => placeOf((table[i] as number) + 1)
  const text = (i: number): string => bytes.toString('utf8', start(i), end(i))
  return {
    bytes,
    count,
    file,
    start,
    end,
    line: (i) => bytes.subarray(start(i), end(i)),
    text,
    json: (i) => JSON.parse(text(i)),
    place,
    commit: () => commit(place(count - 1)),
  }
}
