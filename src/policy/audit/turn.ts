import { after } from '../../segments/timers.ts'
import { sleepOneMs } from '../../segments/write/live-file.ts'
import { type Lock, tryLock } from '../../segments/write/lock.ts'

const LOOK_MS = 1
// At the end of the process nobody waits for another that stands still.
const LAST_LOOKS = 20

/**
 * Takes a lock, waiting for it; one that is 5 s old is broken (segments/write/lock.ts). It is for order alone.
 *
 * @throws an errno error where the directory takes no files
 */
export async function takeTurn(lock: string, mode: number): Promise<Lock> {
  for (;;) {
    const taken = tryLock(lock, mode)
    if (taken !== undefined) return taken
    await new Promise<void>((resolve) => after(LOOK_MS, resolve))
  }
}

/** The same, blocking; who holds it for 20 ms more loses it. */
export function takeTurnNow(lock: string, mode: number): Lock {
  for (let look = 0; ; look++) {
    const taken = tryLock(lock, mode, look >= LAST_LOOKS)
    if (taken !== undefined) return taken
    sleepOneMs()
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
