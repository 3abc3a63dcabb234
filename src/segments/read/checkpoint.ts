import { Buffer } from 'node:buffer'
import { open, readdir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { builtin } from '../../config/builtin.ts'
import { makeDurable, openNew } from '../durable.ts'
import { hiddenName, isTemporaryName, parseDoneName, temporaryName } from '../names.ts'
import type { Unread, UnreadBy } from '../upkeep/unread.ts'
import { type Place, parsePlace } from './identity.ts'
import { listSegments } from './listing.ts'
import { openRegular } from './regular.ts'
import { resume } from './resume.ts'

const VERSION = 1
const MODE = 0o640
/** 1 MiB: a place takes about 200 bytes, and there is one for each of a few hundred files at most. */
const MAX_BYTES = 1024 * 1024
const NAME = /^[A-Za-z0-9_-]{1,64}$/
const SUFFIX = '.checkpoint'

/** Whether a reader may be called that: letters, digits, '_' and '-', at most 64. */
export function isCheckpointName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

/** Where the reader `name` keeps how far it has come: `logs/app.log` and `http` give `logs/.app.log.http.checkpoint`. */
export function checkpointPath(path: string, name: string): string {
  return hiddenName(path, `${name}${SUFFIX}`)
}

/** What a checkpoint's file says. */
export interface Checkpoint {
  /** The reader's name. */
  readonly name: string
  /**
   * How far it has come: everything before the last place is done with, but for what is behind the other places
   * in files that were rotated a moment before. Undefined if the file is missing or can't be used.
   */
  readonly places: readonly Place[] | undefined
  /**
   * Why it can't be used: 'torn', 'of version 2, not 1', 'larger than 1 MiB', 'no regular file', 'missing', or
   * what the file system said.
   */
  readonly reason: string | undefined
}

/** Reads a checkpoint. Never throws. */
export async function readCheckpoint(path: string, name: string): Promise<Checkpoint> {
  try {
    const text = await readText(checkpointPath(path, name))
    const places = text === undefined ? 'larger than 1 MiB' : parse(text)
    return typeof places === 'string'
      ? { name, places: undefined, reason: places }
      : { name, places, reason: undefined }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { name, places: undefined, reason: code === 'ENOENT' ? 'missing' : message }
  }
}

/** What a checkpoint's file holds; undefined if that is more than one of ours ever does. */
async function readText(file: string): Promise<string | undefined> {
  const { handle, stats } = await openRegular(file, false)
  try {
    if (stats.size > MAX_BYTES) return undefined
    const bytes = Buffer.alloc(stats.size)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.toString('utf8', 0, length)
  } finally {
    await handle.close()
  }
}

/**
 * All checkpoints beside the log at `path`.
 *
 * @throws an errno error if the directory can't be read; none if there is no directory
 */
export async function readCheckpoints(path: string): Promise<Checkpoint[]> {
  const prefix = basename(hiddenName(path, ''))
  const names = (await namesBeside(path))
    .filter((name) => name.startsWith(prefix) && name.endsWith(SUFFIX))
    .map((name) => name.slice(prefix.length, -SUFFIX.length))
    .filter(isCheckpointName)
  return Promise.all(names.sort().map((name) => readCheckpoint(path, name)))
}

async function namesBeside(path: string): Promise<string[]> {
  try {
    return await readdir(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The places, or why there are none. */
function parse(text: string): readonly Place[] | string {
  let content: { version?: unknown; places?: unknown; crc?: unknown }
  try {
    content = JSON.parse(text)
  } catch {
    return 'torn'
  }
  if (typeof content !== 'object' || content === null) return 'torn'
  if (content.version !== VERSION)
    return content.version === undefined ? 'torn' : `of version ${content.version}, not ${VERSION}`
  if (content.crc !== crcOf(content.places) || !Array.isArray(content.places)) return 'torn'
  const places = content.places.map(parsePlace)
  if (places.length === 0 || places.includes(undefined)) return 'torn'
  return places as Place[]
}

function crcOf(places: unknown): number {
  return builtin('node:zlib').crc32(JSON.stringify(places) ?? '')
}

/**
 * Replaces a checkpoint as a whole: written beside, synced, renamed. The directory is synced if it shall be
 * `durable`; else a power cut may bring the older one back, which costs duplicates and no records.
 *
 * @throws an errno error, with the old one left as it was
 */
export async function writeCheckpoint(
  path: string,
  name: string,
  places: readonly Place[],
  durable: boolean,
): Promise<void> {
  const target = checkpointPath(path, name)
  const temporary = temporaryName(target)
  try {
    const handle = await openNew(temporary, MODE)
    try {
      await handle.writeFile(`${JSON.stringify({ version: VERSION, crc: crcOf(places), places })}\n`)
      await makeDurable(handle)
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  if (durable) await syncDirectory(dirname(target))
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes what a crash in the middle of `writeCheckpoint` left. Never throws. */
export async function removeLeftovers(path: string, name: string): Promise<void> {
  const target = checkpointPath(path, name)
  const names = await namesBeside(path).catch(() => [])
  const left = names.filter((one) => isTemporaryName(target, one))
  await Promise.all(left.map((one) => unlink(join(dirname(target), one)).catch(() => {})))
}

/**
 * Makes the question which readers still need which of a log's files, for who deletes them. It takes paths and
 * answers with the checkpoints whose readers have not read all of a file, and from where on. A file and its
 * compressed copy are one. A reader whose checkpoint can't be used will begin at the oldest, so it needs them all;
 * so does every reader a file that has come since the directory was read.
 *
 * The answer rejects with an errno error if the directory can't be read.
 */
export function unreadBy(path: string): UnreadBy {
  return async (paths) => {
    const checkpoints = await readCheckpoints(path)
    const segments = checkpoints.length === 0 ? [] : await listSegments(path)
    const known = new Map<string, Unread[]>(segments.map((segment) => [idOf(path, segment.name), []]))
    for (const { name, places } of checkpoints) {
      const { steps } = await resume(places ?? [], segments)
      for (const { segment, start } of steps) {
        const whole = segment.compression === undefined && start > 0 && start >= segment.size
        if (!whole) known.get(idOf(path, segment.name))?.push({ reader: name, offset: start })
      }
    }
    const all = checkpoints.map(({ name }) => ({ reader: name, offset: 0 }))
    const unread = paths.map((one) => [one, known.get(idOf(path, basename(one))) ?? all] as const)
    return new Map(unread.filter(([, readers]) => readers.length > 0))
  }
}

function idOf(path: string, name: string): string {
  const done = parseDoneName(path, name)
  return done === undefined ? name : `${done.label}.${done.sequence}`
}
