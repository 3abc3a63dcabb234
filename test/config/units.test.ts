import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { parseBoolean, parseDuration, parseSize } from '../../src/config/units.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

describe('parseSize', () => {
  test.each([
    ['100MB', 104_857_600],
    ['1.5gb', 1_610_612_736],
    ['20 kb', 20_480],
    ['4096', 4096],
    ['12B', 12],
    [' 0 ', 0],
  ])('%j is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each([
    '',
    'MB',
    '-1MB',
    '1TB',
    '1e3',
    '1,5MB',
    '0x10',
    'Infinity',
    '9999999GB',
    '1.MB',
    '5 constructor',
  ])('%j is none', (text) => expect(parseSize(text)).toBeUndefined())
})

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1.5H', 5_400_000],
    ['7d', 604_800_000],
    ['1y', 31_536_000_000],
    ['0', 0],
  ])('%j is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each(['', '10', '10 minutes', '-1s', '1w', 'NaN'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  )
})

describe('parseBoolean', () => {
  test.each(['1', 'true', 'YES', ' on '])('%j is true', (text) => expect(parseBoolean(text)).toBe(true))
  test.each(['0', 'False', 'no', 'OFF'])('%j is false', (text) => expect(parseBoolean(text)).toBe(false))
  test.each(['', '2', 'oui', 'toString', '__proto__'])('%j is neither', (text) =>
    expect(parseBoolean(text)).toBeUndefined(),
  )
})

it('reads any number with any unit as a whole, safe number or not at all', () => {
  const number = fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true }), fc.bigInt({ min: 0n }))
  const unit = fc.constantFrom('', 'B', 'KB', 'mb', 'Gb', 'ms', 's', 'm', 'h', 'd', 'y', 'valueOf')
  fc.assert(
    fc.property(number, unit, (value, suffix) => {
      for (const parse of [parseSize, parseDuration]) {
        const read = parse(`${value}${suffix}`)
        expect(read === undefined || (Number.isSafeInteger(read) && read >= 0)).toBe(true)
      }
    }),
    { numRuns },
  )
})
