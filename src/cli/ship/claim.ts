import { mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { lifeOf } from '../../segments/spool/owner.ts'

/** What this process alone does as long as it lives. */
export interface Claim {
  /** Gives a sign of life: due every 10 s. */
  touch(): void
  release(): void
}

const MODE = 0o600
const DIRECTORY_MODE = 0o700

/**
 * Claims what the file at `path` stands for. Two that do the same work cost duplicates, no records; hence a claim
 * that is wrongly taken for a dead one's does no harm.
 *
 * @param owner as `makeOwner` gives it
 * @returns the claim, or who has it
 * @throws an errno error where the file can't be made
 */
export function claim(path: string, owner: string): Claim | string {
  for (let tries = 0; ; tries++) {
    if (make(path, owner)) return claimOf(path, owner)
    const holder = holderOf(path)
    if (holder === undefined) continue
    if (tries > 0 || lifeOf(holder.owner, holder.sign, Date.now()) === 'alive') return holder.owner
    remove(path)
  }
}

/** The process of an owner, for messages. */
export function processOf(owner: string): string {
  const pid = /^[^-]+-\d+-(\d+)-/.exec(owner)?.[1]
  return pid === undefined ? 'another process' : `another process (${pid})`
}

function make(path: string, owner: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE })
    writeFileSync(path, owner, { flag: 'wx', mode: MODE })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Undefined if it is gone. @throws an errno error */
function holderOf(path: string): { owner: string; sign: number } | undefined {
  try {
    return { owner: readFileSync(path, 'latin1'), sign: statSync(path).mtimeMs }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function claimOf(path: string, owner: string): Claim {
  const isOurs = (): boolean => {
    try {
      return holderOf(path)?.owner === owner
    } catch {
      return false
    }
  }
  return {
    touch() {
      const now = new Date()
      try {
        if (isOurs()) utimesSync(path, now, now)
      } catch {
        // Then others may take this process for dead, which costs duplicates.
      }
    },
    release() {
      if (isOurs()) remove(path)
    },
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else was quicker.
  }
}
