import { safeJson } from '../config/safe-json.ts'

/**
 * Makes the function that gives a line what pino's transports read: `level` as its number and `time` in epoch
 * ms. All else stays as it is. A field that has one of these two names where the schema has others steps aside
 * to `_level` or `_time`.
 *
 * @param names the names that keys leave with, and the default schema's key of each
 */
export function createPinoLine(
  names: ReadonlyMap<string, string> = new Map(),
): (line: string, level: number) => string {
  const timeKey = nameOf('time', names)
  const levelKey = nameOf('level', names)
  const head = headPattern(JSON.stringify(timeKey), JSON.stringify(levelKey))
  // Keys of a line are unique, so only where ours have other names may a field have these.
  const taken = [...(timeKey === 'time' ? [] : ['"time":']), ...(levelKey === 'level' ? [] : ['"level":'])]
  // Most records of a turn have the time of the one before.
  let lastTime = ''
  let lastMs = Number.NaN

  return (line, level) => {
    const match = head.exec(line)
    if (match === null) return reparsed(line, level, timeKey, levelKey)
    const time = (match[1] ?? match[2]) as string
    if (time !== lastTime) {
      lastTime = time
      // The pattern lets no escapes in.
      lastMs = time.startsWith('"') ? Date.parse(time.slice(1, -1)) : Number(time)
    }
    const rest = line.slice(match[0].length)
    if (Number.isNaN(lastMs) || taken.some((key) => rest.includes(key))) {
      return reparsed(line, level, timeKey, levelKey)
    }
    return `{"level":${level},"time":${lastMs}${rest}`
  }
}

function nameOf(key: string, names: ReadonlyMap<string, string>): string {
  for (const [name, each] of names) if (each === key) return name
  return key
}

/** Both orders: our own writer puts the time first, pino's the level. */
function headPattern(time: string, level: string): RegExp {
  const [t, l] = [time, level].map((key) => key.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const value = '"[^"\\\\]*"|\\d+'
  return new RegExp(`^\\{(?:${t}:(${value}),${l}:(?:${value})|${l}:(?:${value}),${t}:(${value}))(?=[,}])`)
}

function epochMs(time: unknown): number {
  if (typeof time === 'number') return time
  return typeof time === 'string' ? Date.parse(time) : Number.NaN
}

/** The same for a line that begins otherwise: a formatter of the user's, a time that is an object or left out. */
function reparsed(line: string, level: number, timeKey: string, levelKey: string): string {
  const record = parse(line)
  if (record === undefined) return line
  const { [timeKey]: time, [levelKey]: _level, ...fields } = record
  const ms = epochMs(time)
  const pairs = Object.entries(fields).map(([key, value]): [string, unknown] => [
    key === 'level' || key === 'time' ? freeName(key, fields) : key,
    value,
  ])
  const head = { level, time: Number.isNaN(ms) ? time : ms }
  return `${safeJson(JSON.stringify({ ...head, ...Object.fromEntries(pairs) }))}\n`
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return value as Record<string, unknown>
  } catch {
    return undefined
  }
}

function freeName(key: string, fields: Readonly<Record<string, unknown>>): string {
  let name = `_${key}`
  while (Object.hasOwn(fields, name)) name = `_${name}`
  return name
}
