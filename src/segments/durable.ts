import { constants, promises as fs } from 'node:fs'

const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC } = constants

/** The flag of open(2) with which every write is durable by itself, where a sync may be refused; else none. */
export function syncFlag(): number {
  return process.permission !== undefined && O_DSYNC !== undefined ? O_DSYNC : 0
}

/** Whether a sync failed as it may where `syncFlag` is one: what was written is durable all the same. */
export function isNeedless(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED' && O_DSYNC !== undefined
}

/**
 * Opens a new file for writing that `makeDurable` can make durable. Node's permission model refuses fsync, as it does
 * all that goes by a descriptor (Node 26); there every write is durable by itself.
 *
 * @throws an errno error; EEXIST if there is one of that name
 */
export function openNew(path: string, mode: number): Promise<fs.FileHandle> {
  return fs.open(path, O_WRONLY | O_CREAT | O_EXCL | syncFlag(), mode)
}

/** Brings what was written to a file of `openNew` to the disk. @throws an errno error if it is not there */
export async function makeDurable(handle: fs.FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if (!isNeedless(error)) throw error
  }
}
