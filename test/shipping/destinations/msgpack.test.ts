import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPacker, type Packable, pack } from '../../../src/shipping/destinations/msgpack.ts'
import { unpack } from '../../../src/shipping/destinations/msgpack-reader.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

const hex = (value: Packable) => pack(value).toString('hex')
const read = (text: string) => unpack(Buffer.from(text, 'hex'))?.value

// By the specification's table of formats, made by hand.
const FORMS: readonly (readonly [Packable, string])[] = [
  [null, 'c0'],
  [false, 'c2'],
  [true, 'c3'],
  [0, '00'],
  [127, '7f'],
  [128, 'cc80'],
  [255, 'ccff'],
  [256, 'cd0100'],
  [65535, 'cdffff'],
  [65536, 'ce00010000'],
  [4294967295, 'ceffffffff'],
  [4294967296, 'cf0000000100000000'],
  [Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
  [-1, 'ff'],
  [-32, 'e0'],
  [-33, 'd0df'],
  [-128, 'd080'],
  [-129, 'd1ff7f'],
  [-32768, 'd18000'],
  [-32769, 'd2ffff7fff'],
  [-2147483648, 'd280000000'],
  [-2147483649, 'd3ffffffff7fffffff'],
  [Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
  [-0, 'cb8000000000000000'],
  [1.5, 'cb3ff8000000000000'],
  [1e300, 'cb7e37e43c8800759c'],
  ['', 'a0'],
  ['ü', 'a2c3bc'],
  ['a'.repeat(31), `bf${'61'.repeat(31)}`],
  ['a'.repeat(32), `d920${'61'.repeat(32)}`],
  ['a'.repeat(256), `da0100${'61'.repeat(256)}`],
  ['a'.repeat(65536), `db00010000${'61'.repeat(65536)}`],
  [Buffer.from([1, 2]), 'c4020102'],
  [Buffer.alloc(256, 7), `c50100${'07'.repeat(256)}`],
  [Buffer.alloc(65536, 7), `c600010000${'07'.repeat(65536)}`],
  [[], '90'],
  [[1, [2]], '92019102'],
  [Array(16).fill(1), `dc0010${'01'.repeat(16)}`],
  [Array(65536).fill(1), `dd00010000${'01'.repeat(65536)}`],
  [{}, '80'],
  [{ a: 1 }, '81a16101'],
  [
    Object.fromEntries([...'abcdefghijklmnop'].map((key) => [key, 1])),
    `de0010${[...'abcdefghijklmnop'].map((key) => `a1${Buffer.from(key).toString('hex')}01`).join('')}`,
  ],
  [{ extension: 0, bytes: Buffer.from('0102030405060708', 'hex') }, 'd7000102030405060708'],
  [{ extension: -1, bytes: Buffer.from('01', 'hex') }, 'd4ff01'],
  [{ extension: 5, bytes: Buffer.from('010203', 'hex') }, 'c7030501' + '0203'],
  [{ extension: 5, bytes: Buffer.alloc(16) }, `d805${'00'.repeat(16)}`],
  [{ extension: 5, bytes: Buffer.alloc(300) }, `c8012c05${'00'.repeat(300)}`],
]

describe('MessagePack', () => {
  it.each(FORMS)('writes and reads each form (%#)', (value, form) => {
    expect(hex(value)).toBe(form)
    expect(read(form)).toEqual(value)
  })

  it('reads what we never write: float 32, numbers longer than they need be', () => {
    expect(read('ca3fc00000')).toBe(1.5)
    expect(read('cf0000000000000001')).toBe(1)
    expect(read('d3ffffffffffffffff')).toBe(-1)
    expect(read('d9016' + '1')).toBe('a')
    expect(read('df00000001a16101')).toEqual({ a: 1 })
  })

  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 6, noUnicodeString: false }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger())),
    fc.array(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 20 },
    ),
    fc.array(fc.oneof(fc.maxSafeInteger(), fc.double()), { maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
  )

  it('gives back what went in', () => {
    fc.assert(
      fc.property(value, (said) => {
        const bytes = pack(said as Packable)
        expect(unpack(bytes)).toEqual({ value: said, end: bytes.length })
      }),
      { numRuns },
    )
  })

  it('knows that a value is not all there yet, wherever it is torn, and reads on behind it', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        const one = pack(first as Packable)
        const both = Buffer.concat([one, pack(second as Packable)])
        for (let end = 0; end < one.length; end += Math.max(1, Math.floor(one.length / 50)))
          expect(unpack(both.subarray(0, end))).toBeUndefined()
        expect(unpack(both)).toEqual({ value: first, end: one.length })
        expect(unpack(both, one.length)).toEqual({ value: second, end: both.length })
      }),
      { numRuns },
    )
  })

  it('reads or refuses whatever comes, and makes no room for what does not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpack(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: numRuns * 5 },
    )
    for (const count of ['c6ffffffff', 'dbffffffff', 'ddffffffff', 'dfffffffff', 'c9ffffffff00'])
      expect(unpack(Buffer.from(count, 'hex'))).toBeUndefined()
  })

  it('refuses what is nested too deep, what is no format, keys that are no text', () => {
    expect(() => read('91'.repeat(10_000))).toThrow('nested deeper')
    expect(() => read('c1')).toThrow('0xc1')
    expect(() => read('810101')).toThrow('a key of a map')
  })

  it('gives a str as its bytes where it is asked to, and keys as texts', () => {
    const bytes = Buffer.from('81a56e6f6e6365a2fffe', 'hex')
    expect(unpack(bytes, 0, { strings: 'bytes' })?.value).toEqual({ nonce: Buffer.from('fffe', 'hex') })
  })

  it('keeps a field called __proto__, leaves out undefined, and writes a half of a pair as U+FFFD', () => {
    const odd = JSON.parse('{"__proto__":{"a":1}}') as Packable
    expect(unpack(pack(odd))?.value).toEqual(odd)
    expect(unpack(pack({ a: undefined, b: [undefined] }))?.value).toEqual({ b: [null] })
    expect(unpack(pack('a\ud800b'))?.value).toBe('a\ufffdb')
  })

  it('names what lies too deep instead of giving up', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`)
    expect(pack(deep).includes('[Object]')).toBe(true)
  })

  it('puts arrays together piece by piece', () => {
    const packer = createPacker()
    packer.addArray(2)
    packer.add('a')
    packer.add({ b: 1 })
    expect(packer.bytes()).toEqual(pack(['a', { b: 1 }]))
  })
})
