import { constants, promises as fs } from 'node:fs'

const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC } = constants

/**
 * Opens a new file for writing that `makeDurable` can make durable. Node's permission model refuses fsync, as it does
 * all that goes by a descriptor (Node 26); there every write is durable by itself.
 *
 * @throws an errno error; EEXIST if there is one of that name
 */
export function openNew(path: string, mode: number): Promise<fs.FileHandle> {
  const restricted = process.permission !== undefined && O_DSYNC !== undefined
  return fs.open(path, O_WRONLY | O_CREAT | O_EXCL | (restricted ? O_DSYNC : 0), mode)
}

/** Brings what was written to a file of `openNew` to the disk. @throws an errno error if it is not there */
export async function makeDurable(handle: fs.FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED' || O_DSYNC === undefined) throw error
  }
}
