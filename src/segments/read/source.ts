import { Buffer } from 'node:buffer'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { HEAD_BYTES } from './identity.ts'
import { inflate, type Pieces } from './inflate.ts'
import type { Segment } from './listing.ts'
import { openRegular } from './regular.ts'

/** What has to be known of a file to open it. */
export type Openable = Pick<Segment, 'file' | 'kind' | 'compression'>

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

/** @throws an errno error, RefusedError, UnsupportedError */
export async function openSource({ file, kind, compression }: Openable): Promise<Source> {
  const { handle, stats } = await openRegular(file, kind === 'live')
  if (compression === undefined) return plain(handle, stats)
  try {
    return compressed(handle, stats, inflate(handle, compression))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A file's first `length` bytes, or as many as can be read; undefined if it can't be opened. */
export async function readHead(segment: Openable, length: number): Promise<Buffer | undefined> {
  let source: Source | undefined
  const head = Buffer.alloc(length)
  let known = 0
  try {
    source = await openSource(segment)
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

function compressed(handle: FileHandle, stats: Stats, pieces: Pieces): Source {
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
      pieces.destroy()
      await handle.close()
    },
  }
}
