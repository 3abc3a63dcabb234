import { LEVELS } from '../config/levels.ts'
import { visible } from '../config/visible.ts'
import type { Shipped } from './shipped.ts'

const KB = 1024
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** '1 record', '1,000 records'. */
export function recordsText(count: number): string {
  return count === 1 ? '1 record' : `${count.toLocaleString('en')} records`
}

/** '12 MB', in powers of 1024. */
export function sizeText(bytes: number): string {
  const [unit, name] =
    bytes >= KB ** 3
      ? [KB ** 3, 'GB']
      : bytes >= KB ** 2
        ? [KB ** 2, 'MB']
        : bytes >= KB
          ? [KB, 'KB']
          : [1, 'B']
  const value = bytes / unit
  return `${value < 10 && unit > 1 ? value.toFixed(1) : Math.round(value)} ${name}`
}

/** '3 min', to the nearest unit below. */
export function durationText(ms: number): string {
  const [unit, name] =
    ms >= 2 * DAY
      ? [DAY, 'd']
      : ms >= 2 * HOUR
        ? [HOUR, 'h']
        : ms >= 2 * MINUTE
          ? [MINUTE, 'min']
          : [SECOND, 's']
  return `${Math.round(ms / unit)} ${name}`
}

/** How many records there are of each level; what is no level of ours is 'other'. */
export function levelsOf(records: readonly Shipped[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { record } of records) {
    const level =
      typeof record.level === 'string' && Object.hasOwn(LEVELS, record.level) ? record.level : 'other'
    counts[level] = (counts[level] ?? 0) + 1
  }
  return counts
}

/** '3 error, 20 info', the highest level first. */
export function levelsText(counts: Readonly<Record<string, number>>): string {
  return [...Object.keys(LEVELS).reverse(), 'other']
    .filter((level) => counts[level] !== undefined)
    .map((level) => `${counts[level]} ${level}`)
    .join(', ')
}

/** Adds the counts of `more` to `counts`. */
export function addLevels(counts: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [level, count] of Object.entries(more)) counts[level] = (counts[level] ?? 0) + count
}

const SHOWN = 300

/** A reason as a message shows it: one line, short, nothing invisible in it. */
export function shownReason(reason: string): string {
  const line = visible(
    reason
      .slice(0, 4 * SHOWN)
      .replace(/\s+/g, ' ')
      .trim(),
  )
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line
}

/** What a caught value says. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  const message = error.message || error.name
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}
