import { renameSync, statSync } from 'node:fs'
import { safeJson } from '../config/safe-json.ts'
import { hiddenName } from '../segments/names.ts'
import { openRegular } from '../segments/read/regular.ts'
import { tryLock } from '../segments/write/lock.ts'
import type { Rotation } from '../segments/write/rotation.ts'
import { createWriter } from '../segments/write/writer.ts'
import type { Shipped } from './shipped.ts'

/** A record that a destination will never take. */
export interface DeadLetter {
  readonly record: Shipped
  /** The destination's name. */
  readonly destination: string
  /** What it answered. */
  readonly reason: string
  /** The answer's status, where it has one. */
  readonly status?: number | undefined
}

/** One line of the file. */
export interface LetterLine {
  /** When it was refused, ISO 8601. */
  readonly time: string
  readonly destination: string
  readonly reason: string
  readonly status?: number | undefined
  /** The record's, so that it is the same when it is sent again. */
  readonly id: string
  readonly nth: number
  /** The record's line. */
  readonly record: string
}

export interface DeadLettersOptions {
  /** An NDJSON file that all processes share; the half before it is kept as `<path>.1`. */
  readonly path: string
  /** Most bytes of the two. @default 64 MiB */
  readonly maxBytes?: number | undefined
  /** Permissions of the file made. @default 0o600: records may say more than whoever reads logs may know */
  readonly mode?: number | undefined
  /** Epoch ms. @default Date.now */
  readonly now?: (() => number) | undefined
  /** Told of what was dropped for the quota: one sentence. */
  readonly onDropped?: ((letters: number, message: string) => void) | undefined
}

/** The file for records that a destination refused. */
export interface DeadLetters {
  readonly path: string
  /** @returns how many of the letters, from the first on, are in the file. Never rejects; `lastError` says why not all */
  add(letters: readonly DeadLetter[]): Promise<number>
  /** Letters that were dropped for the quota, by this process. */
  readonly dropped: number
  readonly lastError: string | undefined
  close(): void
}

const MAX_BYTES = 64 * 1024 * 1024
const MODE = 0o600
const DIRECTORY_MODE = 0o700
const CHUNK = 64 * 1024
const NEWLINE = 10

// The file is renamed here, to one name that is replaced, and not by the writer to ever new ones.
const NEVER: Rotation = { opened() {}, due: () => false, label: '', labelAt: () => '' }

/** The name of the older half. */
export function olderHalf(path: string): string {
  return `${path}.1`
}

/** The name of the lock under which the file is renamed; it is the writer's, which waits for who renames. */
export function renameLock(path: string): string {
  return hiddenName(path, 'lock')
}

/** Makes the file's writer; the file is made with the first letter. */
export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { path } = options
  const mode = options.mode ?? MODE
  const now = options.now ?? Date.now
  const half = Math.floor((options.maxBytes ?? MAX_BYTES) / 2)
  const writer = createWriter({ path, mode, directoryMode: DIRECTORY_MODE, rotation: NEVER, now })
  let dropped = 0
  let lastError: string | undefined
  // One after another, so that each sees how large the last has made the file.
  let last: Promise<unknown> = Promise.resolve()

  async function addAll(letters: readonly DeadLetter[]): Promise<number> {
    let written = 0
    try {
      const lines = letters.map((letter) => lineOf(letter, now()))
      for (const piece of pieces(lines, half)) {
        await makeRoom(piece.bytes)
        const units = writer.append(piece.text)
        // Left at once: kept open it would be written on for a while after another process has renamed it.
        writer.reopen()
        if (units < piece.text.length) {
          lastError = writer.error?.message ?? 'not all could be written'
          return written + linesIn(piece.text, units)
        }
        written += piece.count
      }
    } catch (error) {
      lastError = (error as Error).message
    }
    return written
  }

  /** Counted before the lock is taken: whoever holds that for long loses it. */
  async function olderLetters(): Promise<Counted> {
    try {
      return await countLines(olderHalf(path))
    } catch (error) {
      throw new Error(`${olderHalf(path)} can't be read, nor replaced: ${(error as Error).message}`)
    }
  }

  async function makeRoom(bytes: number): Promise<void> {
    const size = sizeOf(path)
    if (size === 0 || size + bytes <= half) return
    const old = await olderLetters()
    const lock = tryLock(renameLock(path), mode)
    // Somebody else makes room; for a moment the file is larger than it should be.
    if (lock === undefined) return
    try {
      if (sizeOf(path) < size || inodeOf(olderHalf(path)) !== old.inode) return
      renameSync(path, olderHalf(path))
    } finally {
      lock.release()
    }
    if (old.lines === 0) return
    dropped += old.lines
    options.onDropped?.(
      old.lines,
      `${old.lines} refused records were dropped from ${olderHalf(path)}, since the dead letters may have ${half * 2} bytes. Mend what is refused, or allow more.`,
    )
  }

  return {
    path,
    add(letters) {
      const added = last.then(() => addAll(letters))
      last = added
      return added
    },
    get dropped() {
      return dropped
    },
    get lastError() {
      return lastError
    },
    close: writer.close,
  }
}

function lineOf({ record, destination, reason, status }: DeadLetter, nowMs: number): string {
  const letter: LetterLine = {
    time: new Date(nowMs).toISOString(),
    destination,
    reason,
    status,
    id: record.id,
    nth: record.nth,
    record: record.line,
  }
  return `${safeJson(JSON.stringify(letter))}\n`
}

interface Piece {
  text: string
  bytes: number
  count: number
}

/** Lines put together, up to so many bytes where it is more than one. */
function pieces(lines: readonly string[], most: number): Piece[] {
  const made: Piece[] = []
  let piece: Piece | undefined
  for (const line of lines) {
    const bytes = Buffer.byteLength(line)
    if (piece === undefined || piece.bytes + bytes > most) {
      piece = { text: '', bytes: 0, count: 0 }
      made.push(piece)
    }
    piece.text += line
    piece.bytes += bytes
    piece.count++
  }
  return made
}

function linesIn(text: string, units: number): number {
  return text.slice(0, units).split('\n').length - 1
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0
}

interface Counted {
  readonly lines: number
  /** Of the file that was counted; 0 if there is none. */
  readonly inode: number
}

async function countLines(path: string): Promise<Counted> {
  const inode = inodeOf(path)
  if (inode === 0) return { lines: 0, inode }
  const { handle: file } = await openRegular(path, false)
  try {
    const chunk = Buffer.alloc(CHUNK)
    let lines = 0
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK)
      if (bytesRead === 0) return { lines, inode }
      for (let at = chunk.indexOf(NEWLINE); at !== -1 && at < bytesRead; at = chunk.indexOf(NEWLINE, at + 1))
        lines++
    }
  } finally {
    await file.close()
  }
}
