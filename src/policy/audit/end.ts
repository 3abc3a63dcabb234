import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { builtin } from '../../config/builtin.ts'
import { type Compression, compareDone, isMovingName, parseDoneName } from '../../segments/names.ts'
import { hashOf, readLink, type Sealed } from './link.ts'

/** Where a log ends: the last record and what stands behind it. */
export interface End {
  /** Undefined for a log without records. */
  readonly last: Pick<Sealed, 'seq' | 'hash'> | undefined
  /** The SHA-256 of the bytes behind the last record: a line that was not written to its end. */
  readonly torn: string | undefined
  /** Whether the live file ends in the middle of a line. */
  readonly open: boolean
}

/** What is looked at from its end. */
export interface Bytes {
  readonly size: number
  read(from: number, to: number): Buffer
}

const NEWLINE = 10
const PIECE = 64 * 1024
const LOOKS = 20
// So much without a record is no line that was cut off.
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Looks for the end of the log whose live file is open at `fd`, in older files where that has no record yet.
 *
 * @throws an errno error, or one that says that there is no record where one should be
 */
export function findEnd(path: string, fd: number, size: number): End {
  for (let look = 1; ; look++) {
    try {
      return lookForEnd(path, fd, size)
    } catch (error) {
      // An older file gets its next name while it is looked for.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || look === LOOKS) throw error
    }
  }
}

function lookForEnd(path: string, fd: number, size: number): End {
  const live = bytesOf(fd, size)
  const found = lastRecord(live)
  const behind: Buffer[] = [found.behind]
  const open = size > 0 && live.read(size - 1, size)[0] !== NEWLINE
  let last = found.record
  for (const { file, compression } of last === undefined ? earlierFiles(path) : []) {
    const older = lastRecordIn(file, compression)
    behind.unshift(older.behind)
    last = older.record
    if (last !== undefined) break
  }
  const bytes = Buffer.concat(behind)
  return { last, torn: bytes.length === 0 ? undefined : hashOf(bytes, undefined), open }
}

interface Found {
  readonly record: Sealed | undefined
  /** The bytes behind it, without the newline that ends it. */
  readonly behind: Buffer
}

/** @throws an error where there is none in the last 16 MiB */
export function lastRecord(bytes: Bytes): Found {
  const { size } = bytes
  let tail = Buffer.alloc(0)
  let end = size
  let piece = PIECE
  for (let start = size; start > 0; piece *= 2) {
    const from = Math.max(0, start - piece)
    tail = Buffer.concat([bytes.read(from, start), tail])
    start = from
    // Lines that begin in what was read, the last one first.
    while (end > start) {
      const stop = tail[end - start - 1] === NEWLINE ? end - 1 : end
      const newline = stop === start ? -1 : tail.lastIndexOf(NEWLINE, stop - start - 1)
      if (newline === -1 && start > 0) break
      const begin = start + newline + 1
      const record = readLink(tail.subarray(begin - start, stop - start))
      if (record !== undefined) return { record, behind: Buffer.from(tail.subarray(end - start)) }
      end = begin
    }
    if (start > 0 && tail.length > MOST_BYTES)
      throw new Error(`the last ${MOST_BYTES} bytes of the audit log hold no record of it`)
  }
  return { record: undefined, behind: tail }
}

function bytesOf(fd: number, size: number): Bytes {
  return {
    size,
    read(from, to) {
      const buffer = Buffer.alloc(to - from)
      let at = 0
      while (at < buffer.length) {
        const bytes = readSync(fd, buffer, at, buffer.length - at, from + at)
        if (bytes === 0) throw new Error('the audit log was truncated while it was read')
        at += bytes
      }
      return buffer
    },
  }
}

function lastRecordIn(file: string, compression: Compression | undefined): Found {
  if (compression !== undefined) {
    const whole = decompress(readFileSync(file), compression)
    return lastRecord({ size: whole.length, read: (from, to) => whole.subarray(from, to) })
  }
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    return lastRecord(bytesOf(fd, fstatSync(fd).size))
  } finally {
    closeSync(fd)
  }
}

function decompress(bytes: Buffer, compression: Compression): Buffer {
  const zlib = builtin('node:zlib') as typeof import('node:zlib') & {
    zstdDecompressSync?(bytes: Buffer): Buffer
  }
  if (compression === 'gzip') return zlib.gunzipSync(bytes)
  if (zlib.zstdDecompressSync === undefined)
    throw new Error(
      'the newest file of the audit log is compressed with zstd, which Node reads from 22.15 on',
    )
  return zlib.zstdDecompressSync(bytes)
}

/** Files of the log besides the live one, the newest first; a compressed copy is left out beside its file. */
function earlierFiles(path: string): { file: string; compression: Compression | undefined }[] {
  const directory = dirname(path)
  const names = readdirSync(directory)
  const mtime = (name: string): number =>
    statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const moving = names
    .filter((name) => isMovingName(path, name))
    .map((name) => ({ name, at: mtime(name) }))
    .sort((a, b) => b.at - a.at)
  const done = names
    .flatMap((name) => {
      const parsed = parseDoneName(path, name)
      return parsed === undefined ? [] : [{ name, parsed }]
    })
    .sort((a, b) => compareDone(b.parsed, a.parsed))
  const plain = new Set(done.filter(({ parsed }) => parsed.compression === undefined).map(({ name }) => name))
  const twin = (name: string): boolean => plain.has(name.replace(/\.(?:gz|zst)$/, ''))
  return [
    ...moving.map(({ name }) => ({ file: join(directory, name), compression: undefined })),
    ...done
      .filter(({ name, parsed }) => parsed.compression === undefined || !twin(name))
      .map(({ name, parsed }) => ({ file: join(directory, name), compression: parsed.compression })),
  ].filter(({ file }) => basename(file) !== basename(path))
}
