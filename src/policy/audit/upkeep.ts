import type { AuditUpkeep, UpkeepHost } from './audit-upkeep.ts'
import type { AuditSettings } from './settings.ts'

/** Compression and retention of an audit log, loaded when it was opened. */
export interface Upkeep {
  begin(): void
  rotated(): void
  end(): Promise<void>
}

export function createUpkeep(settings: AuditSettings, host: UpkeepHost): Upkeep {
  let loading: Promise<void> | undefined
  let loaded: AuditUpkeep | undefined
  let ended = false

  async function load(): Promise<void> {
    try {
      const { startUpkeep } = await import('./audit-upkeep.ts')
      if (!ended) loaded = startUpkeep(settings, host)
    } catch (error) {
      host.report(
        'maintenance',
        `can't look after ${settings.path}: ${(error as Error).message}. It is written and rotated, but nothing is compressed or deleted.`,
      )
      loading = undefined
    }
  }

  function begin(): void {
    loading ??= load()
  }

  return {
    begin,
    rotated() {
      if (loaded === undefined) begin()
      else loaded.rotated()
    },
    async end() {
      ended = true
      await loading
      await loaded?.end()
    },
  }
}
