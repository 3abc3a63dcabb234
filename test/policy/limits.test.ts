import fc from 'fast-check'
import { expect, it } from 'vitest'
import { cutText } from '../../src/policy/limits.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)
const MARK = /…\[\+(\d+) chars\]$/

it('keeps what is short enough', () => {
  expect(cutText('x'.repeat(100), 100)).toBe('x'.repeat(100))
})

it('says how many characters are missing, within the bound, and never halves a pair', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 120, maxLength: 400 }),
      fc.integer({ min: 100, max: 119 }),
      (text, max) => {
        const shown = cutText(text, max)
        const [mark = '', missing] = MARK.exec(shown) ?? []
        const kept = shown.slice(0, shown.length - mark.length)
        expect(shown.length).toBeLessThanOrEqual(max)
        expect(text.startsWith(kept)).toBe(true)
        expect(kept.length + Number(missing)).toBe(text.length)
        expect(isWellFormed(kept)).toBe(isWellFormed(text.slice(0, kept.length)))
        expect(kept.at(-1)).not.toMatch(/[\ud800-\udbff]$/)
      },
    ),
    { numRuns },
  )
})

it('counts on where it cuts a second time', () => {
  const once = cutText('x'.repeat(5000), 1000)
  const twice = cutText(once, 200)
  const kept = twice.replace(MARK, '')
  expect(Number(MARK.exec(twice)?.[1]) + kept.length).toBe(5000)
  expect(cutText(twice, 200)).toBe(twice)
})

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)
}
