import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { chunkEnd, PIPE_BUF } from './chunks.ts'
import { moveAside, type Rotation } from './rotation.ts'
import { scratchFor } from './scratch.ts'

export interface WriterOptions {
  readonly path: string
  /** Permissions of files made, less the umask. */
  readonly mode: number
  /** Permissions of directories made, less the umask. */
  readonly directoryMode: number
  readonly rotation: Rotation
  /** Epoch ms. */
  readonly now: () => number
  /** Told when the live file could not be renamed; it is written on. */
  readonly onRotationFailed?: ((error: Error) => void) | undefined
}

/** An append-only file that any number of processes write at the same time. */
export interface Writer {
  /**
   * Appends whole lines. Never throws.
   *
   * @returns how many UTF-16 units are in the file, always up to the end of a line; if it is not all of them,
   *   `error` says why
   */
  append(lines: string): number
  close(): void
  /** True while the rest of a line that `append` took waits: for a pipe, whose lines can be long. */
  pending(): boolean
  /** True while a pipe's reader is there and does not read. */
  readonly full: boolean
  /** Bytes written. */
  readonly bytes: number
  /** Files that this writer rotated. */
  readonly rotated: number
  /** The last failure. */
  readonly error: NodeJS.ErrnoException | undefined
}

const NEWLINE = 10
const TORN_LOOKS = 10
const ROTATION_RETRY_MS = 1000
const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDWR, O_WRONLY } = constants

/**
 * Makes the writer; it touches no file before the first append.
 *
 * Every append is one write(2) with O_APPEND of whole lines, so that those of other processes never come
 * between. Before it the path is looked up (one stat): a file that somebody renamed, removed or replaced is
 * left and the path opened anew. A torn end, whoever left it, is closed with a newline and never truncated.
 */
