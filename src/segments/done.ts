import { closeSync, linkSync, openSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { doneName, movingName, nextSequence } from './names.ts'

const TRIES = 1000
// What file systems without hard links answer, and the kernel for files that are not ours to link.
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'])

/**
 * Moves the live file to the next free done name of its period. Each step is atomic and none overwrites, whoever
 * does the same at the same time: a rename to a name that nobody else has, a link that fails where the done name
 * is taken, an unlink. It writes no data: a rename over a file would make ext4 write out all that is not on the
 * disk yet (measured at 100 MB: 6-16 ms, against 0.1).
 *
 * @returns the done name, or undefined if somebody else has moved the file already
 * @throws an errno error. Before the first step nothing has changed; after it the file has its moving name, under
 *   which readers find it and maintenance gives it a done name later.
 */
export function moveAside(path: string, label: string, mode: number): string | undefined {
  const moving = movingName(path)
  try {
    renameSync(path, moving)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return giveDoneName(path, label, moving, mode)
  } catch (error) {
    // Maintenance of another process took it for one that a crash has left, after this one stood still for long.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

/**
 * Gives the file at `from` the first free done name of `path` and that period.
 *
 * @throws an errno error, with the file still at `from`
 */
export function giveDoneName(path: string, label: string, from: string, mode: number): string {
  const names = readdirSync(dirname(path))
  try {
    const target = firstFree(path, label, names, (name) => linkSync(from, name))
    unlinkSync(from)
    return target
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  return renameToFree(path, label, from, mode, names)
}

/** Where there are no hard links: the name is taken by an empty file, which the rename replaces. */
function renameToFree(path: string, label: string, from: string, mode: number, names: string[]): string {
  const target = firstFree(path, label, names, (name) => closeSync(openSync(name, 'wx', mode)))
  try {
    renameSync(from, target)
  } catch (error) {
    // Empty is what we made; anything else is a rename that succeeded and was reported as failed.
    if (statSync(target, { throwIfNoEntry: false })?.size === 0) unlinkSync(target)
    throw error
  }
  return target
}

/** @param names what the directory held when it was read; others may have made more since */
function firstFree(path: string, label: string, names: string[], take: (name: string) => void): string {
  let sequence = nextSequence(path, label, names)
  for (let i = 0; ; i++) {
    const target = doneName(path, label, sequence++)
    try {
      take(target)
      return target
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || i >= TRIES) throw error
    }
  }
}
