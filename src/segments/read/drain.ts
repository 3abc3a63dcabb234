import { Buffer } from 'node:buffer'
import { HEAD_BYTES, type Place, placeAt } from './identity.ts'
import type { Entry, Ledger } from './ledger.ts'
import { type Batch, batchOf, createScanner, type Run } from './lines.ts'
import type { Segment } from './listing.ts'
import type { SeenFile } from './seen.ts'
import type { Source } from './source.ts'

const NEWLINE = 10
/** 256 KiB: larger ones are no faster, and this much stays in a core's cache between reading and looking. */
const CHUNK_BYTES = 256 * 1024

/** A file that is being read. */
export interface Track {
  readonly segment: Segment
  readonly source: Source
  readonly seen: SeenFile
  readonly entry: Entry | undefined
  /** Its first 1024 bytes, or as many as there are. */
  head: Buffer
  /** Where the next line begins. */
  offset: number
  /** Bytes of an unfinished line behind it. */
  partial: number
  /** In the middle of a line that is too long. */
  skipping: boolean
  failure: Error | undefined
}

/** What a reader counts while it reads. */
export interface LineCounts {
  lines: number
  bytes: number
  broken: number
  tooLong: number
}

export interface DrainOptions {
  /** Bytes. */
  readonly maxLine: number
  /** Whether broken lines are given too. */
  readonly all: boolean
  readonly counts: LineCounts
  readonly ledger: Ledger | undefined
  readonly isClosed: () => boolean
  readonly commit: (place: Place) => Promise<boolean>
}

/**
 * Makes the function that reads a file on to its present end. All files share one buffer, which is as large as
 * the longest line at hand; what is behind the last newline is read again the next time.
 */
export function createDrain(options: DrainOptions): (track: Track) => AsyncGenerator<Batch, void, void> {
  const { maxLine, counts, ledger, isClosed } = options
  const scanner = createScanner(options.all, maxLine)
  const standard = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let buffer = standard

  /** Makes room behind the first `kept` bytes. */
  function room(kept: number): void {
    const old = buffer
    if (kept > buffer.length / 2) buffer = Buffer.allocUnsafeSlow(buffer.length * 2)
    else if (buffer !== standard && kept <= CHUNK_BYTES / 2) buffer = standard
    if (buffer !== old) old.copy(buffer, 0, 0, kept)
  }

  /** Reads once: how many bytes are in the buffer then, 0 at the end of the file and of what can be read. */
  async function fill(track: Track, kept: number): Promise<number> {
    try {
      const bytes = await track.source.read(buffer, kept, track.offset + kept)
      if (bytes === 0) return 0
      if (track.head.length < HEAD_BYTES) track.head = await track.source.head()
      return kept + bytes
    } catch (error) {
      track.failure = error as Error
      return 0
    }
  }

  function forward(track: Track, bytes: number): void {
    track.offset += bytes
    track.seen.offset = track.offset
  }

  /** Leaves out what belongs to a line that is too long: how much is left in the buffer. */
  function skip(track: Track, stop: number): number {
    const end = buffer.subarray(0, stop).indexOf(NEWLINE) + 1
    track.skipping = end === 0
    forward(track, end === 0 ? stop : end)
    if (end === 0) return 0
    buffer.copyWithin(0, end, stop)
    return stop - end
  }

  function give(track: Track, run: Run): Batch {
    const base = track.offset
    const placeOf = (end: number): Place => placeAt(track.seen, track.head, base + end)
    const batch = batchOf(buffer, run, track.segment.name, placeOf, options.commit)
    counts.lines += run.count
    counts.bytes += batch.bytes.length
    if (track.entry !== undefined) ledger?.given(track.entry, base + run.start + batch.bytes.length)
    return batch
  }

  return async function* drain(track) {
    let kept = 0
    while (!isClosed()) {
      room(kept)
      let stop = await fill(track, kept)
      if (stop === 0) break
      if (track.skipping) stop = skip(track, stop)
      const whole = stop === 0 ? 0 : buffer.lastIndexOf(NEWLINE, stop - 1) + 1
      const suspect = buffer.subarray(0, whole).includes(0)
      for (let at = 0; at < whole; ) {
        const run = scanner.next(buffer, at, whole, suspect)
        counts.broken += run.broken
        counts.tooLong += run.tooLong
        at = run.next
        if (run.count > 0) yield give(track, run)
        if (isClosed()) return
      }
      forward(track, whole)
      kept = stop - whole
      buffer.copyWithin(0, whole, stop)
      if (kept > maxLine) {
        counts.tooLong++
        track.skipping = true
        forward(track, kept)
        kept = 0
      }
    }
    track.partial = kept
  }
}
