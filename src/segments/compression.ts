import { Buffer } from 'node:buffer'
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

/** Compresses a file piece by piece, blocking for as long as a piece takes. */
export interface PieceCompressor {
  /** Bytes of a piece: some half a millisecond of work. */
  readonly pieceSize: number
  next(piece: Buffer): Buffer
  end(): Buffer
}

/** @throws UnsupportedError */
export function pieceCompressor(format: Compression): PieceCompressor {
  if (format === 'gzip') return gzipPieces()
  const { zstdCompressSync } = builtin('node:zlib') as Zlib
  if (zstdCompressSync === undefined) return unsupported('writes')
  // Frames in a row are a file (RFC 8878, 3.1).
  return { pieceSize: 128 * 1024, next: (piece) => zstdCompressSync(piece), end: () => Buffer.alloc(0) }
}

/** RFC 1952: the magic, deflate, no flags, no time, no level, Unix. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
/** RFC 1951: a last block, of fixed codes, that holds the end of block alone. */
const LAST_BLOCK = Buffer.from([3, 0])
const WINDOW = 32 * 1024

/**
 * One member of a gzip file, as pigz makes it: each piece is deflated with the 32 KiB before it as its dictionary and
 * ends at a byte's end (Z_SYNC_FLUSH), so that the pieces in a row are one stream. Pieces of 16 KiB are 3 % larger
 * together than zlib's own stream (measured; as members of their own 21 %).
 */
function gzipPieces(): PieceCompressor {
  const zlib = builtin('node:zlib')
  const { Z_SYNC_FLUSH } = zlib.constants
  let window = Buffer.alloc(0)
  let crc = 0
  let length = 0

  return {
    pieceSize: 16 * 1024,
    next(piece) {
      const dictionary = window.length === 0 ? {} : { dictionary: window }
      const deflated = zlib.deflateRawSync(piece, {
        level: GZIP_LEVEL,
        finishFlush: Z_SYNC_FLUSH,
        ...dictionary,
      })
      const first = length === 0
      crc = zlib.crc32(piece, crc)
      length += piece.length
      window = Buffer.concat([window, piece]).subarray(-WINDOW)
      return first ? Buffer.concat([GZIP_HEADER, deflated]) : deflated
    },
    end() {
      const sums = Buffer.alloc(8)
      sums.writeUInt32LE(crc, 0)
      // Modulo 2^32.
      sums.writeUInt32LE(length >>> 0, 4)
      return Buffer.concat(length === 0 ? [GZIP_HEADER, LAST_BLOCK, sums] : [LAST_BLOCK, sums])
    },
  }
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
