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

/** A live file's name may have so many bytes: file systems take 255, and what spoor's other names add is up to 50. */
export const LONGEST_NAME_BYTES = 200

/** The name of a done file: `logs/app.log` of a period and its number in it gives `logs/app-2026-11-21.001.log`. */
export function doneName(path: string, label: string, sequence: number): string {
  const extension = extname(path)
  const stem = basename(path, extension)
  return join(dirname(path), `${stem}-${label}.${String(sequence).padStart(3, '0')}${extension}`)
}

/** How a done file may be compressed; the extension that it then has behind its name. */
export type Compression = 'gzip' | 'zstd'
export const COMPRESSED: Readonly<Record<Compression, string>> = { gzip: '.gz', zstd: '.zst' }

/** What the name of a done file says. */
export interface DoneName {
  readonly label: string
  readonly sequence: number
  readonly compression: Compression | undefined
}

const LABEL = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}))?$/
const SEQUENCE = /^(?:\d{3}|[1-9]\d{3,6})$/
const LAST_SEQUENCE = 9_999_999
const COMPRESSIONS = Object.keys(COMPRESSED) as Compression[]

/**
 * Reads the name of a done file of `path`, without its directory. Undefined for any name that `doneName`, with
 * an extension of COMPRESSED behind it or without, could not have made.
 */
export function parseDoneName(path: string, name: string): DoneName | undefined {
  const plain = parsePlain(path, name)
  if (plain !== undefined) return { ...plain, compression: undefined }
  const compression = COMPRESSIONS.find((one) => name.endsWith(COMPRESSED[one]))
  if (compression === undefined) return undefined
  const done = parsePlain(path, name.slice(0, -COMPRESSED[compression].length))
  return done === undefined ? undefined : { ...done, compression }
}

function parsePlain(path: string, name: string): { label: string; sequence: number } | undefined {
  const extension = extname(path)
  const prefix = `${basename(path, extension)}-`
  if (!name.startsWith(prefix) || !name.endsWith(extension)) return undefined
  const middle = name.slice(prefix.length, name.length - extension.length)
  const dot = middle.lastIndexOf('.')
  const label = middle.slice(0, dot)
  const digits = middle.slice(dot + 1)
  if (dot === -1 || !SEQUENCE.test(digits) || Number(digits) === 0 || !isLabel(label)) return undefined
  return { label, sequence: Number(digits) }
}

/** Whether there is such a day, and such an hour. */
function isLabel(label: string): boolean {
  const [, year, month, day, hour = '0'] = LABEL.exec(label) ?? []
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day) && Number(hour) < 24
}

/** Orders done files by time; a plain file before its compressed twin. */
export function compareDone(a: DoneName, b: DoneName): number {
  if (a.label !== b.label) return a.label < b.label ? -1 : 1
  if (a.sequence !== b.sequence) return a.sequence - b.sequence
  return Number(a.compression !== undefined) - Number(b.compression !== undefined)
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

/** Whether `doneName` takes this number. */
export function isSequence(sequence: number): boolean {
  return sequence <= LAST_SEQUENCE
}

/**
 * A name of spoor's own beside a file: `logs/app.log` and `lock` give `logs/.app.log.lock`. It is never a done
 * name, and it stays out of `ls` and of patterns such as `app*`.
 */
export function hiddenName(path: string, suffix: string): string {
  return join(dirname(path), `.${basename(path)}.${suffix}`)
}

/** The name that a live file has on its way to its done name: nobody else's, and it tells whose it was. */
export function movingName(path: string): string {
  return hiddenName(path, `${randomHex()}.moving`)
}

/** Whether `name`, without its directory, is one that `movingName(path)` makes. */
export function isMovingName(path: string, name: string): boolean {
  return isHidden(path, name, '.moving')
}

/** The name that a compressed copy of `path` has while it is written. */
export function temporaryName(path: string): string {
  return hiddenName(path, `${randomHex()}.tmp`)
}

/** Whether `name`, without its directory, is one that `temporaryName(path)` makes. */
export function isTemporaryName(path: string, name: string): boolean {
  return isHidden(path, name, '.tmp')
}

const HEX = /^[0-9a-f]{16}$/

function isHidden(path: string, name: string, suffix: string): boolean {
  const prefix = `.${basename(path)}.`
  return (
    name.startsWith(prefix) && name.endsWith(suffix) && HEX.test(name.slice(prefix.length, -suffix.length))
  )
}

function randomHex(): string {
  const half = (): string => ((Math.random() * 0x100000000) >>> 0).toString(16).padStart(8, '0')
  return half() + half()
}
