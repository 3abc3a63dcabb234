import { describe, expect, it } from 'vitest'
import { holdDelay, retryDelay } from '../../src/shipping/retry.ts'

const most = () => 1
const least = () => 0

describe('the pause before the next try', () => {
  it.each([
    [0, 1000],
    [1, 2000],
    [4, 16_000],
    [5, 30_000],
    [50, 30_000],
    [5000, 30_000],
  ])('is anything up to a bound that doubles: %i failures before, %i ms', (failures, ms) => {
    expect([
      retryDelay(failures, least),
      retryDelay(failures, () => 0.25),
      retryDelay(failures, most),
    ]).toEqual([0, ms / 4, ms])
  })

  it.each([
    [2500, 2500],
    [300_000, 300_000],
    [300_001, 300_000],
    [Number.MAX_SAFE_INTEGER, 300_000],
    [-1, 0],
    [Number.NaN, 0],
  ])('is not less than what the back end asks for, of which 5 min are kept to: %d', (asked, ms) => {
    expect(retryDelay(0, least, asked)).toBe(ms)
    expect(retryDelay(9, most, 100)).toBe(30_000)
  })

  it('where somebody has to do something is from 30 s to 5 min', () => {
    expect([0, 1, 2, 3, 4, 5000].map((tries) => holdDelay(tries, least))).toEqual([
      30_000, 60_000, 120_000, 240_000, 300_000, 300_000,
    ])
    expect([0, 3, 4].map((tries) => holdDelay(tries, most))).toEqual([37_500, 300_000, 300_000])
  })
})