export function createWriter(options: WriterOptions): Writer {
  const { path, mode, directoryMode, rotation, now } = options
  let fd = -1
  let ino = 0
  let dev = 0
  // Bytes in the file as far as we know: what differs was written or truncated by somebody else.
  let size = 0
  let regular = true
  // Renaming a link would leave its target in use under the old name, and /dev/stdout is one.
  let linked = false
  let readable = true
  let torn = false
  // A pipe's line of which a part is written; only its rest may follow.
  let cut: { line: Buffer; from: number } | undefined
  let most = Number.POSITIVE_INFINITY
  let full = false
  let bytes = 0
  let rotated = 0
  let rotateAgainAt = 0
  let error: NodeJS.ErrnoException | undefined
  // Told after the write: what is told may come back as a write that takes the same scratch buffer.
  let rotationError: Error | undefined

  function open(): void {
    const present = statSync(path, { throwIfNoEntry: false })
    regular = present === undefined || present.isFile() || present.isDirectory()
    fd = openFile()
    const opened = fstatSync(fd)
    ino = opened.ino
    dev = opened.dev
    size = 0
    torn = false
    if (!regular) {
      most = opened.isFIFO() ? PIPE_BUF : Number.POSITIVE_INFINITY
      // Another reader may have come, so the line is written again whole, and not behind its own beginning.
      if (cut !== undefined && cut.from > 0) cut = { line: onLineOfItsOwn(cut.line), from: 0 }
      return
    }
    linked = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
    sizeIs(opened.size)
    rotation.opened(opened.size, opened.mtimeMs, now())
  }

  function openFile(): number {
    // Not blocking where it is no regular file: opening a FIFO would wait for its reader.
    if (!regular) return openSync(path, O_WRONLY | O_APPEND | O_NONBLOCK)
    readable = true
    try {
      return openSync(path, O_RDWR | O_APPEND | O_CREAT, mode)
    } catch (failure) {
      const { code } = failure as NodeJS.ErrnoException
      if (code === 'ENOENT') {
        makeDirectory(dirname(path), directoryMode)
        return openSync(path, O_RDWR | O_APPEND | O_CREAT, mode)
      }
      if (code !== 'EACCES') throw failure
      readable = false
      return openSync(path, O_WRONLY | O_APPEND | O_CREAT, mode)
    }
  }

  function shut(): void {
    full = false
    if (fd === -1) return
    const old = fd
    fd = -1
    try {
      closeSync(old)
    } catch {
      // What was written is written; a close that fails leaves nothing to do.
    }
  }

  function sizeIs(found: number): void {
    if (found === size) return
    size = found
    torn = found > 0 && endsTorn(found)
    // It may be another process's write half done: believed when the size has stood still.
    for (let look = 0; torn && readable && look < TORN_LOOKS; look++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      const later = fstatSync(fd).size
      if (later === size) return
      size = later
      torn = later > 0 && endsTorn(later)
    }
  }

  function endsTorn(length: number): boolean {
    if (!readable) return true
    const last = Buffer.alloc(1)
    return readSync(fd, last, 0, 1, length - 1) === 1 && last[0] !== NEWLINE
  }

  /** Makes fd the file that the path names now. */
  function follow(): void {
    if (fd !== -1 && !regular) return
    const present = fd === -1 ? undefined : statSync(path, { throwIfNoEntry: false })
    if (present === undefined || present.ino !== ino || present.dev !== dev) {
      shut()
      open()
      return
    }
    if (present.size === 0 && size > 0) rotation.opened(0, 0, now())
    sizeIs(present.size)
  }

  function rotateIfDue(length: number): void {
    const time = now()
    if (!rotation.due(size, length, time)) return
    // Backwards too, or a clock set back would put it off.
    if (rotateAgainAt !== 0 && Math.abs(rotateAgainAt - time) <= ROTATION_RETRY_MS && time < rotateAgainAt)
      return
    try {
      if (moveAside(path, rotation.label, ino, mode) !== undefined) rotated++
      rotateAgainAt = 0
    } catch (failure) {
      rotateAgainAt = time + ROTATION_RETRY_MS
      rotationError = failure as Error
      return
    }
    shut()
    open()
  }

  /** One try: how many units of `lines` got into the file. */
  function appendOnce(lines: string): number {
    const target = scratchFor(lines, 1)
    // The first byte is kept for the newline that a torn end may need.
    const end = 1 + target.write(lines, 1, 'utf8')
    follow()
    if (regular && !linked) rotateIfDue(end - 1)
    const start = torn ? 0 : 1
    target[0] = NEWLINE
    const written = writeSync(fd, target, start, end - start)
    bytes += written
    size += written
    if (written === end - start) {
      torn = false
      return lines.length
    }
    return afterShortWrite(lines, target, start + written, end)
  }

  function afterShortWrite(lines: string, target: Buffer, stop: number, end: number): number {
    // Whatever has come behind the piece by the next try, its end is looked at again.
    size = -1
    const whole = Math.max(1, stop > 1 ? target.lastIndexOf(NEWLINE, stop - 1) + 1 : 1)
    return lines.length - target.toString('utf8', whole, end).length
  }

  /** Writes buffer[start..end) to a pipe: how many bytes, 0 if it is full. */
  function put(buffer: Buffer, start: number, end: number): number {
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

  function finishCut(): boolean {
    while (cut !== undefined) {
      const written = put(cut.line, cut.from, cut.line.length)
      if (written === 0) return false
      cut.from += written
      if (cut.from === cut.line.length) cut = undefined
    }
    return true
  }

  /** What is no regular file takes a part of a write and gives no way to look at its end. */
  function appendToPipe(lines: string): number {
    if (!finishCut()) return 0
    const buffer = scratchFor(lines)
    const stop = buffer.write(lines, 0, 'utf8')
    let at = 0
    try {
      while (at < stop && cut === undefined) {
        const end = chunkEnd(buffer, at, stop, most)
        const from = at
        at += put(buffer, at, end)
        if (at === from) break
        if (at === end || buffer[at - 1] === NEWLINE) continue
        const start = buffer.lastIndexOf(NEWLINE, at - 1) + 1
        const written = at - start
        at = buffer.indexOf(NEWLINE, at) + 1
        cut = { line: Buffer.from(buffer.subarray(start, at)), from: written }
        finishCut()
      }
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      shut()
    }
    return at === stop ? lines.length : lines.length - buffer.toString('utf8', at, stop).length
  }

  function append(lines: string): number {
    let done = 0
    try {
      if (fd === -1) open()
      if (!regular) return appendToPipe(lines)
      while (done < lines.length) {
        const before = bytes
        done += appendOnce(done === 0 ? lines : lines.slice(done))
        // A write of nothing that is no error: leave it to the next try.
        if (bytes === before) break
      }
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      // Opened again at the next try: the descriptor may be what is broken, and the end is looked at anew.
      shut()
    }
    if (rotationError !== undefined) {
      const failure = rotationError
      rotationError = undefined
      options.onRotationFailed?.(failure)
    }
    return done
  }

  return {
    append,
    close: shut,
    pending: () => cut !== undefined,
    get full() {
      return full
    },
    get bytes() {
      return bytes
    },
    get rotated() {
      return rotated
    },
    get error() {
      return error
    },
  }
}

function onLineOfItsOwn(line: Buffer): Buffer {
  return line[0] === NEWLINE ? line : Buffer.concat([Buffer.of(NEWLINE), line])
}

/** Not `recursive`: where a parent takes no directories (/proc), Node then tries for ever without returning. */
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw failure
    makeDirectory(dirname(path), mode)
    mkdirSync(path, { mode })
  }
}
