import { LEVELS, type LevelName, parseLevel } from '../config/levels.ts'
import { LOSS_MESSAGE } from '../config/loss.ts'
import type { KeyNames } from '../segments/spool/about.ts'
import type { ParsedLine } from '../segments/spool/line.ts'
import { placeBehind } from '../segments/spool/place.ts'
import type { SpoolSource } from '../segments/spool/source-options.ts'
import type { Shipped } from './shipped.ts'
import type { Source } from './source.ts'

/** A spool as what a shipper reads. */
export function spoolSource(spool: SpoolSource): Source {
  return {
    name: spool.name,
    read: spool.read,
    wait: spool.wait,
    async commit({ id, bytes }: Shipped) {
      const place = placeBehind(id, bytes)
      if (place !== undefined) await spool.commit(place)
    },
    get ended() {
      return spool.ended
    },
    get backlog() {
      return spool.backlog
    },
    close: spool.close,
  }
}

type Fields = Record<string, unknown>

/**
 * Makes what reads the lines of a spool: its keys are called as in the default schema then, its level is a level's
 * name. The values of other keys stay in the form that the schema gave them.
 *
 * @param names the default schema's key of each key that is written under another name
 * @param now epoch ms, for lines without a time
 */
export function lineParser(names: KeyNames, now: () => number): (line: string) => ParsedLine | undefined {
  const renamed = new Map(Object.entries(names))
  return (line) => {
    const fields = fieldsOf(line)
    if (fields === undefined) return undefined
    const record = renamed.size === 0 ? fields : withDefaultNames(fields, renamed)
    record.level = levelName(record.level)
    const timeMs = timeOf(record.time) ?? now()
    const lost = record.component === 'spoor' ? lossIn(record) : undefined
    return lost === undefined ? { record, timeMs } : { record, timeMs, lost }
  }
}

/** What a record of ours tells of a loss. */
function lossIn({ msg, dropped_by_level: byLevel }: Fields): Readonly<Record<string, number>> | undefined {
  if (msg !== LOSS_MESSAGE || typeof byLevel !== 'object' || byLevel === null) return undefined
  return Object.fromEntries(Object.entries(byLevel).filter(([, lines]) => typeof lines === 'number'))
}

function fieldsOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined
  } catch {
    return undefined
  }
}

/** A call's own field that has a name that a record's own key has again now steps aside, as docs/record.md has it. */
function withDefaultNames(fields: Fields, renamed: ReadonlyMap<string, string>): Fields {
  // Without a prototype, so that `__proto__` is a key like any other.
  const record: Fields = Object.create(null)
  const taken = new Set(Object.keys(fields).map((key) => renamed.get(key)))
  for (const [key, value] of Object.entries(fields)) {
    let name = renamed.get(key) ?? key
    if (name === key) while (taken.has(name) || (name !== key && name in fields)) name = `_${name}`
    record[name] = value
  }
  return record
}

const LEVEL_NAMES = Object.entries(LEVELS).reverse() as [LevelName, number][]
/** What Google Cloud and Datadog call levels that have other names here, beside those that `parseLevel` knows. */
const OTHER_LEVELS: Readonly<Record<string, LevelName>> = {
  notice: 'info',
  default: 'info',
  alert: 'fatal',
  emergency: 'fatal',
}

/** A number between two levels is the lower one's; a name of the user's own stays, in lower case. */
function levelName(level: unknown): string {
  if (typeof level === 'number') return LEVEL_NAMES.find(([, number]) => level >= number)?.[0] ?? 'trace'
  if (typeof level !== 'string') return 'info'
  const name = level.toLowerCase()
  const known = parseLevel(name)
  if (known !== undefined && known !== 'silent') return known
  return Object.hasOwn(OTHER_LEVELS, name) ? (OTHER_LEVELS[name] as LevelName) : name
}

/** Epoch ms; numbers are pino's times. */
function timeOf(time: unknown): number | undefined {
  const ms = typeof time === 'number' ? time : typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}
