import type { Stats } from 'node:fs'
import type { Track } from './drain.ts'
import { type Inode, sameInode } from './identity.ts'
import type { Batch } from './lines.ts'

export interface RecentOptions {
  readonly settleMs: number
  readonly drain: (track: Track) => AsyncGenerator<Batch, void, void>
  /** A fresh stat; undefined, with the track's failure, if there is none. */
  readonly statOpen: (track: Track) => Promise<Stats | undefined>
  /** Gives up a file; `isOver` if it is done with and not read on under another name. */
  readonly leave: (track: Track, isOver: boolean) => Promise<void>
  readonly isClosed: () => boolean
  /** Monotonic, ms. */
  readonly now: () => number
}

/** Files that were rotated a moment ago, of which a late flush of another process may still come. */
export interface RecentFiles {
  add(track: Track): void
  /** Late lines; leaves what has stood still. */
  look(): AsyncGenerator<Batch, void, void>
  /** Leaves the oldest where there are too many. */
  trim(): AsyncGenerator<Batch, void, void>
  /** Leaves a file that was away for a moment and is opened again. */
  forget(inode: Inode): Promise<void>
}

interface Recent {
  readonly track: Track
  state: string
  since: number
}

// Each is an open file and a place in the checkpoint. A late flush comes within milliseconds of the rotation, and
// nobody rotates so often; but a directory that was restored or copied is full of files that look young.
const MAX_OPEN = 256

export function createRecentFiles(options: RecentOptions): RecentFiles {
  const { drain, leave, isClosed, now } = options
  const recent = new Set<Recent>()

  async function leaveOne(one: Recent): Promise<void> {
    recent.delete(one)
    await leave(one.track, true)
  }

  async function* trim(): AsyncGenerator<Batch, void, void> {
    for (const one of recent) {
      if (recent.size <= MAX_OPEN || isClosed()) return
      yield* drain(one.track)
      await leaveOne(one)
    }
  }

  return {
    add(track) {
      recent.add({ track, state: '', since: now() })
    },
    async *look() {
      for (const one of recent) {
        const stats = await options.statOpen(one.track)
        const state = `${stats?.size} ${stats?.ctimeMs}`
        const changed = state !== one.state
        if (changed) {
          one.state = state
          one.since = now()
          yield* drain(one.track)
        }
        const isStill = !changed && now() - one.since >= options.settleMs
        if (one.track.failure !== undefined || isStill) await leaveOne(one)
        if (isClosed()) return
      }
      yield* trim()
    },
    trim,
    async forget(inode) {
      for (const one of recent) {
        if (!sameInode(one.track.seen, inode)) continue
        recent.delete(one)
        await leave(one.track, false)
      }
    },
  }
}
