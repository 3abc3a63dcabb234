import type { Transform } from 'node:stream'
import { builtin } from '../config/builtin.ts'
import type { Compression } from './names.ts'

const GZIP_LEVEL = 6

/** The format is one that this Node can't read or write. */
export class UnsupportedError extends Error {}

type Zlib = typeof import('node:zlib') & {
  zstdCompressSync?(piece: Buffer): Buffer
  createZstdCompress?(options: { chunkSize: number }): Transform
  createZstdDecompress?(options: { chunkSize: number }): Transform
}

/** Whether this Node has zstd: from 22.15 and 23.8 on. */
export function hasZstd(): boolean {
  return (builtin('node:zlib') as Zlib).createZstdCompress !== undefined
}

/** The stream that compresses. @throws UnsupportedError */
export function compressor(format: Compression, chunkSize: number): Transform {
  const zlib = builtin('node:zlib') as Zlib
  if (format === 'gzip') return zlib.createGzip({ level: GZIP_LEVEL, chunkSize })
  return zlib.createZstdCompress?.({ chunkSize }) ?? unsupported('writes')
}

/**
 * One piece compressed by itself, blocking; pieces in a row are a file as well (RFC 1952: members; RFC 8878: frames).
 *
 * @throws UnsupportedError
 */
export function compressPiece(format: Compression, piece: Buffer): Buffer {
  const zlib = builtin('node:zlib') as Zlib
  if (format === 'gzip') return zlib.gzipSync(piece, { level: GZIP_LEVEL })
  return zlib.zstdCompressSync?.(piece) ?? unsupported('writes')
}

/** The stream that gives what a compressed file holds. @throws UnsupportedError */
export function decompressor(format: Compression, chunkSize: number): Transform {
  const zlib = builtin('node:zlib') as Zlib
  if (format === 'gzip') return zlib.createGunzip({ chunkSize })
  return zlib.createZstdDecompress?.({ chunkSize }) ?? unsupported('reads')
}

function unsupported(what: string): never {
  throw new UnsupportedError(`this Node ${what} no zstd; from 22.15 on it does`)
}
