import { readFileSync, statSync } from 'node:fs'
import { builtin } from '../../config/builtin.ts'
import { lifeOf, makeOwner } from '../../segments/spool/owner.ts'
import { after } from '../../segments/timers.ts'
import { sleepOneMs } from '../../segments/write/live-file.ts'
import { type Lock, tryLock } from '../../segments/write/lock.ts'

const LOOK_MS = 1
// Before it is asked whether the holder lives.
const PATIENCE_LOOKS = 10
// At the end of the process nobody waits for another that stands still.
const LAST_LOOKS = 20

let owner: string | undefined

function ownName(): string {
  owner ??= makeOwner(builtin('node:worker_threads').threadId)
  return owner
}

/**
 * Takes a lock, waiting for it. It is broken where its holder is known to be dead, and when it is 5 s old
 * (segments/write/lock.ts). It is for order alone.
 *
 * @throws an errno error where the directory takes no files
 */
export async function takeTurn(lock: string, mode: number): Promise<Lock> {
  for (let look = 1; ; look++) {
    const taken = tryLock(lock, mode, look % PATIENCE_LOOKS === 0 && isLeft(lock), ownName())
    if (taken !== undefined) return taken
    await new Promise<void>((resolve) => after(LOOK_MS, resolve))
  }
}

/** The same, blocking; who holds it for 20 ms more loses it. */
export function takeTurnNow(lock: string, mode: number): Lock {
  for (let look = 0; ; look++) {
    const taken = tryLock(lock, mode, look >= LAST_LOOKS, ownName())
    if (taken !== undefined) return taken
    sleepOneMs()
  }
}

/** Whether there is proof that the holder has died. */
function isLeft(lock: string): boolean {
  try {
    return lifeOf(readFileSync(lock, 'latin1'), statSync(lock).mtimeMs, Date.now()) === 'dead'
  } catch {
    return false
  }
}

export async function inTurn<T>(lock: string, mode: number, act: () => Promise<T>): Promise<T> {
  const taken = await takeTurn(lock, mode)
  try {
    return await act()
  } finally {
    taken.release()
  }
}

export function inTurnNow<T>(lock: string, mode: number, act: () => T): T {
  const taken = takeTurnNow(lock, mode)
  try {
    return act()
  } finally {
    taken.release()
  }
}
