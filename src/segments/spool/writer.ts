import { fstatSync, ftruncateSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { beforeExit } from '../../config/exit.ts'
import { scratchFor } from '../scratch.ts'
import { isFull } from '../upkeep/remove.ts'
import type { KeyNames } from './about.ts'
import { bytesOf, heldIn } from './held.ts'
import { makeHome } from './home.ts'
import { FILE_MODE, segmentName } from './layout.ts'
import { segmentBytesFor } from './limits.ts'
import type { SpoolProblem } from './problems.ts'
import { createSyncing, type SpoolFsync } from './syncing.ts'

export interface SpoolWriterOptions {
  /** The destination's directory, absolute; all its owners share it. It and those above are made when needed. */
  readonly directory: string
  /** From `makeOwner`, with the number of the thread that calls. */
  readonly owner: string
  /** The default schema's key of each key that is written under another name. @default none is */
  readonly names?: KeyNames | undefined
  /** Bytes that the directory may hold, for all its owners together; Infinity for no bound. */
  readonly budgetBytes: number
  /** Bytes at which a new segment begins; one append alone may be more. @default 8 MiB, less for a small budget */
  readonly segmentBytes?: number | undefined
  /** Ms after which an append begins a new segment. @default 300000 */
  readonly segmentMs?: number | undefined
  readonly fsync: SpoolFsync
  /** Ms between an append and its sync, for 'interval'. */
  readonly fsyncMs: number
  /** Ms that no setting of the clock changes. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  readonly onProblem: (problem: SpoolProblem) => void
  /** Told of each subdirectory that was begun: somebody has to read it from then on. */
  readonly onDirectory?: ((subdirectory: string) => void) | undefined
}

/** Appends to a spool, for the calling thread alone. */
export interface SpoolWriter {
  /**
   * Appends whole lines. Never throws. At the end of the call they are in the page cache, where the death of the
   * process does not reach them.
   *
   * @returns how many UTF-16 units are in the file, always up to the end of a line; if it is not all of them,
   *   `error` says why: an errno error, or 'ESPOOLFULL' where the budget is used up
   */
  append(lines: string): number
  /** Makes durable what was appended (fdatasync). Never throws; false if it failed. */
  sync(): boolean
  /** Syncs as asked for, and closes. An append after it begins again, in a new segment. */
  close(): void
  /** Bytes written. */
  readonly bytes: number
  /** The last failure. */
  readonly error: NodeJS.ErrnoException | undefined
  /** The subdirectory that is written to; undefined before the first append. */
  readonly directory: string | undefined
}

const NEWLINE = 10
const SEGMENT_MS = 5 * 60 * 1000
/** How long an append may trust that its file is where it was. */
const LOOK_MS = 1000
const FULL_AGAIN_MS = 100
/** Where a file system takes a part of each write and gives no error. */
const MOST_TRIES = 3

/**
 * Makes the writer; it touches no file before the first append.
 *
 * An append is one write(2) and nothing else: no lock, and no look at a name, since nobody but this writer writes
 * there. Once a second, and at each new segment, it makes sure that its file is still where it made it; if somebody
 * took this process for dead and adopted its directory, it begins a new one.
 *
 * It never deletes and never goes back to a segment that it has left. What was read from a segment once stays as it
 * was, but for a torn end that goes away: after a short write that was taken back, a new segment begins.
 */
export function createSpoolWriter(options: SpoolWriterOptions): SpoolWriter {
  const { directory, budgetBytes, onProblem } = options
  const segmentBytes = options.segmentBytes ?? segmentBytesFor(budgetBytes)
  const segmentMs = options.segmentMs ?? SEGMENT_MS
  const monotonic = options.monotonic ?? (() => performance.now())
  const syncing = createSyncing({ ...options, onFailure: tellSync })

  let home: string | undefined
  let seq = 0
  let fd = -1
  let path = ''
  let ino = 0
  let dev = 0
  let size = 0
  let begunAt = 0
  let lookedAt = 0
  let fullAt = Number.NEGATIVE_INFINITY
  let again = false
  let bytes = 0
  let error: NodeJS.ErrnoException | undefined
  let forget: (() => void) | undefined
  // Told after the write: who is told may append something himself, and takes the same scratch buffer.
  let tellLater: (() => void)[] = []

  function tellSync(failure: Error): void {
    error = failure
    const file = path
    const message = `can't make ${file} durable: ${failure.message}. Its last records may not survive a crash of the machine; look at the disk.`
    tellLater.push(() => onProblem({ code: 'fsync', file, message }))
    // A sync in the background has no append that tells.
    queueMicrotask(tell)
  }

  function tell(): void {
    if (tellLater.length === 0) return
    const told = tellLater
    tellLater = []
    for (const one of told) one()
  }

  function append(lines: string): number {
    // Not before: at exit it comes behind the hook of the batch that appends here, which was made after this.
    if (options.fsync !== 'never') forget ??= beforeExit(finish)
    let taken = 0
    try {
      for (let tries = 0; taken < lines.length && tries < MOST_TRIES; tries++) {
        again = false
        taken += appendOnce(taken === 0 ? lines : lines.slice(taken))
        if (!again) break
      }
    } catch (failure) {
      fail(failure as NodeJS.ErrnoException)
    }
    tell()
    return taken
  }

  function finish(): void {
    syncing.sync()
    tell()
  }

  /** One try: how many units of `lines` are in the file. `again`: whether the rest is to be tried in another one. */
  function appendOnce(lines: string): number {
    const buffer = scratchFor(lines)
    const end = buffer.write(lines, 0, 'utf8')
    const time = monotonic()
    if (fd !== -1 && (isDone(end, time) || isLost(time))) leave()
    if (fd === -1 && !begin(time)) return 0
    const written = writeSync(fd, buffer, 0, end)
    size += written
    bytes += written
    syncing.wrote()
    again = written < end || isTakenAway(time)
    if (written < end) return takeBack(lines, buffer, written, end)
    return again ? 0 : lines.length
  }

  function isDone(more: number, time: number): boolean {
    return size > 0 && (size + more > segmentBytes || time - begunAt >= segmentMs)
  }

  /** Whether the file is no longer where it was made. */
  function isLost(time: number): boolean {
    if (time - lookedAt < LOOK_MS) return false
    lookedAt = time
    if (isThere()) return false
    if (home !== undefined) lose(home)
    return true
  }

  function lose(file: string): void {
    home = undefined
    const message = `${file} was renamed or removed while it was written to. Records go to a new directory beside it; what another process has adopted it delivers, perhaps a second time.`
    tellLater.push(() => onProblem({ code: 'moved', file, message }))
  }

  function isThere(): boolean {
    try {
      const found = statSync(path, { throwIfNoEntry: false })
      return found?.ino === ino && found.dev === dev
    } catch {
      // It can't be told, and the file is open.
      return true
    }
  }

  /**
   * Whether a process that stood still between the look and the write has written to what an adopter has deleted
   * meanwhile; the lines are then written again.
   */
  function isTakenAway(time: number): boolean {
    const now = monotonic()
    if (now - time < LOOK_MS || !isLost(now)) return false
    const gone = fstatSync(fd).nlink === 0
    leave()
    return gone
  }

  function leave(): void {
    syncing.leave()
    fd = -1
    if (size > 0) return
    try {
      unlinkSync(path)
    } catch {
      // It is empty; who reads it finds nothing.
    }
  }

  function begin(time: number): boolean {
    if (!hasRoom(time)) return false
    if (home !== undefined) {
      if (open(home, [home], time)) return true
      lose(home)
    }
    const made = makeHome(directory, options.owner, options.names ?? {})
    const { path: begun } = made
    home = begun
    seq = 0
    tellLater.push(() => options.onDirectory?.(begun))
    if (open(begun, made.made, time)) return true
    throw Object.assign(new Error(`${begun} was removed as soon as it was made`), { code: 'ENOENT' })
  }

  /** Opens the next segment; false if there is no directory any more. */
  function open(subdirectory: string, made: readonly string[], time: number): boolean {
    for (;;) {
      path = join(subdirectory, segmentName(++seq))
      try {
        fd = openSync(path, 'ax', FILE_MODE)
        break
      } catch (failure) {
        const { code } = failure as NodeJS.ErrnoException
        if (code === 'ENOENT' || code === 'ENOTDIR') return false
        if (code !== 'EEXIST') throw failure
      }
    }
    syncing.began(fd, made)
    const stats = fstatSync(fd)
    ino = stats.ino
    dev = stats.dev
    size = 0
    begunAt = time
    lookedAt = time
    return true
  }

  function hasRoom(time: number): boolean {
    if (time - fullAt < FULL_AGAIN_MS) return false
    const held = bytesOf(heldIn(directory))
    if (held + segmentBytes <= budgetBytes) return true
    fullAt = time
    const message = `${directory} holds ${held} bytes, so that another segment of ${segmentBytes} would exceed the ${budgetBytes} it may hold. See why records are not delivered, or allow it more (LOG_SPOOL_MAX).`
    error = Object.assign(new Error(message), { code: 'ESPOOLFULL' })
    return false
  }

  /** Takes a torn line back, and says how many units are whole. */
  function takeBack(lines: string, buffer: Buffer, written: number, end: number): number {
    const whole = written === 0 ? 0 : buffer.lastIndexOf(NEWLINE, written - 1) + 1
    size -= written - whole
    bytes -= written - whole
    try {
      ftruncateSync(fd, size)
    } catch {
      // Whoever reads it counts and skips it, since there will be a later segment.
    }
    leave()
    return lines.length - buffer.toString('utf8', whole, end).length
  }

  function fail(failure: NodeJS.ErrnoException): void {
    error = failure
    // A disk that is full has room again some time. Of anything else it may be this file that is broken.
    if (fd !== -1 && !isFull(failure)) leave()
  }

  return {
    append,
    sync: syncing.sync,
    close() {
      forget?.()
      forget = undefined
      if (fd !== -1) leave()
      syncing.end()
      tell()
    },
    get bytes() {
      return bytes
    },
    get error() {
      return error
    },
    get directory() {
      return home
    },
  }
}
