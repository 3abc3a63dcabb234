import { builtin } from '../../config/builtin.ts'
import { decompressor } from '../compression.ts'
import type { Compression } from '../names.ts'
import { read } from './compress.ts'
import { openRegular } from './regular.ts'

/** How far a reader has come in a file that it has not read to its end. */
export interface Unread {
  readonly reader: string
  /** In bytes of the plain file. */
  readonly offset: number
}

/** Which of these files somebody has still to read, and who; a file that is not in it has been read by all. */
export type UnreadMap = ReadonlyMap<string, readonly Unread[]>
export type UnreadBy = (paths: readonly string[]) => Promise<UnreadMap>

const NEWLINE = 10
const CHUNK = 64 * 1024

/** The lines of a file behind `offset`, compressed or not. Memory is flat. @throws an error where it can't be read */
export async function countLines(
  file: string,
  compression: Compression | undefined,
  offset: number,
): Promise<number> {
  const handle = await openRegular(file)
  let at = 0
  let lines = 0
  const count = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      let from = Math.min(Math.max(offset - at, 0), chunk.length)
      at += chunk.length
      for (from = chunk.indexOf(NEWLINE, from); from !== -1; from = chunk.indexOf(NEWLINE, from + 1)) lines++
    }
  }
  try {
    const source = read(handle, 0, Number.POSITIVE_INFINITY)
    const { pipeline } = builtin('node:stream/promises')
    if (compression === undefined) await pipeline(source, count)
    else await pipeline(source, decompressor(compression, CHUNK), count)
  } finally {
    await handle.close().catch(() => {})
  }
  return lines
}
