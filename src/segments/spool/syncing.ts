import { close, closeSync, fdatasync, fdatasyncSync } from 'node:fs'
import { isExiting } from '../../config/exit.ts'
import { after, clearTimeout, outsideScopes } from '../timers.ts'
import { syncDirectory as syncLater } from '../upkeep/remove.ts'
import { syncDirectory as syncNow } from '../write/open.ts'

/** When what was appended is made to survive a crash of the machine (fdatasync). */
export type SpoolFsync = 'never' | 'interval' | 'always'

export interface SyncingOptions {
  readonly fsync: SpoolFsync
  /** Ms after an append until it is synced, for 'interval'. */
  readonly fsyncMs: number
  readonly onFailure: (error: Error) => void
}

/** Makes files durable as they were asked to be, and closes them. */
export interface Syncing {
  /** Tells it of the file that is written from now on, and of paths that came to be with it. */
  began(fd: number, made: readonly string[]): void
  /** Tells it that the file was written to. */
  wrote(): void
  /** The file is written no more: closes it, durable first if that was asked for. */
  leave(): void
  /** Makes all durable now; false if that failed. Does it whatever was asked for. */
  sync(): boolean
  /** The same as was asked for, and no timer is left. */
  end(): void
}

/** Never throws. */
export function createSyncing({ fsync, fsyncMs, onFailure }: SyncingOptions): Syncing {
  let fd = -1
  let dirty = false
  // Paths whose names are new: directories, and small files that are written once.
  let made: string[] = []
  // Files that were left before they were synced; only `syncAll` closes them, since it may be syncing them.
  let left = new Set<number>()
  let busy = false
  let timer: NodeJS.Timeout | undefined

  function arm(): void {
    if (timer === undefined && !isExiting()) timer = after(fsyncMs, start).unref()
  }

  function start(): void {
    timer = undefined
    if (!busy) outsideScopes(() => void syncAll())
  }

  /** Without waiting. */
  async function syncAll(): Promise<void> {
    busy = true
    const gone = left
    left = new Set()
    const paths = made
    made = []
    const files = dirty ? [...gone, fd] : [...gone]
    dirty = false
    for (const file of files) tell(await synced(file))
    for (const file of gone) close(file, () => {})
    for (const path of paths) await syncLater(path)
    busy = false
    if (left.size > 0) void syncAll()
  }

  function tell(error: Error | null): void {
    if (error !== null) onFailure(error)
  }

  function sync(): boolean {
    let error: Error | null = null
    for (const file of dirty ? [...left, fd] : left) {
      try {
        fdatasyncSync(file)
      } catch (failure) {
        error = failure as Error
      }
    }
    dirty = false
    for (const path of made) syncNow(path)
    made = []
    tell(error)
    return error === null
  }

  return {
    began(opened, paths) {
      fd = opened
      if (fsync !== 'never') made.push(...paths)
    },
    wrote() {
      dirty = true
      if (fsync === 'always' || (fsync === 'interval' && isExiting())) sync()
      else if (fsync === 'interval') arm()
    },
    leave() {
      const old = fd
      fd = -1
      const late = fsync === 'interval' && (dirty || busy)
      dirty = false
      if (late) {
        left.add(old)
        arm()
        return
      }
      try {
        closeSync(old)
      } catch {
        // What was written is written; a close that fails leaves nothing to do.
      }
    },
    sync,
    end() {
      if (fsync !== 'never') sync()
      clearTimeout(timer)
      timer = undefined
      if (left.size > 0 && !busy) outsideScopes(() => void syncAll())
    },
  }
}

function synced(fd: number): Promise<Error | null> {
  return new Promise((resolve) => fdatasync(fd, resolve))
}
