import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { createScanner } from '../read/lines.ts'

/** What was left out of a spool, in lines. */
export interface SkippedLines {
  /** No records: other people's output, what a power cut filled with zeros. */
  broken: number
  tooLong: number
  /** Lines without their newline, in segments that nobody writes any more. */
  torn: number
}

/** Takes lines. */
export interface LineTaker {
  /** Whether a line of so many bytes is wanted now; if not, it is the next one's. */
  wants(bytes: number): boolean
  take(text: string, offset: number, bytes: number): void
}

/** The lines of one segment, read on from a place as it grows. */
export interface Tape {
  readonly seq: number
  /** Where the next line begins. */
  readonly offset: number
  /** Gives the lines that were read, until one is not wanted: whether that was so. */
  lines(taker: LineTaker): boolean
  /** Reads on, when all lines were given: how many bytes, 0 at the present end. @throws an errno error */
  fill(): Promise<number>
  /** Whether there is more than was read. @throws an errno error */
  hasGrown(): Promise<boolean>
  /** Counts what stands at the end without a newline as torn: its bytes. To be called once, at the end. */
  tear(): Promise<number>
  close(): Promise<void>
}

const NEWLINE = 10
const OPENING = 0x7b
/** 256 KiB: larger ones are no faster, and this much stays in a core's cache between reading and looking. */
const CHUNK_BYTES = 256 * 1024
const NONE = Buffer.alloc(0)

/**
 * @param offset where a line begins
 * @param maxLine bytes of the longest line that is given; memory is twice that at most
 */
export function createTape(
  seq: number,
  handle: FileHandle,
  offset: number,
  maxLine: number,
  skipped: SkippedLines,
): Tape {
  const scanner = createScanner(false, maxLine)
  let buffer = NONE
  // In the file.
  let base = offset
  // In the buffer: the next line, the end of the last whole one, the end of what was read.
  let at = 0
  let whole = 0
  let stop = 0
  let suspect = false
  // Where the line begins that is left out, while its end was not read yet.
  let skippingFrom = -1

  function lines(taker: LineTaker): boolean {
    while (at < whole) {
      const run = scanner.next(buffer, at, whole, suspect)
      skipped.broken += run.broken
      skipped.tooLong += run.tooLong
      let start = run.start
      for (let i = 0; i < run.count; i++) {
        const end = run.ends[i] as number
        at = start
        if (!taker.wants(end - start)) return true
        taker.take(buffer.toString('utf8', start, end), base + start, end - start)
        start = end + 1
      }
      at = run.next
    }
    return false
  }

  /** Brings what is left of the buffer to its beginning, and makes room behind it. */
  function makeRoom(): void {
    const kept = stop - at
    const old = buffer
    if (kept > buffer.length / 2 || buffer.length === 0)
      buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, buffer.length * 2))
    else if (buffer.length > CHUNK_BYTES && kept <= CHUNK_BYTES / 2)
      buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    old.copy(buffer, 0, at, stop)
    base += at
    at = 0
    whole = 0
    stop = kept
  }

  /** Leaves out a line that can't be a record, before all of it has been read: zeros can be a whole segment. */
  function skipHopeless(): void {
    const kept = stop - at
    if (kept > maxLine) skipped.tooLong++
    else if (kept > 0 && buffer[at] !== OPENING) skipped.broken++
    else return
    skippingFrom = base + at
  }

  function endOfSkipped(): void {
    const newline = buffer.subarray(at, stop).indexOf(NEWLINE)
    at = newline === -1 ? stop : at + newline + 1
    if (newline !== -1) skippingFrom = -1
  }

  function offsetOfNext(): number {
    return skippingFrom === -1 ? base + at : skippingFrom
  }

  async function fill(): Promise<number> {
    makeRoom()
    const { bytesRead } = await handle.read(buffer, stop, buffer.length - stop, base + stop)
    if (bytesRead === 0) {
      if (stop === 0) buffer = NONE
      return 0
    }
    stop += bytesRead
    if (skippingFrom !== -1) endOfSkipped()
    whole = Math.max(at, buffer.lastIndexOf(NEWLINE, stop - 1) + 1)
    suspect = buffer.subarray(at, whole).includes(0)
    if (whole === at && skippingFrom === -1) {
      skipHopeless()
      if (skippingFrom !== -1) at = stop
      whole = at
    }
    return bytesRead
  }

  return {
    seq,
    get offset() {
      return offsetOfNext()
    },
    lines,
    fill,
    async hasGrown() {
      return (await handle.stat()).size > base + stop
    },
    async tear() {
      // A short write that was taken back leaves nothing.
      const end = base + stop
      const begin = offsetOfNext()
      if (skippingFrom === -1 && end > begin && (await handle.stat()).size > begin) skipped.torn++
      return end - begin
    },
    close: () => handle.close(),
  }
}
