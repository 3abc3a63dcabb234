import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBacklog } from '../../src/segments/backlog.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const LEVELS = [10, 20, 30, 40, 50, 60]

describe('a backlog', () => {
  it('gives lines back in their order over all levels', () => {
    const backlog = createBacklog(1000, () => {})
    backlog.add('a\n', 30)
    backlog.add('b\n', 10)
    backlog.add('c\n', 60)
    expect(backlog.take(100).map((held) => held.line)).toEqual(['a\n', 'b\n', 'c\n'])
    expect(backlog).toMatchObject({ count: 0, units: 0 })
  })

  it('gives up the oldest of the lowest level first', () => {
    const dropped: number[] = []
    const backlog = createBacklog(6, (level) => dropped.push(level))
    backlog.add('1\n', 20)
    backlog.add('2\n', 30)
    backlog.add('3\n', 20)
    backlog.add('4\n', 50)
    expect(dropped).toEqual([20])
    backlog.add('5\n', 50)
    backlog.add('6\n', 50)
    expect(dropped).toEqual([20, 20, 30])
    expect(backlog.take(100).map((held) => held.line)).toEqual(['4\n', '5\n', '6\n'])
  })

  it('is what a plain list with the same rules is, through any adds, takes and put-backs', () => {
    const action = fc.oneof(
      fc.record({ add: fc.constantFrom(...LEVELS), length: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 120 }), back: fc.integer({ min: 0, max: 5 }) }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const limit = 200
        const dropped: number[] = []
        const modelDropped: number[] = []
        const backlog = createBacklog(limit, (level) => dropped.push(level))
        let model: { line: string; level: number }[] = []
        let serial = 0
        const shrink = () => {
          while (model.reduce((sum, each) => sum + each.line.length, 0) > limit) {
            const lowest = Math.min(...model.map((each) => each.level))
            modelDropped.push(lowest)
            model.splice(
              model.findIndex((each) => each.level === lowest),
              1,
            )
          }
        }
        for (const each of actions) {
          if ('add' in each) {
            const line = `${serial++}${'x'.repeat(each.length)}\n`
            backlog.add(line, each.add)
            model.push({ line, level: each.add })
          } else {
            const taken = backlog.take(each.take)
            const expected: typeof model = []
            for (let sum = 0; model.length > 0; ) {
              sum += (model[0] as { line: string }).line.length
              if (expected.length > 0 && sum > each.take) break
              expected.push(model.shift() as (typeof model)[number])
            }
            expect(taken.map(({ line, level }) => ({ line, level }))).toEqual(expected)
            const back = Math.min(each.back, taken.length)
            backlog.restore(taken.slice(taken.length - back))
            model = [...expected.slice(expected.length - back), ...model]
          }
          shrink()
          expect(dropped).toEqual(modelDropped)
          expect(backlog.count).toBe(model.length)
          expect(backlog.units).toBe(model.reduce((sum, { line }) => sum + line.length, 0))
        }
      }),
      { numRuns },
    )
  })
})
