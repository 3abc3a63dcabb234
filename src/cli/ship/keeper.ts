import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { constants, promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readCheckpoint, removeLeftovers, writeCheckpoint } from '../../segments/read/checkpoint.ts'
import { type Place, placeAt, sameInode } from '../../segments/read/identity.ts'
import { inodeOf, listSegments } from '../../segments/read/listing.ts'
import type { Reader } from '../../segments/read/reader.ts'
import type { ReaderOptions } from '../../segments/read/reader-options.ts'
import { openSource, type Source } from '../../segments/read/source.ts'
import { usageError } from './usage.ts'

/** Keeps how far a log was shipped. */
export interface Keeper {
  /** What the log's reader is to be made with. Never rejects. */
  begin(): Promise<Pick<ReaderOptions, 'checkpoint' | 'from'>>
  /** Notes a place that the reader gave. Never rejects. */
  commit(reader: Reader, place: Place): Promise<void>
  /** To be called now and then when there is nothing to read. Never rejects. */
  rest(): Promise<void>
}

export interface KeeperPlace {
  /** The live file, absolute. */
  readonly path: string
  /** The checkpoint's name. */
  readonly name: string
  /** The directory that checkpoints lie in. @default beside the log, where retention minds them */
  readonly state: string | undefined
}

export interface KeeperOptions extends KeeperPlace {
  readonly onProblem: (message: string) => void
  /** Monotonic, ms. @default performance.now */
  readonly now?: (() => number) | undefined
}

/** The file that a checkpoint is kept beside: the log, or in another directory one of a name of its own. */
export function keptAt(path: string, state: string | undefined): string {
  if (state === undefined) return path
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 12)
  return join(state, `${hash}-${basename(path).slice(0, 100)}`)
}

/**
 * Beside the log the reader itself keeps its checkpoint. In a directory of its own there is one place alone: the
 * last one that was committed; for 10 s after a rotation one in the file before, since a late flush of another process
 * may still come into that (and what is behind it is given a second time if this process dies meanwhile).
 */
export function createKeeper(options: KeeperOptions): Keeper {
  const { path, name, state, onProblem } = options
  const now = options.now ?? (() => performance.now())
  const kept = keptAt(path, state)
  let last: Place | undefined
  let unsaved: Place | undefined
  let moved = Number.NEGATIVE_INFINITY

  async function begin(): Promise<Pick<ReaderOptions, 'checkpoint' | 'from'>> {
    if (state === undefined) return { checkpoint: name }
    const { places, reason } = await readCheckpoint(kept, name)
    await removeLeftovers(kept, name)
    if (places === undefined && reason !== 'missing')
      onProblem(`the checkpoint of ${path} is ${reason}; it is shipped from its beginning.`)
    last = places?.at(-1)
    return last === undefined ? {} : { from: last }
  }

  async function save(place: Place): Promise<boolean> {
    try {
      await writeCheckpoint(kept, name, [place], false)
      return true
    } catch (error) {
      const message = `can't write the checkpoint of ${path}: ${(error as Error).message}. It is tried again; what is shipped meanwhile may be shipped a second time after a restart.`
      onProblem(message)
      return false
    }
  }

  async function commit(reader: Reader, place: Place): Promise<void> {
    if (state === undefined) return void (await reader.commit(place))
    if (last !== undefined && !sameInode(last.file, place.file)) moved = now()
    last = place
    unsaved = place
    await rest()
  }

  async function rest(): Promise<void> {
    if (unsaved === undefined || now() - moved < SETTLE_MS) return
    const place = unsaved
    unsaved = undefined
    if (!(await save(place))) unsaved ??= place
  }

  return { begin, commit, rest }
}

/**
 * Lets a log that was never shipped begin behind the last line that there is now, also for later starts.
 *
 * @throws an errno error where that can't be noted
 */
export async function beginAtEnd({ path, name, state }: KeeperPlace): Promise<void> {
  const kept = keptAt(path, state)
  if ((await readCheckpoint(kept, name)).reason !== 'missing') return
  const end = await endOf(path)
  if (end !== undefined) await writeCheckpoint(kept, name, [end], false)
}

const SETTLE_MS = 10_000
const NEWLINE = 10
const PIECE = 64 * 1024

/** Behind the last line that there is; undefined where nothing is there that could be named. */
async function endOf(path: string): Promise<Place | undefined> {
  const segment = (await listSegments(path)).findLast(({ compression }) => compression === undefined)
  if (segment === undefined) return undefined
  const source = await openSource(segment)
  try {
    return placeAt(inodeOf(source.stats), await source.head(), await lastLineEnd(source))
  } finally {
    await source.close()
  }
}

async function lastLineEnd(source: Source): Promise<number> {
  const piece = Buffer.alloc(PIECE)
  for (let end = source.stats.size; end > 0; ) {
    const start = Math.max(0, end - PIECE)
    const bytes = await source.read(piece.subarray(0, end - start), 0, start)
    const newline = bytes === 0 ? -1 : piece.lastIndexOf(NEWLINE, bytes - 1)
    if (newline !== -1) return start + newline + 1
    end = start
  }
  return 0
}

/**
 * Checks that it can be kept how far a log was shipped.
 *
 * @throws a usage error
 */
export async function checkKeeping(path: string, state: string | undefined): Promise<void> {
  const directory = state ?? dirname(path)
  try {
    if (state !== undefined) await fs.mkdir(state, { recursive: true, mode: 0o700 })
    await fs.access(directory, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // It may come; then the log is found in it.
    if (code === 'ENOENT' && state === undefined) return
    const advice =
      state === undefined
        ? 'It is kept there how far the log was shipped: let this process write there, or name another directory with --state.'
        : 'Name one with --state that this process may write to.'
    throw usageError(`can't write to ${directory}: ${message}. ${advice}`)
  }
}
