import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTail } from '../../src/policy/tail.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

function tailOf(limits: { records?: number; size?: number; total?: number; slowMs?: number } = {}) {
  const written: string[] = []
  const { records = 4, size = 100, total = 300, slowMs = 1000 } = limits
  const tail = createTail<string>({
    ...{ records, size, total, slowMs: () => slowMs },
    write: (held, kept) => written.push(kept ? held : `${held}!`),
  })
  return { tail, written }
}

describe('a ring', () => {
  it('is written whole and in order where its unit failed', () => {
    const { tail, written } = tailOf()
    const ring = tail.open()
    for (const each of ['a', 'b', 'c']) ring.add(each, 1, false)
    expect(written).toEqual([])
    ring.end(true, 0)
    expect(written).toEqual(['a', 'b', 'c'])
    expect(tail.stats()).toMatchObject({ held: 0, scopes: 0, bytes: 0, written: 3, letGo: 0 })
  })

  it('is let go where all went well, but for what was chosen', () => {
    const { tail, written } = tailOf()
    const ring = tail.open()
    ring.add('a', 1, false)
    ring.add('b', 1, true)
    ring.end(false, 1000)
    expect(written).toEqual(['b!'])
    expect(tail.stats()).toMatchObject({ held: 0, bytes: 0, written: 1, letGo: 1 })
  })

  it('is written where its unit was slow', () => {
    const { tail, written } = tailOf()
    const ring = tail.open()
    ring.add('a', 1, false)
    ring.end(false, 1000.1)
    expect(written).toEqual(['a'])
  })

  it('keeps the latest records, and the latest bytes', () => {
    const { tail, written } = tailOf()
    const ring = tail.open()
    for (let i = 0; i < 1000; i++) ring.add(`r${i}`, 1, false)
    expect(tail.stats()).toMatchObject({ held: 4, bytes: 4, overflowed: 996 })
    ring.add('big', 98, false)
    expect(tail.stats()).toMatchObject({ held: 3, bytes: 100 })
    ring.keep()
    expect(written).toEqual(['r998', 'r999', 'big'])
  })

  it('holds nothing that alone is too big', () => {
    const { tail, written } = tailOf()
    const ring = tail.open()
    ring.add('huge', 101, false)
    expect(tail.stats()).toMatchObject({ held: 0, scopes: 0, bytes: 0, overflowed: 1 })
    ring.keep()
    expect(written).toEqual([])
  })
})

describe('all rings', () => {
  it('let the oldest unit go where together they hold too much', () => {
    const { tail, written } = tailOf()
    const [old, young, third, last] = [tail.open(), tail.open(), tail.open(), tail.open()]
    old.add('o1', 50, false)
    young.add('y', 100, false)
    old.add('o2', 50, false)
    third.add('t', 100, false)
    last.add('l', 1, false)
    expect(tail.stats()).toMatchObject({ held: 3, scopes: 3, bytes: 201, evictedScopes: 1, evicted: 2 })
    old.add('o3', 1, false)
    for (const ring of [old, young, third, last]) ring.end(true, 0)
    expect(written).toEqual(['o3', 'y', 't', 'l'])
  })

  it('are written when it closes, the oldest first', () => {
    const { tail, written } = tailOf()
    const [one, other] = [tail.open(), tail.open()]
    one.add('a', 1, false)
    other.add('b', 1, false)
    one.add('c', 1, false)
    tail.close()
    expect(written).toEqual(['a', 'c', 'b'])
    expect(tail.closed).toBe(true)
  })

  it('never hold more than they may, and account for every record', () => {
    const step = fc.record({
      ring: fc.nat(7),
      act: fc.constantFrom('add', 'add', 'add', 'add', 'keep', 'fail', 'succeed'),
      bytes: fc.integer({ min: 1, max: 120 }),
      chosen: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { tail, written } = tailOf()
        const rings = Array.from({ length: 8 }, () => tail.open())
        let added = 0
        for (const { ring, act, bytes, chosen } of steps) {
          const at = rings[ring] as (typeof rings)[number]
          if (act === 'add') at.add(`${added++}`, bytes, chosen)
          else if (act === 'keep') at.keep()
          else at.end(act === 'fail', 0)
          const stats = tail.stats()
          expect(stats.bytes).toBeLessThanOrEqual(300)
          expect(stats.held).toBeLessThanOrEqual(4 * 8)
          expect(stats.written).toBe(written.length)
          const { held, letGo, overflowed, evicted } = stats
          expect(held + stats.written + letGo + overflowed + evicted).toBe(added)
        }
        tail.close()
        expect(tail.stats()).toMatchObject({ held: 0, bytes: 0, scopes: 0 })
      }),
      { numRuns },
    )
  })
})
