import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatBaggage, parseBaggage } from '../../src/context/baggage.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 300)

describe('parseBaggage', () => {
  test.each([
    ['run_id=42', { run_id: '42' }],
    [' run_id = 42 ; ttl=3;x , other=1', { run_id: '42' }],
    ['run_id=a%20b%C3%A9', { run_id: 'a bé' }],
    ['run_id=1,run_id=2', { run_id: '1' }],
    ['run_id=%,job_id=7', { job_id: '7' }],
    ['run_id=%0A,job_id=7', { job_id: '7' }],
    ['run_id=%FF', {}],
    ['run_id=', {}],
    ['run_id', {}],
    ['=1', {}],
    ['RUN_ID=1', {}],
    [`run_id=${'x'.repeat(256)}`, { run_id: 'x'.repeat(256) }],
    [`run_id=${'x'.repeat(257)}`, {}],
    ['', {}],
  ])('%j', (value, expected) => {
    expect(parseBaggage(value, ['run_id', 'job_id'])).toEqual(expected)
  })

  test('takes repeated headers, and only the named keys', () => {
    expect(parseBaggage(['a=1', 'b=2,c=3'], ['a', 'c'])).toEqual({ a: '1', c: '3' })
    expect(parseBaggage('a=1', [])).toEqual({})
    expect(parseBaggage(undefined, ['a'])).toEqual({})
  })

  test('64 members and 8,192 characters are read, more are not', () => {
    const members = (count: number) => Array.from({ length: count }, (_, n) => `k${n}=1`).join(',')
    expect(parseBaggage(members(64), ['k0'])).toEqual({ k0: '1' })
    expect(parseBaggage(members(65), ['k0'])).toEqual({})
    expect(parseBaggage(`a=1,b=${'x'.repeat(8186)}`, ['a'])).toEqual({ a: '1' })
    expect(parseBaggage(`a=1,b=${'x'.repeat(8187)}`, ['a'])).toEqual({})
  })
})

describe('formatBaggage', () => {
  test('writes named primitives, percent-coded', () => {
    const fields = { run_id: 'a b,;="é', count: 3, big: 5n, ok: true, user_id: 'u-1' }
    expect(formatBaggage(fields, ['run_id', 'count', 'big', 'ok', 'absent'])).toBe(
      'run_id=a%20b%2C%3B%3D%22%C3%A9,count=3,big=5,ok=true',
    )
  })

  test('leaves out what cannot travel', () => {
    const fields = {
      object: {},
      nothing: null,
      nan: Number.NaN,
      long: 'x'.repeat(257),
      line: 'a\nb',
      surrogate: '\ud800',
      empty: '',
      'a b': '1',
      fn: () => 1,
      symbol: Symbol('s'),
    }
    expect(formatBaggage(fields, Object.keys(fields))).toBe(undefined)
    expect(formatBaggage({}, ['toString', '__proto__'])).toBe(undefined)
  })

  test('is bounded', () => {
    const fields = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`k${n}`, 'x'.repeat(n < 50 ? 1 : 256)]),
    )
    const header = formatBaggage(fields, Object.keys(fields)) as string
    expect(header.split(',').length).toBe(64)
    const large = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`k${n}`, 'x'.repeat(256)]))
    const full = formatBaggage(large, Object.keys(large)) as string
    expect(full.length).toBeLessThanOrEqual(8192)
    expect(full.length).toBeGreaterThan(7900)
  })
})

test('any bytes: never throws, and what was written is read the same', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'ab=,;% %4') }))
  const names = fc.array(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'toString'), text), { maxLength: 5 })
  fc.assert(
    fc.property(
      text,
      names,
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), text),
      (header, wanted, fields) => {
        for (const value of Object.values(parseBaggage(header, wanted)))
          expect(value.length).toBeLessThanOrEqual(256)
        const written = formatBaggage(fields, ['a', 'b'])
        if (written === undefined) return
        expect(written).toMatch(/^[\x21-\x7e]+$/)
        for (const [key, value] of Object.entries(parseBaggage(written, ['a', 'b']))) {
          expect(value).toBe(fields[key])
        }
        expect(Object.keys(parseBaggage(written, ['a', 'b'])).length).toBe(written.split(',').length)
      },
    ),
    { numRuns: RUNS },
  )
})
