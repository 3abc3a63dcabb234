import { stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../upkeep/remove.ts'
import { ALIVE, FILE_MODE } from './layout.ts'

const MS = 1000

/** Gives the sign of life of who owns a spool. @param now epoch ms @throws an errno error */
export async function touchAlive(subdirectory: string, now: number): Promise<void> {
  const file = join(subdirectory, ALIVE)
  try {
    await utimes(file, now / MS, now / MS)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    await writeFile(file, '', { mode: FILE_MODE })
  }
}

/** When its owner gave the last sign, epoch ms; where that was removed, when anything in it was made or removed. */
export async function lastSign(subdirectory: string): Promise<number> {
  const found = await stat(join(subdirectory, ALIVE)).catch(() => undefined)
  return (found ?? (await stat(subdirectory))).mtimeMs
}
