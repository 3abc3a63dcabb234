import type { RetentionLevel } from '../config/retention.ts'
import { type OnDemand, onDemand } from '../segments/upkeep/on-demand.ts'
import type { FileSettings } from './file-options.ts'
import type { TransportEvent } from './transport.ts'

/** Compression and retention of a file transport, loaded when the file was opened. */
export interface Upkeep extends Pick<OnDemand<unknown>, 'begin' | 'rotated' | 'end'> {
  counts(): { compressed: number; deleted: number; deletedUnread: number }
}

const NOTHING = { compressed: 0, deleted: 0, deletedUnread: 0 }

/** @param levels whose records are in the file; undefined for all */
export function createUpkeep(
  settings: FileSettings,
  levels: readonly RetentionLevel[] | undefined,
  report: (event: TransportEvent) => void,
): Upkeep {
  const upkeep = onDemand(
    settings.path,
    async () => {
      const { createMaintenance } = await import('../segments/upkeep/maintenance.ts')
      return () => {
        const format = settings.compressFormat
        const { settleMs } = settings
        const maintenance = createMaintenance({ ...settings, format, settleMs, levels, report })
        maintenance.start()
        return maintenance
      }
    },
    (message) => report({ code: 'maintenance', message }),
  )
  return {
    begin: upkeep.begin,
    rotated: upkeep.rotated,
    end: upkeep.end,
    counts() {
      if (upkeep.loaded === undefined) return NOTHING
      const { compressed, deleted, unreadLines } = upkeep.loaded.stats()
      const count = Object.values(deleted).reduce((sum, each) => sum + each, 0)
      return { compressed, deleted: count, deletedUnread: unreadLines }
    },
  }
}
