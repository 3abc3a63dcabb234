import { Buffer } from 'node:buffer'
import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import { builtin } from '../../config/builtin.ts'
import { compressor, decompressor, type PieceCompressor, pieceCompressor } from '../compression.ts'
import { makeDurable, openNew } from '../durable.ts'
import { COMPRESSED, type Compression, movingName, parseDoneName, temporaryName } from '../names.ts'
import { after } from '../timers.ts'
import { giveDoneName } from '../write/done.ts'
import { type FileHandle, openRegular } from './regular.ts'
import { codeOf, isSame, moveToFree, removeFile, type Seen, syncDirectory } from './remove.ts'

/** A done file to compress, and what it was when it was found settled. */
export interface CompressJob extends Seen {
  /** The live file of its family. */
  readonly path: string
  /** Its name, without the directory. */
  readonly name: string
  readonly format: Compression
}

/** What became of it. Only 'compressed' has changed anything for a reader. */
export type CompressResult =
  | {
      readonly outcome: 'compressed'
      /** Bytes of the compressed file. */
      readonly size: number
      /** The done file that got what was written at the very last moment. */
      readonly late: string | undefined
    }
  /** 'changed': it was written to, or another process was quicker; 'renamed': its compressed name was taken. */
  | { readonly outcome: 'changed' | 'gone' | 'renamed' | 'cancelled' }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string }

const CHUNK = 256 * 1024
// After each piece. A thread that wakes waits for the end of the piece even of a thread of the lowest priority, where
// the kernel has put both on one core.
const PAUSE_MS = 1
const PERMISSIONS = 0o777
// A link, a socket or a device, a FIFO or a directory.
const IRREGULAR = new Set(['ELOOP', 'ENXIO', 'irregular'])

/**
 * Compresses a done file. Never throws, and can be killed at any moment: the copy is hidden until it is whole and
 * on the disk, and the original goes only after that, and only if nobody has written to it. Any number of
 * processes may do it to the same file at once. Memory is flat.
 *
 * @param blocking compress in the calling thread, which has nothing else to do, instead of Node's thread pool
 */
export async function compressFile(
  job: CompressJob,
  signal?: AbortSignal,
  blocking = false,
): Promise<CompressResult> {
  let source: FileHandle | undefined
  try {
    source = await openRegular(fileOf(job))
    return await compressOpen(job, source, signal, blocking)
  } catch (error) {
    const code = codeOf(error)
    if (signal?.aborted === true) return { outcome: 'cancelled' }
    if (code === 'ENOENT') return { outcome: 'gone' }
    return { outcome: 'failed', code, message: (error as Error).message }
  } finally {
    await source?.close().catch(() => {})
  }
}

function fileOf({ path, name }: CompressJob): string {
  return join(dirname(path), name)
}

async function compressOpen(
  job: CompressJob,
  source: FileHandle,
  signal: AbortSignal | undefined,
  blocking: boolean,
): Promise<CompressResult> {
  const target = fileOf(job) + COMPRESSED[job.format]
  if (!isSame(await source.stat(), job)) return { outcome: 'changed' }
  if (await isTaken(target, source, job)) return stepAside(job)
  const hidden = temporaryName(fileOf(job))
  const { mode, uid, gid, atimeMs } = await source.stat()
  const copy = await openNew(hidden, mode & PERMISSIONS)
  try {
    // What the umask took. Node's permission model refuses it; then the copy has less, never more.
    await copy.chmod(mode & PERMISSIONS).catch(() => {})
    // Only root may give a file away, and only root has to.
    await copy.chown(uid, gid).catch(() => {})
    await writeCopy(source, copy, job, signal, blocking)
    await setTimes(copy, hidden, atimeMs / 1000, job.mtimeMs / 1000)
    await makeDurable(copy)
    if (!isSame(await source.stat(), job)) return { outcome: 'changed' }
    if (!(await moveToFree(hidden, target)) && !(await replace(hidden, target, source, job)))
      return { outcome: 'changed' }
    await syncDirectory(dirname(target))
    return await removeOriginal(job, source, copy)
  } finally {
    await copy.close().catch(() => {})
    await fs.unlink(hidden).catch(() => {})
  }
}

function inPieces(compressor: PieceCompressor, signal: AbortSignal | undefined) {
  return async function* (chunks: AsyncIterable<Buffer>) {
    for await (const piece of chunks) {
      // The pipeline stops streams, and no generators.
      signal?.throwIfAborted()
      yield compressor.next(piece)
      await new Promise((resolve) => after(PAUSE_MS, () => resolve(undefined)))
    }
    yield compressor.end()
  }
}

