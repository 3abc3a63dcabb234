import { writeSync } from 'node:fs'
import { chunkEnd, PIPE_BUF } from '../chunks.ts'
import { scratchFor } from '../scratch.ts'

/** Appends lines to what is no regular file: it takes a part of a write and gives no way to look at its end. */
export interface PipeWriter {
  /** As Writer's. */
  append(fd: number, lines: string): number
  /** True after a failure: the descriptor is to be opened anew. */
  readonly broken: boolean
  /** Another reader may have come: a line that was begun is written again whole, on a line of its own. */
  reopened(isFifo: boolean): void
  /** True while the rest of a line that `append` took waits. */
  pending(): boolean
  /** True while the reader is there and does not read. */
  readonly full: boolean
  readonly bytes: number
  readonly error: NodeJS.ErrnoException | undefined
}

const NEWLINE = 10

export function createPipeWriter(): PipeWriter {
  // A line of which a part is written; only its rest may follow.
  let cut: { line: Buffer; from: number } | undefined
  let most = Number.POSITIVE_INFINITY
  let full = false
  let broken = false
  let bytes = 0
  let error: NodeJS.ErrnoException | undefined

  /** Writes buffer[start..end): how many bytes, 0 if the pipe is full. */
  function put(fd: number, buffer: Buffer, start: number, end: number): number {
    try {
      const written = writeSync(fd, buffer, start, end - start)
      bytes += written
      full = false
      return written
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'EAGAIN') throw failure
      error = failure as NodeJS.ErrnoException
      full = true
      return 0
    }
  }

  function finishCut(fd: number): boolean {
    while (cut !== undefined) {
      const written = put(fd, cut.line, cut.from, cut.line.length)
      if (written === 0) return false
      cut.from += written
      if (cut.from === cut.line.length) cut = undefined
    }
    return true
  }

  function append(fd: number, lines: string): number {
    if (!finishSafely(fd)) return 0
    const buffer = scratchFor(lines)
    const stop = buffer.write(lines, 0, 'utf8')
    let at = 0
    try {
      while (at < stop && cut === undefined) {
        const end = chunkEnd(buffer, at, stop, most)
        const from = at
        at += put(fd, buffer, at, end)
        if (at === from) break
        if (at === end || buffer[at - 1] === NEWLINE) continue
        const start = buffer.lastIndexOf(NEWLINE, at - 1) + 1
        const written = at - start
        at = buffer.indexOf(NEWLINE, at) + 1
        cut = { line: Buffer.from(buffer.subarray(start, at)), from: written }
        finishCut(fd)
      }
    } catch (failure) {
      breakDown(failure)
    }
    return at === stop ? lines.length : lines.length - buffer.toString('utf8', at, stop).length
  }

  function finishSafely(fd: number): boolean {
    try {
      return finishCut(fd)
    } catch (failure) {
      breakDown(failure)
      return false
    }
  }

  function breakDown(failure: unknown): void {
    error = failure as NodeJS.ErrnoException
    broken = true
    full = false
  }

  return {
    append,
    reopened(isFifo) {
      most = isFifo ? PIPE_BUF : Number.POSITIVE_INFINITY
      full = false
      broken = false
      if (cut !== undefined && cut.from > 0) cut = { line: onLineOfItsOwn(cut.line), from: 0 }
    },
    pending: () => cut !== undefined,
    get broken() {
      return broken
    },
    get full() {
      return full
    },
    get bytes() {
      return bytes
    },
    get error() {
      return error
    },
  }
}

function onLineOfItsOwn(line: Buffer): Buffer {
  return line[0] === NEWLINE ? line : Buffer.concat([Buffer.of(NEWLINE), line])
}
