import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** What a name stands for is no file to read: a FIFO, a device, a directory, or a link that is not followed. */
export class RefusedError extends Error {}

/** A regular file that is open for reading. */
export interface Regular {
  readonly handle: FileHandle
  readonly stats: Stats
}

/**
 * Opens a regular file. It never waits, as opening a FIFO would until somebody writes to it. A symbolic link is
 * followed for the live file alone, which is named by the user, and on the writers' terms: it belongs to this
 * process's user or to root. All other names are found in the directory, where others may have put them.
 *
 * @throws an errno error, RefusedError
 */
export async function openRegular(file: string, isLive: boolean): Promise<Regular> {
  const link = await lstat(file)
  const refused = refusalOf(link, isLive)
  if (refused !== undefined) throw new RefusedError(refused)
  const handle = await open(file, O_RDONLY | O_NONBLOCK | (link.isSymbolicLink() ? 0 : O_NOFOLLOW))
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new RefusedError(NO_FILE)
    return { handle, stats }
  } catch (error) {
    await handle.close()
    throw error
  }
}

const NO_FILE = 'no regular file'

/** Why what a name stands for is not to be read; undefined if it is. */
export function refusalOf(link: Stats, isLive: boolean): string | undefined {
  if (!link.isSymbolicLink()) return link.isFile() ? undefined : NO_FILE
  if (!isLive) return 'a symbolic link, which is not followed'
  const uid = process.geteuid?.()
  if (uid === undefined || link.uid === uid || link.uid === 0) return undefined
  return `a symbolic link made by another user (uid ${link.uid}), which is not followed`
}
