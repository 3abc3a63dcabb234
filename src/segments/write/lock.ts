import { closeSync, fstatSync, openSync, type Stats, statSync, unlinkSync, writeSync } from 'node:fs'

const STALE_MS = 5000

/** A lock that was taken. */
export interface Lock {
  release(): void
}

/**
 * Takes the lock of that name, which is a file made with O_EXCL; it never waits. One older than 5 s is broken:
 * it is held for less than a millisecond, so its holder has died or stands still. What is done under it must be
 * safe without it: it keeps things in order, and a broken lock costs order alone.
 *
 * @param passing break it however old it is
 * @param owner what the file says of who holds it. @default nothing
 * @returns undefined if somebody else holds it
 * @throws an errno error where the directory takes no files
 */
export function tryLock(path: string, mode: number, passing = false, owner = ''): Lock | undefined {
  const made = make(path, mode, owner)
  if (made !== undefined) return lockOf(path, made)
  if (!passing && !isStale(path)) return undefined
  remove(path)
  const again = make(path, mode, owner)
  return again === undefined ? undefined : lockOf(path, again)
}

function lockOf(path: string, made: Stats): Lock {
  return {
    release() {
      // It may have been taken away meanwhile, and be another's.
      const found = statSync(path, { throwIfNoEntry: false })
      // The time as well: an inode's number is given again at once.
      if (found?.ino === made.ino && found.mtimeMs === made.mtimeMs) remove(path)
    },
  }
}

/** Whether somebody holds the lock of that name, as far as its age tells. */
export function isLocked(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && !isOld(found.mtimeMs)
}

/** What was made, or undefined if there is one. */
function make(path: string, mode: number, owner: string): Stats | undefined {
  try {
    const fd = openSync(path, 'wx', mode)
    try {
      if (owner !== '') sign(fd, owner)
      return fstatSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

function sign(fd: number, owner: string): void {
  try {
    writeSync(fd, owner)
  } catch {
    // A full disk: then its age alone tells.
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

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else has broken it, or the directory has gone.
  }
}
