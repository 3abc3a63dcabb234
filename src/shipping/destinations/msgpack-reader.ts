import { Buffer } from 'node:buffer'
import type { Extension } from './msgpack.ts'

/** A value that was read, and where the next one begins. */
export interface Unpacked {
  readonly value: unknown
  readonly end: number
}

export interface UnpackOptions {
  /**
   * What a str becomes. Fluentd of old sends a nonce of any bytes as a str, which no text can hold. Keys of maps are
   * always texts.
   *
   * @default 'text'
   */
  readonly strings?: 'text' | 'bytes' | undefined
}

const DEEPEST = 200
/** More bytes are needed; not an Error, since it is no failure. */
const INCOMPLETE = Symbol('incomplete')
/** What a type's byte from 0xc4 on is followed by: how many bytes of a count. */
const COUNT_BYTES = [1, 2, 4] as const

/**
 * Reads one value of MessagePack from a stream of them. Undefined where it is not all there yet. Whole numbers beyond
 * 2^53 lose their last digits, as in JSON. Nothing is made room for that did not come: a count is only believed once
 * its elements are there.
 *
 * @throws RangeError for bytes that are no MessagePack, for keys that are no text, and for what is nested deeper than
 *   200
 */
export function unpack(buffer: Buffer, offset = 0, options: UnpackOptions = {}): Unpacked | undefined {
  const reader = createReader(buffer, offset, options.strings === 'bytes')
  try {
    const value = reader.value(0)
    return { value, end: reader.offset }
  } catch (error) {
    if (error === INCOMPLETE) return undefined
    throw error
  }
}

interface Reader {
  value(depth: number): unknown
  readonly offset: number
}

function createReader(buffer: Buffer, begin: number, areStringsBytes: boolean): Reader {
  let offset = begin

  function take(count: number): number {
    if (offset + count > buffer.length) throw INCOMPLETE
    offset += count
    return offset - count
  }

  const unsigned = (size: 1 | 2 | 4): number => buffer.readUIntBE(take(size), size)

  function bytes(count: number): Buffer {
    const start = take(count)
    // A copy: the buffer that messages come in is used again.
    return Buffer.from(buffer.subarray(start, start + count))
  }

  function string(count: number): string | Buffer {
    if (areStringsBytes) return bytes(count)
    const start = take(count)
    return buffer.toString('utf8', start, start + count)
  }

  function extension(count: number): Extension {
    return { extension: buffer.readInt8(take(1)), bytes: bytes(count) }
  }

  function array(count: number, depth: number): unknown[] {
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(value(depth + 1))
    return values
  }

  function map(count: number, depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = []
    for (let i = 0; i < count; i++) {
      const key = value(depth + 1)
      if (typeof key !== 'string' && !Buffer.isBuffer(key)) throw new RangeError('a key of a map is no text')
      entries.push([String(key), value(depth + 1)])
    }
    return Object.fromEntries(entries)
  }

  function value(depth: number): unknown {
    if (depth > DEEPEST) throw new RangeError(`nested deeper than ${DEEPEST}`)
    const type = buffer[take(1)] as number
    if (type < 0x80) return type
    if (type < 0x90) return map(type & 0x0f, depth)
    if (type < 0xa0) return array(type & 0x0f, depth)
    if (type < 0xc0) return string(type & 0x1f)
    if (type >= 0xe0) return type - 0x100
    return named(type, depth)
  }

  function named(type: number, depth: number): unknown {
    if (type === 0xc0) return null
    if (type === 0xc2 || type === 0xc3) return type === 0xc3
    if (type >= 0xca && type <= 0xd3) return number(type)
    if (type >= 0xd4 && type <= 0xd8) return extension(2 ** (type - 0xd4))
    if (type >= 0xc4 && type <= 0xc6) return bytes(unsigned(sizeFrom(type, 0xc4)))
    if (type >= 0xc7 && type <= 0xc9) return extension(unsigned(sizeFrom(type, 0xc7)))
    if (type >= 0xd9 && type <= 0xdb) return string(unsigned(sizeFrom(type, 0xd9)))
    if (type === 0xdc || type === 0xdd) return array(unsigned(type === 0xdc ? 2 : 4), depth)
    if (type === 0xde || type === 0xdf) return map(unsigned(type === 0xde ? 2 : 4), depth)
    throw new RangeError(`0x${type.toString(16)} begins no value of MessagePack`)
  }

  function number(type: number): number {
    switch (type) {
      case 0xca:
        return buffer.readFloatBE(take(4))
      case 0xcb:
        return buffer.readDoubleBE(take(8))
      case 0xcf:
        return Number(buffer.readBigUInt64BE(take(8)))
      case 0xd3:
        return Number(buffer.readBigInt64BE(take(8)))
    }
    const size = (1 << (type & 0x03)) as 1 | 2 | 4
    return type < 0xd0 ? unsigned(size) : buffer.readIntBE(take(size), size)
  }

  return {
    value,
    get offset() {
      return offset
    },
  }
}

function sizeFrom(type: number, first: number): 1 | 2 | 4 {
  return COUNT_BYTES[type - first] as 1 | 2 | 4
}
