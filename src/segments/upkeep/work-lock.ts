import { promises as fs } from 'node:fs'
import { after, clearTimeout } from '../timers.ts'
import { codeOf, removeFile } from './remove.ts'

/** A lock for work that takes long. It saves doing the work twice; twice at once must be safe without it. */
export interface WorkLock {
  /**
   * Takes it, without waiting. It is broken when its holder has given no sign for `staleMs` that this process has
   * seen go by, so that takes a second try.
   *
   * @returns a function that gives it back and never rejects; undefined if somebody else holds it
   * @throws an errno error where the directory takes no files
   */
  take(): Promise<(() => Promise<void>) | undefined>
  /** Whether somebody holds it, or has died with it. */
  isTaken(): Promise<boolean>
}

type FileHandle = Awaited<ReturnType<typeof fs.open>>

const BEATS = 3

export function createWorkLock(path: string, staleMs: number, monotonic: () => number): WorkLock {
  let seen: { ino: number; mtimeMs: number; since: number } | undefined

  async function make(): Promise<FileHandle | undefined> {
    try {
      return await fs.open(path, 'wx', 0o640)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return undefined
      throw error
    }
  }

  async function removeStale(): Promise<boolean> {
    try {
      const found = await fs.lstat(path)
      if (seen?.ino !== found.ino || seen.mtimeMs !== found.mtimeMs) {
        seen = { ino: found.ino, mtimeMs: found.mtimeMs, since: monotonic() }
        return false
      }
      return monotonic() - seen.since >= staleMs && (await removeFile(path, found, path)) !== 'changed'
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return true
      throw error
    }
  }

  function hold(handle: FileHandle): () => Promise<void> {
    let timer: NodeJS.Timeout
    const beat = (): void => {
      timer = after(staleMs / BEATS, () => {
        const now = Date.now() / 1000
        handle.utimes(now, now).catch(() => {})
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
      const handle = (await make()) ?? ((await removeStale()) ? await make() : undefined)
      if (handle === undefined) return undefined
      seen = undefined
      return hold(handle)
    },
    isTaken: () =>
      fs.lstat(path).then(
        () => true,
        () => false,
      ),
  }
}
