import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { takeTurn, takeTurnNow } from '../../../src/policy/audit/turn.ts'
import { makeOwner } from '../../../src/segments/spool/owner.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

// A clock that stands still: no lock grows old.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() }))
afterEach(() => void vi.useRealTimers())

const turnIn = (directory: string) => ({
  path: join(directory, 'deep', 'lock'),
  mode: 0o640,
  directoryMode: 0o750,
})

it('is one process after the other', async () => {
  const turn = turnIn(temporaryDirectory())
  const first = await takeTurn(turn)
  const order: string[] = []
  const second = takeTurn(turn).then((lock) => {
    order.push('second')
    return lock
  })
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setTimeout(resolve, 1))
  order.push('first')
  first.release()
  ;(await second).release()
  expect(order).toEqual(['first', 'second'])
  expect(existsSync(turn.path)).toBe(false)
})

it.each([
  ['waiting', async (turn: ReturnType<typeof turnIn>) => (await takeTurn(turn)).release()],
  ['blocking', async (turn: ReturnType<typeof turnIn>) => takeTurnNow(turn).release()],
])('of a process that is known to be dead is broken at once: %s', async (_name, take) => {
  const turn = turnIn(temporaryDirectory())
  ;(await takeTurn(turn)).release()
  const { pid } = spawnSync('true')
  const looks = vi.spyOn(Atomics, 'wait')
  writeFileSync(turn.path, makeOwner(0).replace(`-${process.pid}-`, `-${pid}-`))
  await take(turn)
  expect(existsSync(turn.path)).toBe(false)
  expect(looks.mock.calls.length).toBeLessThan(20)
})

it('of one that lives, and stands still at the end of this one, is waited for and then broken', async () => {
  const turn = turnIn(temporaryDirectory())
  await takeTurn(turn)
  const looks = vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out')
  takeTurnNow(turn)
  expect(looks.mock.calls.length).toBeGreaterThan(900)
  expect(readFileSync(turn.path, 'latin1')).toContain(`-${process.pid}-`)
})
