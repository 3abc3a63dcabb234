import { Buffer } from 'node:buffer'
import { deeper } from '../presets/fields.ts'

/** A value of a type of one's own: its number, from -128 to 127, and its bytes. */
export interface Extension {
  readonly extension: number
  readonly bytes: Uint8Array
}

/** What MessagePack can say of what JSON can, with bytes and extensions besides. */
export type Packable =
  | null
  | undefined
  | boolean
  | number
  | string
  | Uint8Array
  | Extension
  | readonly Packable[]
  | { readonly [key: string]: Packable }

/** Appends values to one growing buffer. */
export interface Packer {
  add(value: unknown): void
  /** Begins an array of that many values, which are added next. */
  addArray(count: number): void
  /** What was added; the packer is used no further. */
  bytes(): Buffer
}

const FIRST_BYTES = 4096
/** Deeper than that no parser needs to go; Fluentd's own gives up at 512. */
const DEEPEST = 100

/**
 * Writes MessagePack (specification of 2013, with str, bin and ext). Numbers take the shortest form that keeps them;
 * undefined is nil in an array and left out of a map; a half of a surrogate pair is U+FFFD, since UTF-8 has none;
 * what lies deeper than 100 is named only.
 */
export function createPacker(): Packer {
  let buffer = Buffer.allocUnsafe(FIRST_BYTES)
  let end = 0

  /** Where the next `count` bytes go. It may change `buffer`: call it before that is read. */
  function room(count: number): number {
    if (end + count > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, end + count))
      buffer.copy(larger, 0, 0, end)
      buffer = larger
    }
    end += count
    return end - count
  }

  function byte(value: number): void {
    const at = room(1)
    buffer[at] = value
  }

  /** A type's byte and an unsigned number of 1, 2 or 4 bytes. */
  function head(type: number, size: 1 | 2 | 4, value: number): void {
    byte(type)
    const at = room(size)
    buffer.writeUIntBE(value, at, size)
  }

  /** `short` is the first of the types that hold a count of up to `most` themselves; then those of 1, 2, 4 bytes. */
  function counted(
    count: number,
    short: number,
    most: number,
    types: readonly [number | undefined, number, number],
  ): void {
    if (count <= most) byte(short + count)
    else if (types[0] !== undefined && count < 0x100) head(types[0], 1, count)
    else if (count < 0x10000) head(types[1], 2, count)
    else head(types[2], 4, count)
  }

  function addText(text: string): void {
    const bytes = Buffer.byteLength(text)
    counted(bytes, 0xa0, 31, [0xd9, 0xda, 0xdb])
    const at = room(bytes)
    buffer.write(text, at, 'utf8')
  }

  function raw(bytes: Uint8Array): void {
    const at = room(bytes.length)
    buffer.set(bytes, at)
  }

  function addBytes(bytes: Uint8Array): void {
    counted(bytes.length, 0, -1, [0xc4, 0xc5, 0xc6])
    raw(bytes)
  }

  function addExtension({ extension, bytes }: Extension): void {
    const fixed = [1, 2, 4, 8, 16].indexOf(bytes.length)
    if (fixed !== -1) byte(0xd4 + fixed)
    else counted(bytes.length, 0, -1, [0xc7, 0xc8, 0xc9])
    byte(extension & 0xff)
    raw(bytes)
  }

  function addFloat(value: number): void {
    byte(0xcb)
    const at = room(8)
    buffer.writeDoubleBE(value, at)
  }

  function addNumber(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) addFloat(value)
    else if (value >= 0) addWhole(value)
    else if (value >= -32) byte(value & 0xff)
    else if (value >= -0x80) head(0xd0, 1, value & 0xff)
    else if (value >= -0x8000) head(0xd1, 2, value & 0xffff)
    else if (value >= -0x80000000) head(0xd2, 4, value >>> 0)
    else {
      byte(0xd3)
      const at = room(8)
      buffer.writeBigInt64BE(BigInt(value), at)
    }
  }

  function addWhole(value: number): void {
    if (value < 0x80) byte(value)
    else if (value < 0x100) head(0xcc, 1, value)
    else if (value < 0x10000) head(0xcd, 2, value)
    else if (value < 0x100000000) head(0xce, 4, value)
    else {
      byte(0xcf)
      const at = room(8)
      buffer.writeBigUInt64BE(BigInt(value), at)
    }
  }

  function addObject(value: object, depth: number): void {
    if (value instanceof Uint8Array) addBytes(value)
    else if (isExtension(value)) addExtension(value)
    else if (depth === DEEPEST) addText(deeper(value))
    else if (Array.isArray(value)) {
      addArray(value.length)
      for (const one of value) add(one, depth + 1)
    } else {
      const entries = Object.entries(value).filter(([, one]) => one !== undefined)
      counted(entries.length, 0x80, 15, [undefined, 0xde, 0xdf])
      for (const [key, one] of entries) {
        addText(key)
        add(one, depth + 1)
      }
    }
  }

  function addArray(count: number): void {
    counted(count, 0x90, 15, [undefined, 0xdc, 0xdd])
  }

  function add(value: unknown, depth: number): void {
    if (typeof value === 'string') addText(value)
    else if (typeof value === 'number') addNumber(value)
    else if (typeof value === 'boolean') byte(value ? 0xc3 : 0xc2)
    else if (typeof value === 'object' && value !== null) addObject(value, depth)
    else byte(0xc0)
  }

  return {
    add: (value) => add(value, 0),
    addArray,
    bytes: () => buffer.subarray(0, end),
  }
}

/** One value as MessagePack. */
export function pack(value: Packable): Buffer {
  const packer = createPacker()
  packer.add(value)
  return packer.bytes()
}

function isExtension(value: object): value is Extension {
  return 'extension' in value && 'bytes' in value && value.bytes instanceof Uint8Array
}
