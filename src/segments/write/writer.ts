import { fdatasync, fdatasyncSync, writeSync } from 'node:fs'
import { hiddenName } from '../names.ts'
import { scratchFor } from '../scratch.ts'
import { monotonicNow, outsideScopes } from '../timers.ts'
import { createMover } from './done.ts'
import { createLiveFile, sleepOneMs } from './live-file.ts'
import { tryLock } from './lock.ts'
import { createPipeWriter } from './pipe.ts'
import type { Rotation } from './rotation.ts'

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
  /** True while the rest of a line that `append` took waits: for a pipe, whose lines can be long. */
  pending(): boolean
  /** Lines that `append` took, which went away with a file that was removed and could not be written again yet. */
  readonly owed: string
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
// One a millisecond.
const LOCK_LOOKS = 20
const ROTATION_RETRY_MS = 1000

/**
 * Makes the writer; it touches no file before the first append.
 *
 * Every append is one write(2) with O_APPEND of whole lines, so that those of other processes never come
 * between. Before it, but not more often than once a millisecond while nobody else writes, the path is looked up (one
 * stat): a file that somebody renamed, removed or replaced is left and the path opened anew. The same look says
 * whether the file of the appends since the last one was removed under them; their lines are then written again. A
 * torn end, whoever left it, is closed with a newline and never truncated.
 */
