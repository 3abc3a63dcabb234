import { writeSync } from 'node:fs'
import { builtin } from '../config/builtin.ts'
import { chunkEnd } from '../segments/chunks.ts'
import { scratchFor } from '../segments/scratch.ts'
import { type Channel, channelOf } from './channel.ts'
import { type Foreign, foreignOf, replaced, type StreamLike } from './foreign.ts'

/** Where the console's lines go; a `commit` for a batch. */
export interface Output {
  commit(lines: string): number
  /** True while the rest of a record that was begun waits. */
  pending(): boolean
  readonly bytes: number
  /** True while the stream's `write` runs: a line made now comes from there, and would go there again for ever. */
  readonly writing: boolean
  /** Takes such a line: to the descriptor at once, or it is counted as lost. */
  aside(line: string): void
  /** Records that nobody will read: the reader has gone. */
  readonly lost: number
  readonly error: NodeJS.ErrnoException | undefined
}

export interface OutputOptions {
  /** The descriptor: 1 is stdout, 2 stderr. */
  fd: number
  /** Written to in place of the descriptor. */
  stream?: StreamLike | undefined
  /** Turns a line into what is written; without it lines are written as they are. */
  render?: ((line: string) => string) | undefined
  /** Told once when the reader has gone. */
  onGone(error: NodeJS.ErrnoException): void
  /** Told when the stream that asked to wait takes text again. */
  onReady?(): void
  /** Told at the first line that was made inside the stream's own `write`. */
  onLoop?(): void
}

const NEWLINE = 10
const GONE = new Set(['EPIPE', 'EBADF', 'ECONNRESET', 'ENOTCONN', 'ENXIO', 'ESHUTDOWN', 'EOF'])

/** Makes the output; the descriptor is looked at only when the first line comes. */
export function createOutput(options: OutputOptions): Output {
  const { fd, render, onGone } = options
  let channel: Channel | undefined
  let foreign: Foreign | undefined
  // The `write` that has been seen to log what it is given; lines pass it by.
  let looping: unknown
  let writing = false
  let bytes = 0
  let lost = 0
  let gone = false
  let error: NodeJS.ErrnoException | undefined

  /** Writes buffer[start..end) as far as it goes: how many bytes, 0 if it is 'not now' or 'never again'. */
  function put(buffer: Buffer, start: number, end: number): number {
    try {
      const written = writeSync((channel as Channel).fd, buffer, start, end - start)
      bytes += written
      return written
    } catch (failure) {
      const { code } = failure as NodeJS.ErrnoException
      if (code === 'EAGAIN') return 0
      error = failure as NodeJS.ErrnoException
      // EIO on a terminal is a hang-up; on a disk it may pass.
      if (GONE.has(code ?? '') || (code === 'EIO' && builtin('node:tty').isatty(fd))) leave()
      return 0
    }
  }

  function leave(): void {
    gone = true
    if (channel !== undefined) {
      channel.owner?.()
      channel.rest = undefined
      channel.owner = undefined
    }
    onGone(error as NodeJS.ErrnoException)
  }

  function loseRest(): void {
    lost++
  }

  function putBy(piece: Buffer): void {
    const at = channel as Channel
    at.rest = Buffer.from(piece)
    at.owner = loseRest
  }

  /** True if nothing is left of a record that was begun, by whichever transport of this process. */
  function finishRest(): boolean {
    const at = channel as Channel
    while (at.rest !== undefined) {
      const written = put(at.rest, 0, at.rest.length)
      if (written === 0) return at.rest === undefined
      at.rest = written === at.rest.length ? undefined : at.rest.subarray(written)
    }
    at.owner = undefined
    return true
  }

  /** Writes buffer[from..stop), whole records; returns where it stopped, with the record begun put by as rest. */
  function putRecords(buffer: Buffer, from: number, stop: number, recordEnd: (at: number) => number): number {
    const { most } = channel as Channel
    let at = from
    while (at < stop) {
      const end = chunkEnd(buffer, at, stop, most)
      const written = put(buffer, at, end)
      if (written === 0) return at
      at += written
      if (at === end || recordEnd(at - 1) === at) continue
      const endOfRecord = recordEnd(at)
      putBy(buffer.subarray(at, endOfRecord))
      if (!finishRest() || gone) return endOfRecord
      at = endOfRecord
    }
    return at
  }

  function commitLines(lines: string): number {
    const buffer = scratchFor(lines)
    const stop = buffer.write(lines, 0, 'utf8')
    const at = putRecords(buffer, 0, stop, (from) => buffer.indexOf(NEWLINE, from) + 1)
    return at === stop ? lines.length : lines.length - buffer.toString('utf8', at, stop).length
  }

  function commitRendered(lines: string, turn: (line: string) => string): number {
    let at = 0
    while (at < lines.length && (channel as Channel).rest === undefined && !gone) {
      const end = lines.indexOf('\n', at) + 1 || lines.length
      const text = turn(lines.slice(at, end))
      const buffer = scratchFor(text)
      const stop = buffer.write(text, 0, 'utf8')
      const reached = putRecords(buffer, 0, stop, () => stop)
      if (reached === 0 && stop > 0) break
      if (reached < stop && !gone) putBy(buffer.subarray(reached, stop))
      at = end
    }
    return at
  }

  function commitToStream(stream: StreamLike, lines: string): number {
    if (foreign?.stream !== stream) foreign = foreignOf(stream, () => options.onReady?.())
    if (foreign.error !== undefined) {
      error = foreign.error
      leave()
      lost += countLines(lines, 0)
      return lines.length
    }
    // Nothing to hand over: that was the question whether the rest of a line is gone.
    if (lines === '' || foreign.full()) return 0
    const text = render === undefined ? lines : rendered(lines, render)
    const outer = writing
    writing = true
    try {
      foreign.write(text)
      bytes += Buffer.byteLength(text)
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      lost += countLines(lines, 0)
    } finally {
      writing = outer
    }
    return lines.length
  }

  function commitToDescriptor(lines: string): number {
    channel ??= channelOf(fd)
    if (!finishRest() || gone) return 0
    return render === undefined ? commitLines(lines) : commitRendered(lines, render)
  }

  function commit(lines: string): number {
    let taken = 0
    if (!gone && channel?.rest !== undefined && !finishRest() && !gone) return 0
    if (!gone) {
      const stream = options.stream ?? replaced(fd)
      if (stream !== undefined && (stream === options.stream || stream.write !== looping))
        return commitToStream(stream, lines)
      taken = commitToDescriptor(lines)
    }
    if (!gone) return taken
    lost += countLines(lines, taken)
    return lines.length
  }

  function aside(line: string): void {
    const stream = options.stream ?? replaced(fd)
    if (looping === undefined) options.onLoop?.()
    looping = stream?.write ?? true
    // A stream of the caller's own has no descriptor that the line could go to.
    if (gone || options.stream !== undefined || commitToDescriptor(line) === 0) lost++
  }

  return {
    commit,
    aside,
    pending: () => channel?.owner === loseRest,
    get writing() {
      return writing
    },
    get bytes() {
      return bytes
    },
    get lost() {
      return lost
    },
    get error() {
      return error
    },
  }
}

function rendered(lines: string, render: (line: string) => string): string {
  return lines
    .split(/(?<=\n)/)
    .map(render)
    .join('')
}

function countLines(lines: string, from: number): number {
  let count = 0
  for (let at = lines.indexOf('\n', from); at !== -1; at = lines.indexOf('\n', at + 1)) count++
  return count
}
