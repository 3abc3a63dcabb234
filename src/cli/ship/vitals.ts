import { durationText } from '../../shipping/words.ts'
import type { Status } from './run.ts'

/** What /health says. */
export interface Health {
  readonly status: 'starting' | 'healthy' | 'failing' | 'held' | 'off'
  /** Whether whoever watches over this process should leave it alone. */
  readonly ok: boolean
  readonly reason?: string | undefined
}

/** Whether the destination takes records, and since when not. */
export interface Vitals {
  /** To be called every second or so, and before it is answered. */
  look(): Health
}

/**
 * @param status how it is now
 * @param unhealthyAfterMs how long records must have been refused to be not ok
 * @param now monotonic, ms
 */
export function createVitals(
  status: () => Status,
  unhealthyAfterMs: number,
  now: () => number = () => performance.now(),
): Vitals {
  let since: number | undefined
  return {
    look() {
      const { stats } = status()
      if (stats === undefined || stats.state === 'healthy') {
        since = undefined
        const status = stats === undefined || stats.requests === 0 ? 'starting' : 'healthy'
        return { status, ok: true }
      }
      since ??= now()
      const lasted = now() - since
      const reason = `no records were taken for ${durationText(lasted)}: ${stats.lastError}`
      return { status: stats.state, ok: lasted < unhealthyAfterMs, reason }
    },
  }
}
