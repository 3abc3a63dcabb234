import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RateLimit } from '../../src/config/gates.ts'
import { createLimiter, shapeOf } from '../../src/policy/rate-limit.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

const RULES: RateLimit = {
  rate: { count: 10, periodMs: 1000, burst: 20 },
  site: { count: 5, periodMs: 1000, burst: 8 },
}
const INFO = 30

/** How many of so many records at one moment are taken. */
function taken(limiter: ReturnType<typeof createLimiter>, now: number, many: number, site: string | number) {
  let count = 0
  for (let i = 0; i < many; i++) if (limiter.take('db', INFO, site, now)) count++
  return count
}

describe('the limiter', () => {
  it('lets a burst through, then the rate', () => {
    const limiter = createLimiter(RULES)
    expect(taken(limiter, 0, 100, 'a')).toBe(8)
    expect(taken(limiter, 999, 100, 'a')).toBe(4)
    expect(taken(limiter, 1999, 100, 'a')).toBe(5)
    expect(taken(limiter, 1e9, 100, 'a')).toBe(8)
  })

  it('bounds a component and level over all of its places, and no other', () => {
    const limiter = createLimiter(RULES)
    const all = ['a', 'b', 'c', 'd'].map((site) => taken(limiter, 0, 100, site))
    expect(all).toEqual([8, 8, 4, 0])
    expect(limiter.take('http', INFO, 'e', 0)).toBe(true)
    expect(limiter.take('db', 40, 'f', 0)).toBe(true)
  })

  it('takes no token of a place whose component has none', () => {
    const limiter = createLimiter(RULES)
    for (const site of ['a', 'b', 'c']) taken(limiter, 0, 100, site)
    taken(limiter, 0, 100, 'late')
    // By now the component has one and the place, untouched, its whole burst.
    expect(taken(limiter, 100, 100, 'late')).toBe(1)
  })

  it('counts what was kept and is written later for its component alone', () => {
    const limiter = createLimiter(RULES)
    let count = 0
    for (let i = 0; i < 100; i++) if (limiter.takeAgain('db', INFO, 0)) count++
    expect(count).toBe(20)
    expect(limiter.take('db', INFO, 'a', 0)).toBe(false)
  })

  it('never lets more than the burst and the rate through, whatever comes when', () => {
    const call = fc.record({ wait: fc.nat(300), site: fc.nat(5), component: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), (calls) => {
        const limiter = createLimiter(RULES)
        const passed = new Map<string, number>()
        const count = (key: string) => passed.set(key, (passed.get(key) ?? 0) + 1)
        let now = 0
        for (const { wait, site, component } of calls) {
          now += wait
          if (!limiter.take(`c${component}`, INFO, site, now)) continue
          count(`c${component}`)
          count(`s${site}`)
        }
        for (const [key, many] of passed) {
          const { rate, site } = RULES
          const rule = key.startsWith('c') ? rate : site
          expect(many).toBeLessThanOrEqual(rule.burst + (now * rule.count) / rule.periodMs + 1e-6)
        }
      }),
      { numRuns },
    )
  })

  it('has bounded memory, and bounds what it does not tell apart', () => {
    const limiter = createLimiter(RULES)
    let passed = 0
    for (let i = 0; i < 200_000; i++) if (limiter.take(`c${i % 50_000}`, INFO, i, 0)) passed++
    expect(limiter.buckets).toBeLessThanOrEqual(4096 + 1024)
    expect(passed).toBeLessThanOrEqual(4096 + RULES.site.burst)
  })

  it('has room again for new ones once old ones rest', () => {
    const limiter = createLimiter(RULES)
    for (let i = 0; i < 10_000; i++) limiter.take('db', INFO, i, 0)
    expect(taken(limiter, 60_000, 100, 'new')).toBe(8)
    expect(limiter.buckets).toBeLessThan(10)
  })
})

describe("a message's shape", () => {
  const shape = (msg: string) => shapeOf('db', INFO, msg)

  it.each([
    ['user 42 failed', 'user 1043 failed'],
    ['order a1b2-c3 placed', 'order 99ff-00 placed'],
    ['took 1.5ms', 'took 20.75ms'],
    ['', ''],
    [`${'x'.repeat(200)} a`, `${'x'.repeat(200)} b`],
  ])('is that of a place: %s, %s', (one, other) => {
    expect(shape(one)).toBe(shape(other))
  })

  it.each([
    ['user 42 failed', 'user 42 done'],
    ['connected', 'disconnected'],
    ['a', 'a '],
    ['ab', 'a b'],
  ])('tells places apart: %s, %s', (one, other) => {
    expect(shape(one)).not.toBe(shape(other))
  })

  it('is of a component and level', () => {
    expect(new Set([shapeOf('a', 30, 'x'), shapeOf('b', 30, 'x'), shapeOf('a', 40, 'x')]).size).toBe(3)
  })
})
