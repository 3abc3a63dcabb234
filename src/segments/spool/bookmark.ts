import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { openRegular } from '../read/regular.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { CHECKPOINT } from './layout.ts'
import { comparePlaces, type SpoolPlace } from './place.ts'
import type { SpoolProblem } from './problems.ts'
import type { Shelf } from './shelf.ts'
import type { SpoolFsync } from './syncing.ts'

export interface BookmarkOptions {
  readonly subdirectory: string
  readonly shelf: Shelf
  readonly fsync: SpoolFsync
  /** Ms that no setting of the clock changes. */
  readonly monotonic: () => number
  readonly onProblem: (problem: SpoolProblem) => void
}

/** How far a spool was delivered, on disk. */
export interface Bookmark {
  /** Where to begin: at the checkpoint, and at the oldest segment where there is none that can be right. */
  load(): Promise<SpoolPlace>
  /**
   * Notes how far it is now. Never rejects.
   *
   * @param durable whether it has to survive a crash of the machine before this resolves
   * @returns why it could not be noted
   */
  save(place: SpoolPlace, durable: boolean): Promise<Error | undefined>
}

const SYNC_MS = 1000
const NEWLINE = 10

export function createBookmark(options: BookmarkOptions): Bookmark {
  const { subdirectory, shelf, fsync, monotonic, onProblem } = options
  const file = join(subdirectory, CHECKPOINT)
  let saved: SpoolPlace | undefined
  let durablySaved = false
  let syncedAt = Number.NEGATIVE_INFINITY

  async function load(): Promise<SpoolPlace> {
    const oldest = { seq: shelf.from(0) ?? 1, offset: 0 }
    const found = await readCheckpoint(subdirectory)
    const why = typeof found === 'string' ? found : await whyWrong(found)
    if (why === undefined) {
      saved = found as SpoolPlace
      return saved
    }
    if (why !== 'missing') {
      const message = `the checkpoint ${file} can't be used (${why}). Records are delivered from the oldest that is there, some of them perhaps a second time.`
      onProblem({ code: 'checkpoint', file, message })
    }
    return oldest
  }

  /** A machine's crash may have taken what the checkpoint has passed. */
  async function whyWrong({ seq, offset }: SpoolPlace): Promise<string | undefined> {
    const { newest } = shelf
    if (newest !== undefined && seq > newest) return 'it is ahead of the segments'
    if (offset === 0 || shelf.from(seq) !== seq) return undefined
    return (await endsLine(shelf.pathOf(seq), offset)) ? undefined : 'it is not at the end of a line'
  }

  async function save(place: SpoolPlace, durable: boolean): Promise<Error | undefined> {
    const isSaved = saved !== undefined && comparePlaces(saved, place) === 0
    if (isSaved && (durablySaved || !durable)) return undefined
    const sync = durable || (fsync !== 'never' && monotonic() - syncedAt >= SYNC_MS)
    try {
      await writeCheckpoint(subdirectory, place, sync)
    } catch (error) {
      return error as Error
    }
    saved = place
    durablySaved = sync
    if (sync) syncedAt = monotonic()
    return undefined
  }

  return { load, save }
}

/** What can't be read is looked at again by whoever reads it. */
async function endsLine(file: string, offset: number): Promise<boolean> {
  let handle: FileHandle | undefined
  try {
    handle = (await openRegular(file, false)).handle
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, offset - 1)
    return bytesRead === 1 && buffer[0] === NEWLINE
  } catch {
    return true
  } finally {
    await handle?.close()
  }
}