export function createWriter(options: WriterOptions): Writer {
  const { path, mode, rotation, now } = options
  const lock = hiddenName(path, 'lock')
  const mover = createMover(path, mode, rotation.labelAt)
  const pipe = createPipeWriter()
  const file = createLiveFile({
    path,
    mode,
    directoryMode: options.directoryMode,
    lock,
    monotonic: options.monotonic ?? monotonicNow,
    synced: options.synced === true,
    onBegun(size, writtenAtMs) {
      rotation.opened(size, writtenAtMs, now())
      tellLater.push(() => options.onOpened?.())
    },
    onPipe: pipe.reopened,
    onShared() {
      if (!shared) tellLater.push(() => options.onShared?.())
      shared = true
    },
  })
  // Lines that went away with a file, to be written again.
  let again = ''
  let shared = false
  // How far the present append has come; what was written before a failure counts.
  let done = 0
  let bytes = 0
  let rotated = 0
  let rotateAgainAt = 0
  let error: NodeJS.ErrnoException | undefined
  // Told after the write: what is told may come back as a write that takes the same scratch buffer.
  let tellLater: (() => void)[] = []

  function rotateIfDue(length: number): void {
    if (!file.movable) return
    const time = now()
    if (!rotation.due(file.size, length, time)) return
    // Its size is only known since the last look: somebody may have truncated it.
    file.look()
    if (!file.movable || !rotation.due(file.size, length, time)) return
    // Backwards too, or a clock set back would put it off.
    if (rotateAgainAt !== 0 && Math.abs(rotateAgainAt - time) <= ROTATION_RETRY_MS && time < rotateAgainAt)
      return
    try {
      moveLive()
      rotateAgainAt = 0
    } catch (failure) {
      // What has just gone, a name or the directory, is no failure: the next look at the path follows or makes it anew.
      if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return
      rotateAgainAt = time + ROTATION_RETRY_MS
      tellLater.push(() => options.onRotationFailed?.(failure as Error))
    }
  }

  /** One of the processes moves the file; the others wait for that and follow. */
  function moveLive(): boolean {
    for (let look = 0; ; look++) {
      // Whoever has held it for that long stands still; what he left undone is done first (createMover).
      const held = tryLock(lock, mode, look >= LOCK_LOOKS)
      try {
        const named = file.isNamed()
        const moved = named && held !== undefined && move()
        if (moved || !named) {
          file.leave()
          file.look()
          return moved
        }
      } finally {
        held?.release()
      }
      sleepOneMs()
    }
  }

  function move(): boolean {
    const name = mover.move(rotation.label)
    if (name === undefined) return false
    rotated++
    tellLater.push(() => options.onRotated?.(name))
    return true
  }

  /** One try: how many units of `lines` got into the file; none where others, that went away with it, come first. */
  function appendOnce(lines: string): number {
    const target = scratchFor(lines, 1)
    // The first byte is kept for the newline that a torn end may need.
    const end = 1 + target.write(lines, 1, 'utf8')
    rotateIfDue(end - 1)
    if (file.owes) return 0
    const start = file.torn ? 0 : 1
    target[0] = NEWLINE
    const written = writeSync(file.fd, target, start, end - start)
    bytes += written
    if (written === end - start) {
      file.wrote(lines, written, true)
      return lines.length
    }
    const taken = wholeLines(lines, target, start + written, end)
    file.wrote(lines.slice(0, taken), written, false)
    return taken
  }

  /** Brings `lines` into the file that the path names, those first that a removed one took along. */
  function appendAll(lines: string): void {
    do {
      if (lines === '' || again !== '' || !file.seenLately()) file.look()
      if (!file.regular) {
        done = pipe.append(file.fd, lines)
        error = pipe.error
        if (pipe.broken) file.leave()
        return
      }
      again += file.takeBack()
      const before = bytes
      if (again !== '') again = again.slice(appendOnce(again))
      else if (done < lines.length) done += appendOnce(done === 0 ? lines : lines.slice(done))
      // A write of nothing that is no error: leave it to the next try.
      if (bytes === before && !file.owes) break
    } while (done < lines.length || again !== '')
  }

  function attempt<T>(act: () => T, failed: T): T {
    let result = failed
    try {
      result = act()
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      // Opened again at the next try: the descriptor may be what is broken, and the end is looked at anew.
      file.leave()
      again += file.takeBack()
    }
    return result
  }

  function tell(): void {
    if (tellLater.length === 0) return
    const told = tellLater
    tellLater = []
    for (const one of told) one()
  }

  function append(lines: string): number {
    done = 0
    attempt(() => appendAll(lines), undefined)
    // Who is told may append something himself.
    const taken = done
    tell()
    return taken
  }

  function rotate(): boolean {
    const rotated = attempt(() => {
      file.look()
      return file.movable && file.size > 0 && moveLive()
    }, false)
    tell()
    return rotated
  }

  function sync(): boolean {
    if (file.fd === -1 || !file.unsynced || !file.regular) return true
    try {
      fdatasyncSync(file.fd)
      file.unsynced = false
      return true
    } catch (failure) {
      error = failure as NodeJS.ErrnoException
      return false
    }
  }

  function syncLater(told: (error: NodeJS.ErrnoException | undefined) => void): void {
    if (file.fd === -1 || !file.unsynced || !file.regular) {
      told(undefined)
      return
    }
    // What is written from here on is for the next time.
    file.unsynced = false
    outsideScopes(() =>
      fdatasync(file.fd, (failure) => {
        if (failure !== null) {
          file.unsynced = true
          error = failure
        }
        told(failure ?? undefined)
      }),
    )
  }

  function verify(): void {
    if (file.regular && (again !== '' || file.unseen)) append('')
  }

  function reopen(): void {
    verify()
    file.leave()
  }

  return {
    append,
    verify,
    rotate,
    sync,
    syncLater,
    reopen,
    close: reopen,
    pending: pipe.pending,
    get owed() {
      return again
    },
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

/**
 * Up to where `lines` are whole in a buffer that was written up to `stop`. One that lacks its newline alone counts: the
 * next write begins with one, and the line would be there twice.
 */
function wholeLines(lines: string, buffer: Buffer, stop: number, end: number): number {
  const last = buffer[stop] === NEWLINE ? stop : stop - 1
  const whole = Math.max(1, stop > 1 ? buffer.lastIndexOf(NEWLINE, last) + 1 : 1)
  return lines.length - buffer.toString('utf8', whole, end).length
}
