import { lstatSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { builtin } from '../../config/builtin.ts'
import { lifeOf, makeOwner } from '../../segments/spool/owner.ts'
import { after } from '../../segments/timers.ts'
import { sleepOneMs } from '../../segments/write/live-file.ts'
import { type Lock, tryLock } from '../../segments/write/lock.ts'
import { makeDirectory } from '../../segments/write/open.ts'

const LOOK_MS = 1
// Before it is asked whether the holder lives.
const PATIENCE_LOOKS = 10
// What can't be had nor broken, such as a directory of that name, is done without: records matter more than their order.
const MOST_LOOKS = 10_000
// At the end of the process nobody waits longer for another that stands still.
const LAST_LOOKS = 1000
const NO_LOCK: Lock = { release() {} }

let owner: string | undefined

function ownName(): string {
  owner ??= makeOwner(builtin('node:worker_threads').threadId)
  return owner
}

/** A lock's file. */
export interface Turn {
  readonly path: string
  /** Permissions of the file, less the umask. */
  readonly mode: number
  /** Permissions of its directory, where that is missing and is to be made. */
  readonly directoryMode?: number | undefined
}

function attempt({ path, mode, directoryMode }: Turn, passing: boolean): Lock | undefined {
  try {
    return tryLock(path, mode, passing, ownName())
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || directoryMode === undefined) throw error
    makeDirectory(dirname(path), directoryMode)
    return tryLock(path, mode, passing, ownName())
  }
}

/**
 * Takes a lock, waiting for it. It is broken where its holder is known to be dead, and when it is 5 s old
 * (segments/write/lock.ts), and done without after 10 s or more: it is for order alone.
 *
 * @throws an errno error where the directory takes no files
 */
export async function takeTurn(turn: Turn): Promise<Lock> {
  for (let look = 1; look <= MOST_LOOKS; look++) {
    const isLong = look % PATIENCE_LOOKS === 0
    const taken = attempt(turn, isLong && isLeft(turn.path))
    if (taken !== undefined) return taken
    if (isLong && !isFile(turn.path)) break
    await new Promise<void>((resolve) => after(LOOK_MS, resolve))
  }
  return NO_LOCK
}

/** The same, blocking; who holds it for 1 s more loses it. */
export function takeTurnNow(turn: Turn): Lock {
  for (let look = 1; look <= LAST_LOOKS; look++) {
    const isLong = look % PATIENCE_LOOKS === 0
    const taken = attempt(turn, look === LAST_LOOKS || (isLong && isLeft(turn.path)))
    if (taken !== undefined) return taken
    if (isLong && !isFile(turn.path)) break
    sleepOneMs()
  }
  return NO_LOCK
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true
}

/** Whether there is proof that the holder has died. */
function isLeft(lock: string): boolean {
  try {
    return lifeOf(readFileSync(lock, 'latin1'), statSync(lock).mtimeMs, Date.now()) === 'dead'
  } catch {
    return false
  }
}

export async function inTurn<T>(turn: Turn, act: () => Promise<T>): Promise<T> {
  const taken = await takeTurn(turn)
  try {
    return await act()
  } finally {
    taken.release()
  }
}

export function inTurnNow<T>(turn: Turn, act: () => T): T {
  const taken = takeTurnNow(turn)
  try {
    return act()
  } finally {
    taken.release()
  }
}
