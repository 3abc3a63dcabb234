import { expect, it } from 'vitest'
import { createSettling } from '../../../src/segments/upkeep/settling.ts'

const MINUTE = 60_000
const marks = { ino: 7, size: 100, ctimeMs: 1_000_000_000 }

function settlingAt(now: number) {
  const clock = { monotonic: 0, now }
  const settling = createSettling(
    10_000,
    60_000,
    () => clock.monotonic,
    () => clock.now,
  )
  const look = (change: Partial<typeof marks> = {}) => {
    settling.begin()
    return settling.look('app.log', { ...marks, ...change })
  }
  return { clock, look }
}

it('counts from the first look, and anew at any change', () => {
  const { clock, look } = settlingAt(marks.ctimeMs + 5000)
  expect(look()).toBe(0)
  clock.monotonic = 9000
  expect(look()).toBe(9000)
  // A clock that is set says nothing.
  clock.now += 5 * MINUTE
  expect(look()).toBe(9000)
  for (const change of [{ ino: 8 }, { size: 101 }, { ctimeMs: marks.ctimeMs + 1 }])
    expect(look(change)).toBe(0)
})

it('takes a file that has not changed for more than ten minutes as it is', () => {
  expect(settlingAt(marks.ctimeMs + 10 * MINUTE).look()).toBe(0)
  expect(settlingAt(marks.ctimeMs + 12 * MINUTE).look()).toBe(60_000)
  // A clock set back.
  expect(settlingAt(marks.ctimeMs - 12 * MINUTE).look()).toBe(0)
})
