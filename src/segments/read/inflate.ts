import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import type { Transform } from 'node:stream'
import { decompressor } from '../compression.ts'
import type { Compression } from '../names.ts'

// What one piece may become is a thousandfold, and all of it is held.
const INPUT_BYTES = 16 * 1024
const OUTPUT_BYTES = 64 * 1024

/** What a compressed file holds, piece by piece. */
export interface Pieces {
  /**
   * The next one; undefined at the end.
   *
   * @throws an error of the file system or of what is compressed, after all that was whole has been given
   */
  next(): Promise<Buffer | undefined>
  destroy(): void
}

/**
 * Decompresses a file. By hand, since a stream that fails throws away what it holds, and of a broken file
 * everything before the break is wanted.
 *
 * What zlib has decoded in the very call that fails is lost with it: up to a piece of output, which can be a
 * whole member before some garbage. So a file that fails is gone through once more without giving what was given,
 * and what failed is fed byte by byte.
 *
 * @throws UnsupportedError
 */
export function inflate(handle: FileHandle, compression: Compression): Pieces {
  const input = Buffer.allocUnsafeSlow(INPUT_BYTES)
  let decoder = createDecoder(decompressor(compression, OUTPUT_BYTES))
  let position = 0
  let produced = 0
  let given = 0
  /** From where on to go byte by byte. */
  let careful = Number.POSITIVE_INFINITY

  async function feed(): Promise<void> {
    const start = position
    const length = start < careful ? Math.min(input.length, careful - start) : 1
    const { bytesRead } = await handle.read(input, 0, length, start)
    position += bytesRead
    await decoder.feed(input.subarray(0, bytesRead))
    // At the end nothing was decoded in the call that failed.
    if (decoder.failure === undefined || bytesRead === 0 || careful !== Number.POSITIVE_INFINITY) return
    careful = start
    retry()
  }

  function retry(): void {
    // What has come meanwhile comes again.
    decoder.destroy()
    decoder = createDecoder(decompressor(compression, OUTPUT_BYTES))
    position = 0
    produced = 0
  }

  /** What of a piece is new. */
  function fresh(piece: Buffer): Buffer {
    const known = Math.max(0, given - produced)
    produced += piece.length
    given = Math.max(given, produced)
    return piece.subarray(known)
  }

  return {
    async next() {
      for (;;) {
        while (decoder.isOpen()) await feed()
        const piece = decoder.pieces.shift()
        if (piece === undefined && decoder.failure !== undefined) throw decoder.failure
        if (piece === undefined) return undefined
        const rest = fresh(piece)
        if (rest.length > 0) return rest
      }
    },
    destroy: () => decoder.destroy(),
  }
}

interface Decoder {
  readonly pieces: Buffer[]
  readonly failure: Error | undefined
  /** Whether it needs more input to give something. */
  isOpen(): boolean
  /** Resolves when it has taken `bytes`, or has failed. No bytes are the end. */
  feed(bytes: Buffer): Promise<void>
  destroy(): void
}

function createDecoder(stream: Transform): Decoder {
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

  return {
    pieces,
    get failure() {
      return failure
    },
    isOpen: () => pieces.length === 0 && failure === undefined && !ended && !stream.destroyed,
    async feed(bytes) {
      if (stream.destroyed) return
      await new Promise<void>((resolve) => {
        wake = resolve
        if (bytes.length === 0) stream.end()
        else stream.write(bytes, () => resolve())
      })
    },
    destroy: () => stream.destroy(),
  }
}
