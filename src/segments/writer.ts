import { Buffer } from 'node:buffer'
import { close, closeSync, fdatasync, fdatasyncSync, fstatSync, readSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isExiting } from '../config/exit.ts'
import { moveAside } from './done.ts'
import { isLocked, tryLock } from './lock.ts'
import { hiddenName } from './names.ts'
import { openToAppend, syncDirectory } from './open.ts'
import { createPipeWriter } from './pipe.ts'
import type { Rotation } from './rotation.ts'
import { scratchFor } from './scratch.ts'
import { outsideScopes } from './timers.ts'

export interface WriterOptions {
  readonly path: string
  /** Permissions of files made, less the umask. */
  readonly mode: number
  /** Permissions of directories made, less the umask. */
  readonly directoryMode: number
  readonly rotation: Rotation
  /** Epoch ms. */
  readonly now: () => number
  /** Ms that no setting of the clock changes. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  /** Whether `sync` is called: a file is then synced too before it is left, and the directory it was made in. */
  readonly synced?: boolean | undefined
  /** Told when a live file was opened. */
  readonly onOpened?: (() => void) | undefined
  /** Told the done name of a file that this writer rotated. */
  readonly onRotated?: ((done: string) => void) | undefined
  /** Told when the live file could not be renamed; it is written on. */
  readonly onRotationFailed?: ((error: Error) => void) | undefined
  /** Told when somebody else is seen to write to the same file. */
  readonly onShared?: (() => void) | undefined
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
  /**
   * Looks whether the file of the last append is there; if it was removed just before, the lines are written to
   * the new one. The next append does the same; who has none calls this soon after. Never throws.
   */
  verify(): void
  /** Begins a new file now. Never throws; true if it did. */
  rotate(): boolean
  /** Makes durable what was appended (fdatasync). Never throws; false if it failed, and `error` says why. */
  sync(): boolean
  /** The same without waiting; `done` gets the failure if there was one. */
  syncLater(done: (error: NodeJS.ErrnoException | undefined) => void): void
  /** Leaves the file; the next append opens what the path names then. Never throws. */
  reopen(): void
  close(): void
  /** True while something that `append` took waits: the rest of a pipe's line, lines to be written again. */
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
const LOCK_LOOKS = 20
const ROTATION_RETRY_MS = 1000
// logrotate's `create` makes the file right after it renamed it, and fails if it finds one.
const MISSING_MS = 50

function sleepOneMs(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
}

/**
 * Makes the writer; it touches no file before the first append.
 *
 * Every append is one write(2) with O_APPEND of whole lines, so that those of other processes never come
 * between. Before it the path is looked up (one stat): a file that somebody renamed, removed or replaced is
 * left and the path opened anew. The same look says whether the file of the append before was removed under it;
 * its lines are then written again. A torn end, whoever left it, is closed with a newline and never truncated.
 */
export function createWriter(options: WriterOptions): Writer {
  const { path, mode, directoryMode, rotation, now } = options
  const monotonic = options.monotonic ?? (() => performance.now())
  const pipe = createPipeWriter()
  let fd = -1
  let ino = 0
  let dev = 0
  // Bytes in the file as far as we know: what differs was written or truncated by somebody else.
  let size = 0
  let regular = true
  let linked = false
  let readable = true
  let torn = false
  // The lines of the last append, until the file is seen to be there.
  let unseen = ''
  // Lines that went away with a file, to be written again.
  let again = ''
  let missingSince = -1
  // How far the present append has come; what was written before a failure counts.
  let done = 0
  let unsynced = false
  let bytes = 0
  let rotated = 0
  let rotateAgainAt = 0
  let error: NodeJS.ErrnoException | undefined
  // Told after the write: what is told may come back as a write that takes the same scratch buffer.
  let tellLater: (() => void)[] = []

  function open(): void {
    const opened = openToAppend(path, mode, directoryMode)
    fd = opened.fd
    regular = opened.regular
    ino = opened.stats.ino
    dev = opened.stats.dev
    linked = opened.linked
    readable = opened.readable
    size = 0
    torn = false
    missingSince = -1
    if (!regular) {
      pipe.reopened(opened.stats.isFIFO())
      return
    }
    sizeIs(opened.stats.size)
    rotation.opened(opened.stats.size, opened.stats.mtimeMs, now())
    if (options.synced === true && opened.stats.size === 0) syncDirectory(dirname(path))
    options.onOpened?.()
  }

  function shut(): void {
    if (fd === -1) return
    const old = fd
    if (regular) takeBackRemoved(old)
    fd = -1
    // What was written is written; a close that fails leaves nothing to do.
    if (regular && unsynced && options.synced === true && !isExiting()) {
      outsideScopes(() => fdatasync(old, () => close(old, () => {})))
    } else {
      try {
        if (unsynced && options.synced === true) fdatasyncSync(old)
        closeSync(old)
      } catch {}
    }
    unsynced = false
  }

  function takeBackRemoved(of: number): void {
    if (unseen !== '' && removedBeforeWrite(of)) again += unseen
    unseen = ''
  }

  // A write sets both times, an unlink the ctime alone: what was removed after the write went with its lines,
  // as whoever removed it wanted (or has read them: gzip).
  function removedBeforeWrite(of: number): boolean {
    try {
      const { nlink, ctimeMs, mtimeMs } = fstatSync(of)
      return nlink === 0 && ctimeMs <= mtimeMs
    } catch {
      return false
    }
  }

  function sizeIs(found: number): void {
    if (found === size) return
    if (found > size && size > 0) options.onShared?.()
    size = found
    torn = found > 0 && endsTorn(found)
    // It may be another process's write half done: believed when the size has stood still.
    for (let look = 0; torn && readable && look < TORN_LOOKS; look++) {
      sleepOneMs()
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
    const present = statSync(path, { throwIfNoEntry: false })
    if (present?.ino === ino && present.dev === dev) {
      unseen = ''
      missingSince = -1
      if (present.size === 0 && size > 0) rotation.opened(0, 0, now())
      sizeIs(present.size)
      return
    }
    if (present === undefined && isOnlyRenamed()) return
    shut()
    open()
  }

  function isOnlyRenamed(): boolean {
    // One of us is rotating: whoever comes first makes the new file.
    if (fstatSync(fd).nlink === 0 || isLocked(hiddenName(path, 'lock'))) return false
    const time = monotonic()
    if (missingSince === -1) missingSince = time
    if (time - missingSince >= MISSING_MS) return false
    unseen = ''
    sizeIs(fstatSync(fd).size)
    return true
  }

  function rotateIfDue(length: number): void {
    if (!regular || linked || missingSince !== -1) return
    const time = now()
    if (!rotation.due(size, length, time)) return
    // Backwards too, or a clock set back would put it off.
    if (rotateAgainAt !== 0 && Math.abs(rotateAgainAt - time) <= ROTATION_RETRY_MS && time < rotateAgainAt)
      return
    try {
      moveLive()
      rotateAgainAt = 0
    } catch (failure) {
      rotateAgainAt = time + ROTATION_RETRY_MS
      tellLater.push(() => options.onRotationFailed?.(failure as Error))
    }
  }

  /** One of the processes moves the file; the others wait for that and follow. */
  function moveLive(): boolean {
    const lock = hiddenName(path, 'lock')
    for (let look = 0; look < LOCK_LOOKS; look++) {
      const release = tryLock(lock, mode)
      try {
        if (movedByOthers()) return false
        if (release !== undefined) return moveUnderLock()
      } finally {
        release?.()
      }
      sleepOneMs()
    }
    // Whoever has the lock stands still: the file is written on until he moves it or the lock is stale.
    return false
  }

  function movedByOthers(): boolean {
    const present = statSync(path, { throwIfNoEntry: false })
    if (present?.ino === ino && present.dev === dev) return false
    shut()
    open()
    return true
  }

  function moveUnderLock(): boolean {
    const name = moveAside(path, rotation.label, mode)
    if (name !== undefined) {
      rotated++
      tellLater.push(() => options.onRotated?.(name))
    }
    shut()
    open()
    return name !== undefined
  }

  /** One try: how many units of `lines` got into the file. */
  function appendOnce(lines: string): number {
    const target = scratchFor(lines, 1)
    // The first byte is kept for the newline that a torn end may need.
    const end = 1 + target.write(lines, 1, 'utf8')
    rotateIfDue(end - 1)
    const start = torn ? 0 : 1
    target[0] = NEWLINE
    const written = writeSync(fd, target, start, end - start)
    unsynced = true
    bytes += written
    size += written
    if (written === end - start) {
      torn = false
      unseen = lines
      return lines.length
    }
    return afterShortWrite(lines, target, start + written, end)
  }

  function afterShortWrite(lines: string, target: Buffer, stop: number, end: number): number {
    // Whatever has come behind the piece by the next try, its end is looked at again.
    size = -1
    const whole = Math.max(1, stop > 1 ? target.lastIndexOf(NEWLINE, stop - 1) + 1 : 1)
    const taken = lines.length - target.toString('utf8', whole, end).length
    unseen = lines.slice(0, taken)
    return taken
  }

  /** Brings `lines` into the file that the path names, those first that a removed one took along. */
  function appendAll(lines: string): void {
    do {
      if (fd === -1) open()
      else if (regular) follow()
      if (!regular) {
        done = pipe.append(fd, lines)
        error = pipe.error
        if (pipe.broken) shut()
        return
      }
      const before = bytes
      if (again !== '') again = again.slice(appendOnce(again))
      else if (done < lines.length) done += appendOnce(done === 0 ? lines : lines.slice(done))
      // A write of nothing that is no error: leave it to the next try.
      if (bytes === before) break
    } while (done < lines.length || again !== '')
  }

  function attempt<T>(act: () => T, failed: T): T {
    let result = failed
    try {
      result = act()
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      // Opened again at the next try: the descriptor may be what is broken, and the end is looked at anew.
      shut()
    }
    const tell = tellLater
    if (tell.length > 0) {
      tellLater = []
      for (const one of tell) one()
    }
    return result
  }

  function append(lines: string): number {
    done = 0
    attempt(() => appendAll(lines), undefined)
    return done
  }

  function sync(): boolean {
    if (fd === -1 || !unsynced || !regular) return true
    try {
      fdatasyncSync(fd)
      unsynced = false
      return true
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      return false
    }
  }

  function syncLater(done: (error: NodeJS.ErrnoException | undefined) => void): void {
    if (fd === -1 || !unsynced || !regular) {
      done(undefined)
      return
    }
    // What is written from here on is for the next time.
    unsynced = false
    outsideScopes(() =>
      fdatasync(fd, (failure) => {
        if (failure !== null) {
          unsynced = true
          error = failure
        }
        done(failure ?? undefined)
      }),
    )
  }

  function verify(): void {
    if (regular && (unseen !== '' || again !== '')) append('')
  }

  return {
    append,
    verify,
    rotate: () =>
      attempt(() => {
        if (fd === -1) open()
        else if (regular) follow()
        return regular && !linked && size > 0 && moveLive()
      }, false),
    sync,
    syncLater,
    reopen() {
      verify()
      shut()
    },
    close() {
      verify()
      shut()
    },
    pending: () => again !== '' || pipe.pending(),
    get full() {
      return pipe.full
    },
    get bytes() {
      return bytes + pipe.bytes
    },
    get rotated() {
      return rotated
    },
    get error() {
      return error
    },
  }
}
