import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimit } from '../../src/shipping/limit.ts'

/** A limit, and rounds of as many requests as it allows, all of them as long. */
function rounds(most: number) {
  const limit = createLimit(most)
  let now = 0
  return {
    limit,
    round(ms: number, asMany = limit.value) {
      for (let i = 1; i <= asMany; i++) limit.started(i)
      now += 1000
      for (let i = 0; i < asMany; i++) limit.answered(ms, now)
      return limit.value
    },
    overloaded(ms = 0) {
      now += ms
      limit.overloaded(now)
      return limit.value
    },
  }
}

describe('the limit of what is in flight', () => {
  it('begins with one and grows by one a round trip, up to the most', () => {
    const { round } = rounds(4)
    expect([round(100), round(100), round(100), round(100), round(100)]).toEqual([2, 3, 4, 4, 4])
  })

  it('does not grow while it is not reached', () => {
    const { round, limit } = rounds(4)
    round(100)
    for (let i = 0; i < 10; i++) round(100, 1)
    expect(limit.value).toBe(2)
  })

  it('does not grow while round trips get longer, and falls when they are far longer', () => {
    const { round, limit } = rounds(10)
    for (let i = 0; i < 12; i++) round(i % 2 === 0 ? 100 : 90)
    const grown = round(97)
    expect(grown).toBeGreaterThan(6)
    // Longer than the mean, by less than what is usual.
    expect(round(97)).toBe(grown)
    expect(round(97)).toBe(grown)
    round(500)
    expect(limit.value).toBeLessThan(grown)
    expect(limit.meanMs).toBeGreaterThan(97)
  })

  it('falls by a tenth once a round trip, however many say so, and never below one', () => {
    const { round, limit, overloaded } = rounds(10)
    for (let i = 0; i < 12; i++) round(100)
    expect(limit.value).toBe(10)
    for (let i = 0; i < 10; i++) overloaded()
    expect(limit.value).toBe(10)
    const after = [overloaded(100), overloaded(100), overloaded(100)]
    expect(after).toEqual([9, 8, 7])
    for (let i = 0; i < 50; i++) overloaded(100)
    expect(limit.value).toBe(1)
  })

  it('stays between one and the most, whatever comes', () => {
    const event = fc.tuple(fc.constantFrom('started', 'answered', 'overloaded'), fc.nat({ max: 1000 }))
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 1, max: 8 }), (events, most) => {
        const limit = createLimit(most)
        let now = 0
        for (const [kind, n] of events) {
          now += n
          if (kind === 'started') limit.started(n % (most + 1))
          else if (kind === 'answered') limit.answered(n, now)
          else limit.overloaded(now)
          expect(limit.value).toBeGreaterThanOrEqual(1)
          expect(limit.value).toBeLessThanOrEqual(most)
        }
      }),
    )
  })
})
