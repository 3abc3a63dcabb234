import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFloods, type FloodSummary } from '../../src/policy/rate-limit-summary.ts'

let told: FloodSummary[]
const floodsOf = (periodMs = 1000) =>
  createFloods({ periodMs, now: () => Date.now(), tell: (summary) => told.push(summary) })

beforeEach(() => {
  told = []
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('floods', () => {
  it('are told once a period, with counts by level and one of the records', () => {
    const floods = floodsOf()
    const show = vi.fn((): unknown => 'first')
    for (let i = 0; i < 5; i++) floods.heldBack(30, Date.now(), show)
    floods.heldBack(50, Date.now(), show)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1000)
    expect(told).toEqual([
      {
        ...{
          byLevel: new Map([
            [30, 5],
            [50, 1],
          ]),
          total: 6,
          durationMs: 1000,
          over: false,
        },
        example: 'first',
      },
    ])
    expect(show).toHaveBeenCalledTimes(1)
  })

  it('are told again while they last, and then that they are over, with all of it', () => {
    const floods = floodsOf()
    floods.heldBack(30, Date.now(), () => 1)
    vi.advanceTimersByTime(1500)
    floods.heldBack(30, Date.now(), () => 2)
    vi.advanceTimersByTime(10_000)
    expect(told.map(({ total, over, example }) => [total, over, example])).toEqual([
      [1, false, 1],
      [1, false, 2],
      [2, true, undefined],
    ])
    expect(told.at(-1)?.durationMs).toBe(3000)
    expect(vi.getTimerCount()).toBe(0)
    floods.heldBack(30, Date.now(), () => 3)
    vi.advanceTimersByTime(1000)
    expect(told.at(-1)).toMatchObject({ total: 1, over: false, example: 3 })
  })

  it('are told by a loop that lets no timer run', () => {
    const floods = floodsOf()
    for (let now = 0; now < 3500; now += 10) floods.heldBack(30, now, () => now)
    expect(told.map(({ total, durationMs }) => [total, durationMs])).toEqual([
      [100, 1000],
      [100, 1000],
      [100, 1000],
    ])
  })

  it('are told once for a period, by the record or by the timer', () => {
    const floods = floodsOf()
    floods.heldBack(30, 0, () => 1)
    vi.advanceTimersByTime(990)
    // The timer is late: the next record comes first.
    floods.heldBack(30, 1000, () => 2)
    vi.advanceTimersByTime(500)
    expect(told.map(({ total }) => total)).toEqual([1])
    vi.advanceTimersByTime(500)
    expect(told.map(({ total }) => total)).toEqual([1, 1])
  })

  it('leave nothing untold at the end', () => {
    const floods = floodsOf()
    floods.finish(0)
    expect(told).toEqual([])
    floods.heldBack(30, 0, () => 'x')
    floods.finish(250)
    expect(told.map(({ total, over }) => [total, over])).toEqual([
      [1, false],
      [1, true],
    ])
    floods.finish(300)
    expect(told).toHaveLength(2)
    expect(floods.stats).toMatchObject({ heldBack: 1, byLevel: new Map([[30, 1]]), summaries: 2 })
  })

  it('survive a record that is held back while one is shown', () => {
    const floods = floodsOf()
    floods.heldBack(30, 0, () => {
      floods.heldBack(30, 0, () => 'inner')
      return 'outer'
    })
    floods.finish(1)
    expect(told[0]).toMatchObject({ total: 2, example: 'outer' })
  })
})
