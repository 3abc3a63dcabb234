import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { builtin } from '../config/builtin.ts'
import { scratchFor } from '../segments/scratch.ts'

/** Where the console's lines go; a `commit` for a batch. */
export interface Output {
  commit(lines: string): number
  /** True while the rest of a record that was begun waits. */
  pending(): boolean
  readonly bytes: number
  /** Records that nobody will read: the reader has gone. */
  readonly lost: number
  readonly error: NodeJS.ErrnoException | undefined
}

export interface OutputOptions {
  /** The descriptor: 1 is stdout, 2 stderr. */
  fd: number
  /** Written to in place of the descriptor. */
  stream?: { write(text: string): unknown } | undefined
  /** Turns a line into what is written; without it lines are written as they are. */
  render?: ((line: string) => string) | undefined
  /** Told once when the reader has gone. */
  onGone(error: NodeJS.ErrnoException): void
}

const STDOUT = 1
const STDERR = 2
const NEWLINE = 10
/** POSIX: a write to a pipe of at most this much is never interleaved with another's, nor written in part. */
const PIPE_BUF = 4096
const GONE = new Set(['EPIPE', 'EBADF', 'ECONNRESET', 'ENOTCONN', 'ENXIO', 'ESHUTDOWN', 'EOF'])

/** Makes the output; the descriptor is looked at only when the first line comes. */
export function createOutput(options: OutputOptions): Output {
  const { fd, render, onGone } = options
  let target: { fd: number; most: number } | undefined
  let rest: Buffer | undefined
  let bytes = 0
  let lost = 0
  let gone = false
  let error: NodeJS.ErrnoException | undefined

  /** Writes buffer[start..end) as far as it goes: how many bytes, 0 if it is 'not now' or 'never again'. */
  function put(buffer: Buffer, start: number, end: number): number {
    try {
      const written = writeSync((target as { fd: number }).fd, buffer, start, end - start)
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
    if (rest !== undefined) lost++
    rest = undefined
    onGone(error as NodeJS.ErrnoException)
  }

  /** True if nothing is left of a record that was begun. */
  function finishRest(): boolean {
    while (rest !== undefined) {
      const written = put(rest, 0, rest.length)
      if (written === 0) return rest === undefined
      rest = written === rest.length ? undefined : rest.subarray(written)
    }
    return true
  }

  /** Writes buffer[from..stop), whole records; returns where it stopped, with the record begun put by as rest. */
  function putRecords(buffer: Buffer, from: number, stop: number, recordEnd: (at: number) => number): number {
    const most = (target as { most: number }).most
    let at = from
    while (at < stop) {
      const end = chunkEnd(buffer, at, stop, most)
      const written = put(buffer, at, end)
      if (written === 0) return at
      at += written
      if (at === end || recordEnd(at - 1) === at) continue
      const endOfRecord = recordEnd(at)
      rest = Buffer.from(buffer.subarray(at, endOfRecord))
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
    while (at < lines.length && rest === undefined && !gone) {
      const end = lines.indexOf('\n', at) + 1 || lines.length
      const text = turn(lines.slice(at, end))
      const buffer = scratchFor(text)
      const stop = buffer.write(text, 0, 'utf8')
      const reached = putRecords(buffer, 0, stop, () => stop)
      if (reached === 0 && stop > 0) break
      if (reached < stop && !gone) rest = Buffer.from(buffer.subarray(reached, stop))
      at = end
    }
    return at
  }

  function commitToStream(stream: { write(text: string): unknown }, lines: string): number {
    const text =
      render === undefined
        ? lines
        : lines
            .split(/(?<=\n)/)
            .map(render)
            .join('')
    try {
      stream.write(text)
      bytes += Buffer.byteLength(text)
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      lost += countLines(lines, 0)
    }
    return lines.length
  }

  function commit(lines: string): number {
    let taken = 0
    if (!gone) {
      const stream = options.stream ?? replaced(fd)
      if (stream !== undefined) return commitToStream(stream, lines)
      target ??= openTarget(fd)
      if (finishRest() && !gone) {
        taken = render === undefined ? commitLines(lines) : commitRendered(lines, render)
      }
    }
    if (!gone) return taken
    lost += countLines(lines, taken)
    return lines.length
  }

  return {
    commit,
    pending: () => rest !== undefined,
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

function countLines(lines: string, from: number): number {
  let count = 0
  for (let at = lines.indexOf('\n', from); at !== -1; at = lines.indexOf('\n', at + 1)) count++
  return count
}

/** The end of the longest run of whole lines of at most `most` bytes; a longer line goes alone. */
function chunkEnd(buffer: Buffer, start: number, stop: number, most: number): number {
  if (stop - start <= most) return stop
  const last = buffer.lastIndexOf(NEWLINE, start + most - 1)
  if (last >= start) return last + 1
  const next = buffer.indexOf(NEWLINE, start)
  return next === -1 || next >= stop ? stop : next + 1
}

/** The stream that somebody put in place of Node's, or whose `write` somebody replaced: a test runner, a wrapper. */
function replaced(fd: number): { write(text: string): unknown } | undefined {
  if (fd !== STDOUT && fd !== STDERR) return undefined
  try {
    // Reading it has a use of its own: Node then makes a socket (PM2, child_process) not block.
    const stream = fd === STDOUT ? process.stdout : process.stderr
    const foreign = Object.hasOwn(stream, 'write') || (isMainThread && stream.fd !== fd)
    return foreign ? stream : undefined
  } catch {
    return undefined
  }
}

/**
 * A pipe is opened a second time, as one that does not block: a reader that has stopped then costs memory and
 * not the event loop, and the flag is not seen by the others who share the pipe. Where that can't be (no /proc,
 * another user's pipe) it is written as it is.
 */
function openTarget(fd: number): { fd: number; most: number } {
  try {
    if (!fstatSync(fd).isFIFO()) return { fd, most: Number.POSITIVE_INFINITY }
  } catch {
    return { fd, most: PIPE_BUF }
  }
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK), most: PIPE_BUF }
  } catch {
    return { fd, most: PIPE_BUF }
  }
}
