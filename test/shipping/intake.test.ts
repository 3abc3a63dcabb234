import { expect, it } from 'vitest'
import { createIntake } from '../../src/shipping/intake.ts'
import { fakeClock } from './support/fake-clock.ts'
import { many, memorySource } from './support/memory-source.ts'

it.each([
  [9_999, false],
  [10_000, true],
  [30_000, true],
])('a source of %s groups keeps a bounded number of them: another one %s', async (count, may) => {
  const clock = fakeClock()
  let change = (): void => {}
  const changed = new Promise<void>((resolve) => {
    change = resolve
  })
  const intake = createIntake({
    source: memorySource('s', clock, many('r', count)),
    first: true,
    bytes: 1e9,
    count: 1e9,
    pollMs: 1000,
    clock,
    nextNumber: () => 0,
    groupOf: ({ id }) => id,
    onRecords() {},
    onFull() {},
    onChange: () => change(),
    onError() {},
  })
  intake.read(1e9, 1e9, 1)
  await changed
  expect(intake.mayHave('r0')).toBe(true)
  expect(intake.mayHave('never seen')).toBe(may)
})
