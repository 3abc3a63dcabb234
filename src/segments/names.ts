import { basename, dirname, extname, join } from 'node:path'

/** How often a new file begins: at local or UTC midnight, at the full hour, on Monday, or by size alone. */
export type RotatePeriod = 'daily' | 'hourly' | 'weekly' | 'off'
export type RotateTimeZone = 'local' | 'utc'

const MS_PER_DAY = 24 * 60 * 60 * 1000

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n)
}

/**
 * What a period is called: its date (`2026-11-21`), for hours also the hour (`2026-11-21T14`), for weeks the
 * date of their Monday. With 'off' the date, since done files are named by it as well.
 *
 * @param ms epoch ms
 */
export function periodLabel(ms: number, rotate: RotatePeriod, timeZone: RotateTimeZone): string {
  let date = new Date(ms)
  if (timeZone === 'local') {
    // The wall clock's figures as if they were UTC, so that one reading serves both.
    date = new Date(
      Date.UTC(date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes()),
    )
  }
  if (rotate === 'weekly') {
    const sinceMonday = (date.getUTCDay() + 6) % 7
    date = new Date(date.getTime() - sinceMonday * MS_PER_DAY)
  }
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
  return rotate === 'hourly' ? `${day}T${two(date.getUTCHours())}` : day
}

/** The name of a done file: `logs/app.log` of a period and its number in it gives `logs/app-2026-11-21.001.log`. */
export function doneName(path: string, label: string, sequence: number): string {
  const extension = extname(path)
  const stem = basename(path, extension)
  return join(dirname(path), `${stem}-${label}.${String(sequence).padStart(3, '0')}${extension}`)
}

const LABEL = /^\d{4}-\d{2}-\d{2}(?:T\d{2})?$/
const SEQUENCE = /^(?:\d{3}|[1-9]\d{3,8})$/

/**
 * Reads the name of a done file of `path`, without its directory. Undefined for any name that `doneName` could
 * not have made.
 */
export function parseDoneName(path: string, name: string): { label: string; sequence: number } | undefined {
  const extension = extname(path)
  const prefix = `${basename(path, extension)}-`
  if (!name.startsWith(prefix) || !name.endsWith(extension)) return undefined
  const middle = name.slice(prefix.length, name.length - extension.length)
  const dot = middle.lastIndexOf('.')
  const label = middle.slice(0, dot)
  const digits = middle.slice(dot + 1)
  if (dot === -1 || !LABEL.test(label) || !SEQUENCE.test(digits) || Number(digits) === 0) return undefined
  return { label, sequence: Number(digits) }
}

/** The number after the highest one in use among `names` for this period; 1 if there is none. */
export function nextSequence(path: string, label: string, names: readonly string[]): number {
  let highest = 0
  for (const name of names) {
    const done = parseDoneName(path, name)
    if (done?.label === label && done.sequence > highest) highest = done.sequence
  }
  return highest + 1
}