async function writeCopy(
  source: FileHandle,
  copy: FileHandle,
  job: CompressJob,
  signal: AbortSignal | undefined,
  blocking: boolean,
): Promise<void> {
  const byPieces = blocking ? pieceCompressor(job.format) : undefined
  await builtin('node:stream/promises').pipeline(
    read(source, 0, job.size, byPieces?.pieceSize ?? CHUNK),
    byPieces === undefined ? compressor(job.format, CHUNK) : inPieces(byPieces, signal),
    async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) await copy.writeFile(chunk)
    },
    { ...(signal === undefined ? {} : { signal }) },
  )
}

/** Node's permission model may allow it by name only. Without it the file counts as younger, and is kept longer. */
async function setTimes(copy: FileHandle, hidden: string, atime: number, mtime: number): Promise<void> {
  await copy
    .utimes(atime, mtime)
    .catch(() => fs.lutimes(hidden, atime, mtime))
    .catch(() => {})
}

/** Not a stream of the handle: that would keep the handle from closing until the stream is closed. */
export async function* read(
  handle: FileHandle,
  from: number,
  to: number,
  size = CHUNK,
): AsyncGenerator<Buffer> {
  for (let at = from; at < to; ) {
    const chunk = Buffer.allocUnsafe(Math.min(size, to - at))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

/** A compressed file is there already: from a crash before the original was removed, or of another process. */
async function replace(
  hidden: string,
  target: string,
  source: FileHandle,
  job: CompressJob,
): Promise<boolean> {
  if (await isTaken(target, source, job)) return false
  if (!isSame(await fs.lstat(fileOf(job)), job)) return false
  await fs.rename(hidden, target)
  return true
}

/** Whether the compressed name has something else behind it than a copy of this file or of its beginning. */
async function isTaken(target: string, source: FileHandle, job: CompressJob): Promise<boolean> {
  let handle: FileHandle
  try {
    handle = await openRegular(target)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    if (IRREGULAR.has(codeOf(error))) return true
    throw error
  }
  try {
    const { size } = await handle.stat()
    if (size > 0) await checkBeginning(handle, size, source, job.format)
    return false
  } catch {
    // Other bytes, or it can't be read as what its name says.
    return true
  } finally {
    await handle.close().catch(() => {})
  }
}

async function checkBeginning(
  handle: FileHandle,
  size: number,
  source: FileHandle,
  format: Compression,
): Promise<void> {
  let at = 0
  await builtin('node:stream/promises').pipeline(
    read(handle, 0, size),
    decompressor(format, CHUNK),
    async (plain: AsyncIterable<Buffer>) => {
      for await (const chunk of plain) {
        const own = Buffer.alloc(chunk.length)
        const { bytesRead } = await source.read(own, 0, chunk.length, at)
        if (bytesRead < chunk.length || !own.equals(chunk)) throw new Error('another file')
        at += chunk.length
      }
    },
  )
}

/** Takes another number: one name can't stand for two files. */
async function stepAside(job: CompressJob): Promise<CompressResult> {
  const moving = movingName(job.path)
  await fs.rename(fileOf(job), moving)
  giveDoneName(job.path, labelOf(job), moving, (await fs.lstat(moving)).mode & PERMISSIONS)
  return { outcome: 'renamed' }
}

function labelOf(job: CompressJob): string {
  const done = parseDoneName(job.path, job.name)
  if (done === undefined) throw new Error(`${job.name} is no done file of ${job.path}`)
  return done.label
}

async function removeOriginal(
  job: CompressJob,
  source: FileHandle,
  copy: FileHandle,
): Promise<CompressResult> {
  const made = await copy.stat()
  const target = fileOf(job) + COMPRESSED[job.format]
  if ((await fs.lstat(target)).ino !== made.ino) return { outcome: 'changed' }
  const outcome = await removeFile(fileOf(job), job, job.path)
  if (outcome === 'gone') await yieldTo(job, made.ino)
  if (outcome !== 'removed') return { outcome }
  return { outcome: 'compressed', size: made.size, late: await saveLate(job, source) }
}

/** Somebody else has removed the original: if for a copy in the other format, that one stays. */
async function yieldTo(job: CompressJob, ino: number): Promise<void> {
  const other = COMPRESSED[job.format === 'gzip' ? 'zstd' : 'gzip']
  const own = fileOf(job) + COMPRESSED[job.format]
  try {
    await fs.lstat(fileOf(job) + other)
    if ((await fs.lstat(own)).ino === ino) await fs.unlink(own)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/**
 * What came between the last look at the original and its removal, from a writer that stood still between its look
 * at the path and its write, goes to a done file of its own.
 */
async function saveLate(job: CompressJob, source: FileHandle): Promise<string | undefined> {
  const { size, mode } = await source.stat()
  if (size <= job.size) return undefined
  const moving = movingName(job.path)
  const late = await openNew(moving, mode & PERMISSIONS)
  try {
    for await (const chunk of read(source, job.size, size)) await late.writeFile(chunk)
    await makeDurable(late)
  } finally {
    await late.close()
  }
  return giveDoneName(job.path, labelOf(job), moving, mode & PERMISSIONS)
}
