import { type Stats, statSync } from 'node:fs'

export interface LogState {
  /** The same as long as nothing was written to the live file and none took its place. */
  readonly text: string
  /** Epoch ms of its last write; undefined where it is not there. */
  readonly mtimeMs: number | undefined
}

/** What `text` is where there is no live file. */
export const NO_LOG = 'none'

/** How a live file stands. Never throws. */
export function stateOf(path: string): LogState {
  let stats: Stats | undefined
  try {
    stats = statSync(path, { throwIfNoEntry: false })
  } catch {
    // As if it were not there.
  }
  if (stats === undefined) return { text: NO_LOG, mtimeMs: undefined }
  return { text: `${stats.ino} ${stats.size} ${stats.mtimeMs}`, mtimeMs: stats.mtimeMs }
}
