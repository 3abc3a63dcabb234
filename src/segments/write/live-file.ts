import { Buffer } from 'node:buffer'
import { close, closeSync, fdatasync, fdatasyncSync, fstatSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isExiting } from '../../config/exit.ts'
import { outsideScopes } from '../timers.ts'
import { isLocked } from './lock.ts'
import { openToAppend, syncDirectory } from './open.ts'

export interface LiveFileOptions {
  readonly path: string
  /** Permissions of files made, less the umask. */
  readonly mode: number
  /** Permissions of directories made, less the umask. */
  readonly directoryMode: number
  /** The file that is there while one of us rotates. */
  readonly lock: string
  /** Ms that no setting of the clock changes. */
  readonly monotonic: () => number
  /** Whether what was written is synced: a file is then synced too before it is left, and its directory. */
  readonly synced: boolean
  /** Flags for open(2) besides. @default none */
  readonly flags?: number | undefined
  /** Told of the file that was opened or truncated: its size in bytes, the time of its last write, if it is a FIFO. */
  readonly onBegun: (size: number, writtenAtMs: number) => void
  readonly onPipe: (isFifo: boolean) => void
  /** Told when somebody else is seen to write to the same file. */
  readonly onShared: () => void
}

/** The file that a path names now, open for appending, whoever renames, removes or replaces it. */
export interface LiveFile {
  /** Opens it, or makes sure that it is still what the path names, and opens that. @throws an errno error */
  look(): void
  /**
   * True where a look within the last millisecond found it, and nobody else writes to it: what is written meanwhile
   * counts as unseen.
   */
  seenLately(): boolean
  /** Whether the path names it still. @throws an errno error */
  isNamed(): boolean
  /** Leaves it; the next look opens what the path names then. */
  leave(): void
  /** Tells it that `lines`, of that many bytes, were written, the last of them whole or not. */
  wrote(lines: string, bytes: number, whole: boolean): void
  /** Lines that went away with a file that was removed before they were written to it; asked for once. */
  takeBack(): string
  /** Whether there are lines that went away, and wait to be taken back. */
  readonly owes: boolean
  /** Whether there are lines of which it is not known yet that their file was there. */
  readonly unseen: boolean
  readonly fd: number
  /** Bytes in it as far as we know: what differs was written or truncated by somebody else. */
  readonly size: number
  /** Whether it ends in the middle of a line. */
  readonly torn: boolean
  /** Whether it can be renamed: not a pipe or device, not a link, and its name is there. */
  readonly movable: boolean
  /** Neither a pipe nor a device. */
  readonly regular: boolean
  unsynced: boolean
}

const NEWLINE = 10
const TORN_LOOKS = 10
// logrotate's `create` makes the file right after it renamed it, and fails if it finds one.
const MISSING_MS = 50
// A look costs a sixth of a record when a service writes at full speed (docs/decisions/0005): then one a millisecond
// is enough, because what went away with a removed file is written again. So much is kept for that.
const SEEN_MS = 1
const MAX_UNSEEN = 256 * 1024
// Who stood still for so long between his look and his write may find his file compressed and deleted, with the lines
// from before in it. Shorter than what a done file has to rest, and far longer than a pause.
const STOOD_STILL_MS = 5000

export function createLiveFile(options: LiveFileOptions): LiveFile {
  const { path, monotonic } = options
  let fd = -1
  let ino = 0
  let dev = 0
  let size = 0
  let regular = true
  let linked = false
  let readable = true
  let torn = false
  // The lines written since the file was last seen to be there.
  let unseen = ''
  // Lines that went away with a file, to be written again.
  let again = ''
  let missingSince = -1
  let seenAt = Number.NEGATIVE_INFINITY
  let wroteAt = Number.NEGATIVE_INFINITY
  // Somebody else writes too: his half lines have to be seen before ours.
  let shared = false
  let unsynced = false

  function open(): void {
    const opened = openToAppend(path, options.mode, options.directoryMode, options.flags)
    fd = opened.fd
    regular = opened.regular
    ino = opened.stats.ino
    dev = opened.stats.dev
    linked = opened.linked
    readable = opened.readable
    size = 0
    torn = false
    missingSince = -1
    seenAt = monotonic()
    if (!regular) {
      options.onPipe(opened.stats.isFIFO())
      return
    }
    sizeIs(opened.stats.size)
    if (options.synced && opened.stats.size === 0) syncDirectory(dirname(path))
    options.onBegun(opened.stats.size, opened.stats.mtimeMs)
  }

  function leave(): void {
    if (fd === -1) return
    const old = fd
    if (regular) keepRemoved(old)
    fd = -1
    const toSync = regular && unsynced && options.synced
    unsynced = false
    if (toSync && !isExiting()) {
      outsideScopes(() => fdatasync(old, () => close(old, () => {})))
      return
    }
    try {
      if (toSync) fdatasyncSync(old)
      closeSync(old)
    } catch {
      // What was written is written; a close that fails leaves nothing to do.
    }
  }

  function keepRemoved(of: number): void {
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
    if (found > size && size > 0) {
      shared = true
      options.onShared()
    }
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

  function look(): void {
    if (fd === -1) {
      open()
      return
    }
    if (!regular) return
    const present = statSync(path, { throwIfNoEntry: false })
    if (present?.ino === ino && present.dev === dev) {
      unseen = ''
      missingSince = -1
      seenAt = monotonic()
      if (present.size === 0 && size > 0) options.onBegun(0, 0)
      sizeIs(present.size)
      return
    }
    if (present === undefined && isOnlyRenamed()) return
    leave()
    open()
  }

  function seenLately(): boolean {
    // What is synced is durable where the path says, or it is worth nothing; a look costs little beside that.
    const alone = fd !== -1 && regular && !options.synced && !shared && missingSince === -1
    if (!alone || size === -1 || unseen.length >= MAX_UNSEEN) return false
    const elapsed = monotonic() - seenAt
    return elapsed >= 0 && elapsed < SEEN_MS
  }

  function isOnlyRenamed(): boolean {
    const { nlink, size: found } = fstatSync(fd)
    // One of us is rotating: whoever comes first makes the file.
    if (nlink === 0 || isLocked(options.lock)) return false
    const time = monotonic()
    if (missingSince === -1) missingSince = time
    if (time - missingSince >= MISSING_MS) return false
    unseen = ''
    sizeIs(found)
    return true
  }

  function isNamed(): boolean {
    const present = statSync(path, { throwIfNoEntry: false })
    return present?.ino === ino && present.dev === dev
  }

  function wrote(lines: string, bytes: number, whole: boolean): void {
    const time = monotonic()
    const stood = time - wroteAt > STOOD_STILL_MS
    wroteAt = time
    unsynced = true
    unseen = stood ? lines : unseen + lines
    // Whatever has come behind a piece by the next look, the end is looked at again.
    size = whole ? size + bytes : -1
    if (whole) torn = false
  }

  return {
    look,
    seenLately,
    isNamed,
    leave,
    wrote,
    takeBack() {
      const taken = again
      again = ''
      return taken
    },
    get owes() {
      return again !== ''
    },
    get unseen() {
      return unseen !== '' || again !== ''
    },
    get fd() {
      return fd
    },
    get size() {
      return size
    },
    get torn() {
      return torn
    },
    get movable() {
      return regular && !linked && missingSince === -1
    },
    get regular() {
      return regular
    },
    get unsynced() {
      return unsynced
    },
    set unsynced(value) {
      unsynced = value
    },
  }
}

/** Blocks. */
export function sleepOneMs(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
}
