import { LEVELS, parseLevel } from '../config/levels.ts'
import { LOSS_MESSAGE } from '../config/loss.ts'
import { safeJson } from '../config/safe-json.ts'
import { selfLog } from '../config/self-log.ts'
import type { Loss } from '../segments/batch.ts'
import type { TransportHost } from './transport.ts'

const WARN = LEVELS.warn
// At 0 a batch counts the record of which only the first half was read; its level is not known any more.
const NAMES = new Map<number, string>([
  [0, 'cut in half'],
  ...Object.entries(LEVELS).map(([name, level]): [number, string] => [level, name]),
])

/** The host of a transport that was given none: it tells stderr. */
export function stderrHost(name: string): TransportHost {
  return { report: (event) => selfLog(`${name}.${event.code}`, event.message) }
}

/** The same host, kept to its promise: it is called from timers, where what it throws would end the process. */
export function guardedHost(host: TransportHost, name: string): TransportHost {
  const { line, tell } = host
  return {
    names: host.names,
    identity: host.identity,
    instrumented: host.instrumented,
    tell(level, msg, fields) {
      try {
        tell?.call(host, level, msg, fields)
      } catch {
        // stderr was told the same.
      }
    },
    report(event) {
      try {
        host.report(event)
      } catch {
        selfLog(`${name}.${event.code}`, event.message)
      }
    },
    line(level, msg, fields) {
      try {
        if (line !== undefined) return line.call(host, level, msg, fields)
      } catch {
        // The plain line says the same.
      }
      return plainLine(msg, fields)
    },
  }
}

function plainLine(msg: string, fields: Readonly<Record<string, unknown>>): string {
  return `${safeJson(JSON.stringify({ time: new Date().toISOString(), level: 'warn', msg, ...fields }))}\n`
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
  const msg = LOSS_MESSAGE
  return host.line === undefined ? plainLine(msg, fields) : host.line(WARN, msg, fields)
}

/** The lowest level number that a transport takes, from the level's name. */
export function levelNumber(level: string | undefined): number {
  if (level === undefined) return 0
  const name = parseLevel(level)
  return name === undefined || name === 'silent' ? Number.POSITIVE_INFINITY : LEVELS[name]
}
