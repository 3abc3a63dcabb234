import type { RetentionLevel } from '../config/retention.ts'
import type { Maintenance } from '../segments/upkeep/maintenance.ts'
import type { FileSettings } from './file-options.ts'
import type { TransportEvent } from './transport.ts'

/** Compression and retention of a file transport, loaded when the file was opened. */
export interface Upkeep {
  /** Loads it; again it does nothing, unless that failed. */
  begin(): void
  rotated(): void
  end(): Promise<void>
  counts(): { compressed: number; deleted: number; deletedUnread: number }
}

const NOTHING = { compressed: 0, deleted: 0, deletedUnread: 0 }

/** @param levels whose records are in the file; undefined for all */
export function createUpkeep(
  settings: FileSettings,
  levels: readonly RetentionLevel[] | undefined,
  report: (event: TransportEvent) => void,
): Upkeep {
  const { path } = settings
  let loading: Promise<void> | undefined
  let maintenance: Maintenance | undefined
  let ended = false

  async function load(): Promise<void> {
    try {
      const { createMaintenance } = await import('../segments/upkeep/maintenance.ts')
      if (ended) return
      maintenance = createMaintenance({
        ...settings,
        format: settings.compressFormat,
        settleMs: settings.settleMs,
        levels,
        report,
      })
      maintenance.start()
    } catch (error) {
      const message = `can't look after ${path}: ${(error as Error).message}. It is written and rotated, but nothing is compressed or deleted.`
      report({ code: 'maintenance', message })
      // Too many open files, say: the next file that is opened or rotated tries again.
      loading = undefined
    }
  }

  function begin(): void {
    loading ??= load()
  }

  return {
    begin,
    rotated() {
      if (maintenance === undefined) begin()
      else maintenance.rotated()
    },
    async end() {
      ended = true
      await loading
      await maintenance?.close()
    },
    counts() {
      if (maintenance === undefined) return NOTHING
      const { compressed, deleted, unreadLines } = maintenance.stats()
      const count = Object.values(deleted).reduce((sum, each) => sum + each, 0)
      return { compressed, deleted: count, deletedUnread: unreadLines }
    },
  }
}
