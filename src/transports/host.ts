import { LEVELS, parseLevel } from '../config/levels.ts'
import { selfLog } from '../config/self-log.ts'
import type { Loss } from '../segments/batch.ts'
import type { TransportHost } from './transport.ts'

const WARN = LEVELS.warn
const NAMES = new Map<number, string>(Object.entries(LEVELS).map(([name, level]) => [level, name]))

/** The host of a transport that was given none: it tells stderr. */
export function stderrHost(name: string): TransportHost {
  return { report: (event) => selfLog(`${name}.${event.code}`, event.message) }
}

/** `3 debug, 1 info`: the lines of a loss by level, lowest first. */
export function lossByLevel(loss: Loss): string {
  return [...loss.byLevel]
    .sort(([a], [b]) => a - b)
    .map(([level, lines]) => `${lines} ${NAMES.get(level) ?? `level ${level}`}`)
    .join(', ')
}

/** The record that tells, where the lost ones are missing, how many were lost, when and why. */
export function lossLine(host: TransportHost, name: string, loss: Loss, reason: string): string {
  const byLevel: Record<string, number> = {}
  for (const [level, lines] of loss.byLevel) byLevel[NAMES.get(level) ?? String(level)] = lines
  const fields = {
    component: 'spoor',
    transport: name,
    dropped: loss.dropped,
    dropped_by_level: byLevel,
    since: new Date(loss.since).toISOString(),
    reason,
  }
  const msg = 'log records were lost'
  if (host.line !== undefined) return host.line(WARN, msg, fields)
  return `${JSON.stringify({ time: new Date().toISOString(), level: 'warn', msg, ...fields })}\n`
}

/** The lowest level number that a transport takes, from the level's name. */
export function levelNumber(level: string | undefined): number {
  if (level === undefined) return 0
  const name = parseLevel(level)
  return name === undefined || name === 'silent' ? Number.POSITIVE_INFINITY : LEVELS[name]
}
