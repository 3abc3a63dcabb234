import { promises as fs, type Stats } from 'node:fs'
import { movingName, temporaryName } from '../names.ts'

/** What a file was when it was looked at; another inode, size or time of writing is another file. */
export interface Seen {
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
}

export function isSame(a: Seen, b: Seen): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs
}

function isSameFile(found: Stats, seen: Seen): boolean {
  return found.isFile() && isSame(found, seen)
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}

/**
 * Removes a file only if it is still what it was; what is no regular file never is. It is renamed first to a name that nobody else has, so that what
 * is looked at last is what is unlinked; what turns out to be another file gets its name back.
 *
 * @param live the live file of its family
 * @throws an errno error, with the file under its own name or a hidden one
 */
export async function removeFile(
  file: string,
  seen: Seen,
  live: string,
): Promise<'removed' | 'changed' | 'gone'> {
  const hidden = temporaryName(file)
  try {
    if (!isSameFile(await fs.lstat(file), seen)) return 'changed'
    if (!(await hide(file, hidden))) return 'removed'
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'gone'
    throw error
  }
  if (isSameFile(await fs.lstat(hidden), seen)) {
    await fs.unlink(hidden)
    return 'removed'
  }
  // A moving file is given a done name later.
  if (!(await moveToFree(hidden, file))) await fs.rename(hidden, movingName(live))
  return 'changed'
}

/** A directory may have to grow for another name; a disk that is full must still let go of a file. */
async function hide(file: string, hidden: string): Promise<boolean> {
  try {
    await fs.rename(file, hidden)
    return true
  } catch (error) {
    if (!isFull(error)) throw error
    await fs.unlink(file)
    return false
  }
}

/** Whether the disk, or what this user may have of it, is used up. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT'
}

/**
 * Moves a file to a name unless somebody else has that.
 *
 * @returns whether it was free
 * @throws an errno error, with the file still at `from`
 */
export async function moveToFree(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (codeOf(error) === 'ENOENT') throw error
    return renameToFree(from, to)
  }
  await fs.unlink(from)
  return true
}

/** Where there are no hard links: the name is taken by an empty file, which the rename replaces. */
async function renameToFree(from: string, to: string): Promise<boolean> {
  try {
    await (await fs.open(to, 'wx', 0o600)).close()
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  try {
    await fs.rename(from, to)
  } catch (error) {
    if ((await fs.lstat(to)).size === 0) await fs.unlink(to)
    throw error
  }
  return true
}

/** Makes names that were given in a directory durable, where the system can. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await fs.open(directory, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // Windows opens no directories, and some network mounts sync none.
  }
}
