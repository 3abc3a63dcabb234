import { closeSync, openSync, statSync, unlinkSync } from 'node:fs'

const STALE_MS = 5000

/** A lock that was taken. */
export interface Lock {
  release(): void
  /** Whether it was taken away from somebody, who may have stopped in the middle of what it guards. */
  readonly broken: boolean
}

/**
 * Takes the lock of that name, which is a file made with O_EXCL; it never waits. One older than 5 s is broken:
 * it is held for less than a millisecond, so its holder has died or stands still. What is done under it must be
 * safe without it: it keeps things in order, and a broken lock costs order alone.
 *
 * @returns undefined if somebody else holds it
 * @throws an errno error where the directory takes no files
 */
export function tryLock(path: string, mode: number): Lock | undefined {
  const release = (): void => void remove(path)
  if (make(path, mode)) return { release, broken: false }
  return isStale(path) && remove(path) && make(path, mode) ? { release, broken: true } : undefined
}

/** Whether somebody holds the lock of that name, as far as its age tells. */
export function isLocked(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && !isOld(found.mtimeMs)
}

function make(path: string, mode: number): boolean {
  try {
    closeSync(openSync(path, 'wx', mode))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

// By the file system's times and the clock that sets them: a lock from the future is as old as one from the past.
function isStale(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined || isOld(found.mtimeMs)
}

function isOld(mtimeMs: number): boolean {
  return Math.abs(Date.now() - mtimeMs) > STALE_MS
}

function remove(path: string): boolean {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else has broken it, or the directory has gone.
  }
  return true
}
