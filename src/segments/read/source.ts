import { Buffer } from 'node:buffer'
import type { Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Transform } from 'node:stream'
import { decompressor } from '../compression.ts'
import type { Compression } from '../names.ts'
import { HEAD_BYTES } from './identity.ts'

// What one piece may become is a thousandfold, and all of it is held.
const INPUT_BYTES = 16 * 1024
const OUTPUT_BYTES = 64 * 1024

/** The bytes of one file, decompressed where it is compressed. */
export interface Source {
  /** What it was when it was opened. */
  readonly stats: Stats
  /**
   * Reads into `target` from `at` on what is at `position` of the file. A compressed one can't go back.
   *
   * @returns how many bytes, 0 at the end
   * @throws an error of the file system or of what is compressed, after all that was whole has been given
   */
  read(target: Buffer, at: number, position: number): Promise<number>
  /** The first 1024 bytes; of a compressed file as far as it has been read. */
  head(): Promise<Buffer>
  /** How far a compressed file has been decompressed; undefined for a plain one. */
  readonly produced: number | undefined
  /** A fresh stat of the open file. */
  stat(): Promise<Stats>
  close(): Promise<void>
}

/** Thrown for a compression that this Node can't read. */
/** @throws an errno error, UnsupportedError */
export async function openSource(file: string, compression: Compression | undefined): Promise<Source> {
  const stream = compression === undefined ? undefined : decompressor(compression, OUTPUT_BYTES)
  const handle = await open(file, 'r')
  try {
    const stats = await handle.stat()
    return stream === undefined ? plain(handle, stats) : compressed(handle, stats, stream)
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A file's first `length` bytes, or as many as can be read; undefined if it can't be opened. */
export async function readHead(
  file: string,
  compression: Compression | undefined,
  length: number,
): Promise<Buffer | undefined> {
  let source: Source | undefined
  const head = Buffer.alloc(length)
  let known = 0
  try {
    source = await openSource(file, compression)
    while (known < length) {
      const bytes = await source.read(head, known, known)
      if (bytes === 0) break
      known += bytes
    }
  } catch {
    if (source === undefined) return undefined
  }
  await source.close()
  return head.subarray(0, known)
}

function plain(handle: FileHandle, stats: Stats): Source {
  return {
    stats,
    produced: undefined,
    async read(target, at, position) {
      return (await handle.read(target, at, target.length - at, position)).bytesRead
    },
    async head() {
      const head = Buffer.alloc(HEAD_BYTES)
      return head.subarray(0, (await handle.read(head, 0, HEAD_BYTES, 0)).bytesRead)
    },
    stat: () => handle.stat(),
    close: () => handle.close(),
  }
}

function compressed(handle: FileHandle, stats: Stats, stream: Transform): Source {
  const pieces = inflate(handle, stream)
  let head: Buffer = Buffer.alloc(0)
  let piece: Buffer = Buffer.alloc(0)
  let produced = 0

  /** Makes `piece` one that has something left; false at the end. */
  async function more(): Promise<boolean> {
    while (piece.length === 0) {
      const next = await pieces.next()
      if (next === undefined) return false
      piece = next
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, next.subarray(0, HEAD_BYTES - head.length)])
    }
    return true
  }

  function take(bytes: number): void {
    piece = piece.subarray(bytes)
    produced += bytes
  }

  return {
    stats,
    get produced() {
      return produced
    },
    async read(target, at, position) {
      while (produced < position) {
        if (!(await more())) return 0
        take(Math.min(piece.length, position - produced))
      }
      if (!(await more())) return 0
      const bytes = piece.copy(target, at)
      take(bytes)
      return bytes
    },
    head: async () => head,
    stat: () => handle.stat(),
    async close() {
      stream.destroy()
      await handle.close()
    },
  }
}

/**
 * What comes out of `stream` for what is in the file, piece by piece. By hand, since a stream that fails throws
 * away what it holds, and of a broken file everything before the break is wanted.
 */
function inflate(handle: FileHandle, stream: Transform): { next(): Promise<Buffer | undefined> } {
  const input = Buffer.allocUnsafeSlow(INPUT_BYTES)
  const pieces: Buffer[] = []
  let failure: Error | undefined
  let ended = false
  let wake = (): void => {}
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  stream.on('end', () => {
    ended = true
    wake()
  })
  stream.on('error', (error) => {
    failure = error
    wake()
  })
  stream.on('close', () => wake())

  async function feed(): Promise<void> {
    const { bytesRead } = await handle.read(input, 0, input.length, null)
    if (stream.destroyed) return
    await new Promise<void>((resolve) => {
      wake = resolve
      if (bytesRead === 0) stream.end()
      else stream.write(input.subarray(0, bytesRead), () => resolve())
    })
  }

  return {
    async next() {
      while (pieces.length === 0 && failure === undefined && !ended && !stream.destroyed) await feed()
      const piece = pieces.shift()
      if (piece === undefined && failure !== undefined) throw failure
      return piece
    },
  }
}
