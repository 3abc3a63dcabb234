import { constants, promises as fs } from 'node:fs'

export type FileHandle = Awaited<ReturnType<typeof fs.open>>

// What a link points to is somebody else's, and a FIFO would be waited for until somebody writes to it.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Opens a file for reading and never waits, whatever has its name.
 *
 * @throws an errno error; ELOOP for a symbolic link, 'irregular' for what else is no regular file
 */
export async function openRegular(file: string): Promise<FileHandle> {
  const handle = await fs.open(file, FLAGS)
  try {
    if ((await handle.stat()).isFile()) return handle
    throw Object.assign(new Error(`${file} is no regular file`), { code: 'irregular' })
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
}
