import { promises as fs } from 'node:fs'
import { after, clearTimeout } from '../timers.ts'
import type { FileHandle } from './regular.ts'
import { codeOf, removeFile } from './remove.ts'

/** A lock for work that takes long. It saves doing the work twice; twice at once must be safe without it. */
export interface WorkLock {
  /**
   * Takes it, without waiting. It is broken when its holder has given no sign for `staleMs` that this process has
   * seen go by, so that takes a second try. What is in its place for good is told and passed by.
   *
   * @returns a function that gives it back and never rejects; undefined if somebody else holds it
   * @throws an errno error where the directory takes no files
   */
  take(): Promise<(() => Promise<void>) | undefined>
  /** Whether somebody holds it, or has died with it. */
  isTaken(): Promise<boolean>
}

export interface WorkLockOptions {
  readonly path: string
  readonly staleMs: number
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  /** Told once, until it could be taken again: something else has its name, or it can't be removed. */
  readonly onStuck: (message: string) => void
}

type Obstacle = 'gone' | 'held' | 'stuck'

const BEATS = 3

export function createWorkLock({ path, staleMs, monotonic, onStuck }: WorkLockOptions): WorkLock {
  let seen: { ino: number; mtimeMs: number; since: number } | undefined
  let stuck = false

  async function make(): Promise<FileHandle | undefined> {
    try {
      return await fs.open(path, 'wx', 0o640)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return undefined
      throw error
    }
  }

  async function removeStale(): Promise<Obstacle> {
    try {
      const found = await fs.lstat(path)
      if (!found.isFile()) return tellStuck('it is no regular file')
      if (seen?.ino !== found.ino || seen.mtimeMs !== found.mtimeMs) {
        seen = { ino: found.ino, mtimeMs: found.mtimeMs, since: monotonic() }
        return 'held'
      }
      if (monotonic() - seen.since < staleMs) return 'held'
      return (await removeFile(path, found, path)) === 'changed' ? 'held' : 'gone'
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? 'gone' : tellStuck((error as Error).message)
    }
  }

  function tellStuck(why: string): Obstacle {
    if (!stuck) onStuck(`can't take or remove the lock ${path}: ${why}. The work is done without it.`)
    stuck = true
    return 'stuck'
  }

  function hold(handle: FileHandle): () => Promise<void> {
    let timer: NodeJS.Timeout
    const beat = (): void => {
      timer = after(staleMs / BEATS, () => {
        const now = Date.now() / 1000
        // Node's permission model may refuse to set times; a byte sets them as well.
        handle
          .utimes(now, now)
          .catch(() => handle.write('\n', 0))
          .catch(() => {})
        beat()
      })
      timer.unref()
    }
    beat()
    return async () => {
      clearTimeout(timer)
      try {
        // Somebody may have broken it while this process stood still; then it is theirs.
        if ((await fs.lstat(path)).ino === (await handle.stat()).ino) await fs.unlink(path)
      } catch {
        // The directory has gone, or lets nobody remove anything: the lock grows stale.
      }
      await handle.close().catch(() => {})
    }
  }

  return {
    async take() {
      let handle = await make()
      const obstacle = handle === undefined ? await removeStale() : 'gone'
      if (obstacle === 'stuck') return async () => {}
      if (obstacle === 'gone') handle ??= await make()
      if (handle === undefined) return undefined
      seen = undefined
      stuck = false
      return hold(handle)
    },
    isTaken: () =>
      fs.lstat(path).then(
        () => !stuck,
        () => false,
      ),
  }
}
