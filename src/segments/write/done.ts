import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  COMPRESSED,
  doneName,
  isMovingName,
  isSequence,
  movingName,
  nextSequence,
  parseDoneName,
} from '../names.ts'

const TRIES = 1000
const FAR = 16
const COMPRESSED_EXTENSIONS = Object.values(COMPRESSED)
// What file systems without hard links answer, and the kernel for files that are not ours to link.
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'])

/** Moves a live file to its done names, one after the other. */
export interface Mover {
  /**
   * Moves the live file to the next free done name of its period. Each step is atomic and none overwrites, whoever
   * does the same at the same time: a rename to a name that nobody else has, a link that fails where the done name
   * is taken, an unlink. It writes no data: a rename over a file would make ext4 write out all that is not on the
   * disk yet (measured at 100 MB: 6-16 ms, against 0.1). Files that are older and still on their way, because of a
   * crash or a process that stands still, get their done names first, so that numbers rise in the order of writing.
   *
   * @returns the done name, or undefined if somebody else has moved the file already
   * @throws an errno error. Before the first step nothing has changed; after it the file has its moving name, under
   *   which readers find it and maintenance gives it a done name later.
   */
  move(label: string): string | undefined
}

/** @param labelAt what the period of a time (epoch ms) is called */
export function createMover(path: string, mode: number, labelAt: (ms: number) => string): Mover {
  function move(label: string): string | undefined {
    const moving = movingName(path)
    try {
      renameSync(path, moving)
      const names = readdirSync(dirname(path))
      const left = names.filter((name) => name !== basename(moving) && isMovingName(path, name))
      if (left.length > 0) finishOlder(path, left, moving, labelAt, mode)
      // The directory is read each time: a number remembered may be free again, deleted, and younger files above it.
      const sequence = left.length > 0 ? undefined : nextSequence(path, label, names)
      return giveDoneName(path, label, moving, mode, sequence)
    } catch (error) {
      // Of the rename: somebody was quicker. Of the link: another process took it for one that a crash has left,
      // after this one stood still for long.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return undefined
    }
  }

  return { move }
}

/** Gives done names to those of the files `left` that were begun before the one at `moving`. */
function finishOlder(
  path: string,
  left: readonly string[],
  moving: string,
  labelAt: (ms: number) => string,
  mode: number,
): void {
  const statsOf = (file: string) => statSync(file, { throwIfNoEntry: false })
  // Where a file system keeps no time of birth, Node gives the last change, which a rename is: the order is the same.
  const age = (a: Stats, b: Stats) => a.birthtimeMs - b.birthtimeMs || a.mtimeMs - b.mtimeMs
  const own = statsOf(moving)
  if (own === undefined) return
  const older = left.flatMap((name) => {
    const stats = statsOf(join(dirname(path), name))
    return stats !== undefined && age(stats, own) <= 0 ? { name, stats } : []
  })
  older.sort((a, b) => age(a.stats, b.stats))
  for (const { name, stats } of older) finishMoving(path, name, labelAt(stats.mtimeMs), mode)
}

/**
 * Gives a done name to a file that a crash has left under its moving name.
 *
 * @throws an errno error, with the file under a moving name
 */
export function finishMoving(path: string, name: string, label: string, mode: number): void {
  const directory = dirname(path)
  const own = movingName(path)
  try {
    // Whoever renames it first is alone with it.
    renameSync(join(directory, name), own)
    // The crash came after the link: it has its done name.
    const { ino, nlink } = statSync(own)
    if (nlink > 1 && hasDoneName(path, ino)) unlinkSync(own)
    else giveDoneName(path, label, own, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function hasDoneName(path: string, ino: number): boolean {
  const directory = dirname(path)
  return readdirSync(directory).some(
    (name) =>
      parseDoneName(path, name) !== undefined &&
      statSync(join(directory, name), { throwIfNoEntry: false })?.ino === ino,
  )
}

/**
 * Gives the file at `from` the first free done name of `path` and that period.
 *
 * @param sequence the first to try, if it is known without reading the directory
 * @throws an errno error, with the file still at `from`
 */
export function giveDoneName(
  path: string,
  label: string,
  from: string,
  mode: number,
  sequence?: number,
): string {
  try {
    const target = firstFree(path, label, sequence, (name) => linkSync(from, name))
    unlinkSync(from)
    return target
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  return renameToFree(path, label, from, mode)
}

/** Where there are no hard links: the name is taken by an empty file, which the rename replaces. */
function renameToFree(path: string, label: string, from: string, mode: number): string {
  const target = firstFree(path, label, undefined, (name) => closeSync(openSync(name, 'wx', mode)))
  try {
    renameSync(from, target)
  } catch (error) {
    // Empty is what we made; anything else is a rename that succeeded and was reported as failed.
    if (statSync(target, { throwIfNoEntry: false })?.size === 0) unlinkSync(target)
    throw error
  }
  return target
}

function firstFree(
  path: string,
  label: string,
  first: number | undefined,
  take: (name: string) => void,
): string {
  let sequence = first ?? nextIn(path, label)
  for (let i = 0; ; i++) {
    if (!isSequence(sequence)) throw new Error(`there are no more names for ${label}`)
    const target = doneName(path, label, sequence)
    try {
      // Compressed, it is taken as well.
      if (COMPRESSED_EXTENSIONS.some((extension) => existsSync(target + extension))) throw taken(target)
      take(target)
      return target
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || i >= TRIES) throw error
      // Others are far ahead of what this process remembers.
      sequence = i === FAR ? Math.max(nextIn(path, label), sequence + 1) : sequence + 1
    }
  }
}

function nextIn(path: string, label: string): number {
  return nextSequence(path, label, readdirSync(dirname(path)))
}

function taken(target: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EEXIST: ${target} is there, compressed`), { code: 'EEXIST' })
}
