import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRegular } from '../read/regular.ts'
import { ABOUT, FILE_MODE } from './layout.ts'

/** The default schema's key of each key that is written under another name. */
export type KeyNames = Readonly<Record<string, string>>

const VERSION = 1
/** 1 MiB: a spool's small files have under 10 KB. */
const MOST_BYTES = 1024 * 1024

/** Notes what the keys of the records are called, so that who adopts a spool can read them. @throws an errno error */
export function writeAbout(subdirectory: string, names: KeyNames): void {
  writeFileSync(join(subdirectory, ABOUT), `${JSON.stringify({ v: VERSION, names })}\n`, { mode: FILE_MODE })
}

/** The names, or why they can't be known. Never throws. */
export async function readAbout(subdirectory: string): Promise<KeyNames | string> {
  const text = await readSmallFile(join(subdirectory, ABOUT))
  if (text instanceof Error) return text.code === 'ENOENT' ? 'missing' : text.message
  try {
    const content = JSON.parse(text) as { v?: unknown; names?: unknown } | null
    if (content?.v !== VERSION)
      return content?.v === undefined ? 'torn' : `of version ${content.v}, not ${VERSION}`
    return isNames(content.names) ? content.names : 'torn'
  } catch {
    return 'torn'
  }
}

function isNames(value: unknown): value is KeyNames {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((name) => typeof name === 'string')
  )
}

/** What a small file holds, or why it can't be read; what is no regular file never is. Never throws. */
export async function readSmallFile(file: string): Promise<string | NodeJS.ErrnoException> {
  try {
    const { handle, stats } = await openRegular(file, false)
    try {
      if (stats.size > MOST_BYTES) return new Error('larger than 1 MiB')
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** The same without a promise, for the thread that logs: it never waits, as a FIFO would have it do. */
export function readSmallFileNow(file: string): string | undefined {
  let fd = -1
  try {
    fd = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const stats = fstatSync(fd)
    return stats.isFile() && stats.size <= MOST_BYTES ? readFileSync(fd, 'utf8') : undefined
  } catch {
    return undefined
  } finally {
    if (fd !== -1) closeSync(fd)
  }
}
