import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonWithin } from '../../../src/shipping/presets/cut.ts'
import { parseStrict } from '../../support/strict-json.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)

describe('jsonWithin', () => {
  it('leaves alone what fits, to the byte', () => {
    const fields = { msg: 'ü"\n', n: 1 }
    const text = JSON.stringify(fields)
    expect(jsonWithin(fields, Buffer.byteLength(text))).toBe(text)
    const cut = parseStrict(jsonWithin({ msg: 'ü'.repeat(200) }, 408))
    expect(cut).toMatchObject({ truncated: true, original_bytes: 410 })
  })

  it('cuts the largest value and leaves the others whole', () => {
    const fields = { level: 'error', msg: 'small', err: { type: 'E', stack: 'at x\n'.repeat(5000) }, n: 7 }
    const text = jsonWithin(fields, 2000)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2000)
    expect(Buffer.byteLength(text)).toBeGreaterThan(1900)
    const cut = parseStrict<{ err: { stack: string } }>(text)
    expect(cut).toMatchObject({ level: 'error', msg: 'small', n: 7, err: { type: 'E' } })
    expect(cut.err.stack.startsWith('at x\nat x\n')).toBe(true)
    expect(cut.err.stack.endsWith('…')).toBe(true)
  })

  it('keeps the beginning of every large text, though one alone would be enough to drop', () => {
    const cut = parseStrict(jsonWithin({ a: 'a'.repeat(3000), b: 'b'.repeat(2900) }, 1000))
    expect(cut).toMatchObject({
      a: expect.stringMatching(/^a{200,}…$/),
      b: expect.stringMatching(/^b{200,}…$/),
    })
  })

  it('drops whole fields, the last first, when there are too many small ones', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, i]))
    const cut = parseStrict(jsonWithin({ msg: 'm', ...many }, 500))
    expect(cut).toMatchObject({ truncated: true, msg: 'm', f0: 0 })
    expect(cut).not.toHaveProperty('f999')
  })

  it('keeps as many elements of a list as fit', () => {
    const list = Array.from({ length: 1000 }, (_, i) => i)
    const cut = parseStrict<{ list: unknown[] }>(jsonWithin({ list }, 600))
    expect(cut.list.at(-1)).toBe('…')
    expect(cut.list.slice(0, -1)).toEqual(list.slice(0, cut.list.length - 1))
    expect(cut.list.length).toBeGreaterThan(100)
  })

  it('says that it was cut, whatever the fields said of that themselves', () => {
    const fields = { truncated: 'by hand', original_bytes: -1, msg: 'x'.repeat(2000) }
    const original_bytes = JSON.stringify(fields).length
    expect(parseStrict(jsonWithin(fields, 500))).toMatchObject({ truncated: true, original_bytes })
  })

  it('does not tear a pair of surrogates', () => {
    for (let bound = 400; bound < 410; bound++) {
      const { msg } = parseStrict<{ msg: string }>(jsonWithin({ msg: '💥'.repeat(300) }, bound))
      expect(msg).toMatch(/^(?:💥)+…$/u)
    }
  })

  it('gives valid JSON within the bound, whatever is in the fields, and the same each time', () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 6 }),
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 50 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 3000 }).map((n) => '\u0001"é'.repeat(n)),
    )
    const fields = fc.dictionary(fc.string({ unit: 'binary', maxLength: 12 }), value, { maxKeys: 30 })
    fc.assert(
      fc.property(fields, fc.integer({ min: 100, max: 5000 }), (said, bound) => {
        const text = jsonWithin(said, bound)
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bound)
        const cut = parseStrict(text)
        const whole = JSON.stringify(said)
        if (Buffer.byteLength(whole) <= bound) expect(text).toBe(whole)
        else expect(cut).toMatchObject({ truncated: true, original_bytes: Buffer.byteLength(whole) })
        expect(jsonWithin(said, bound)).toBe(text)
      }),
      { numRuns },
    )
  })
})
