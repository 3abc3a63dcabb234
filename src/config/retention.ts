import { LEVELS, type LevelName, parseLevel } from './levels.ts'
import type { Parsed } from './lists.ts'
import { parseDuration, parseSize } from './units.ts'

/** What has a keeping time of its own: the levels, lowest first, and the audit trail. */
export type RetentionLevel = LevelName | 'audit'

export const RETENTION_LEVELS: readonly RetentionLevel[] = [...(Object.keys(LEVELS) as LevelName[]), 'audit']

/** How much of the file system stays free: bytes, or a share of it between 0 and 1. */
export type FreeSpace = { readonly bytes: number } | { readonly share: number }

/** What may be deleted. Each bound works by itself; none of them deletes nothing. */
export interface RetentionPolicy {
  /** Milliseconds that a record of a level is kept; `keepFor` reads it. */
  readonly age: Readonly<Partial<Record<RetentionLevel, number>>>
  /** Done files that stay. */
  readonly count?: number | undefined
  /** Bytes of the live file and the done ones together. */
  readonly size?: number | undefined
  readonly free?: FreeSpace | undefined
}

/** A policy as it was written: with `preset` the keeping times that it does not name are the environment's. */
export interface RetentionSpec extends RetentionPolicy {
  readonly preset: boolean
}

export const KEEP_ALL: RetentionSpec = { preset: false, age: {} }

const DAY = 24 * 60 * 60 * 1000
const YEAR = 365 * DAY

/** What `default` stands for. */
export const RETENTION_PRESETS = {
  development: { debug: 7 * DAY, info: 30 * DAY, warn: 90 * DAY, error: 90 * DAY, audit: 7 * YEAR },
  production: { debug: 3 * DAY, info: 14 * DAY, warn: YEAR, error: YEAR, audit: 7 * YEAR },
} as const

/** What `parseRetention` accepts. */
export const RETENTION_ACCEPTED =
  'off, or default, a duration such as 30d, level=duration, count=20, size=10GB, free=5GB or free=10%, separated by commas'

const KILOBYTE = 1024

interface Draft {
  preset: boolean
  everything?: number
  named: Partial<Record<RetentionLevel, number>>
  count?: number
  size?: number
  free?: FreeSpace
}

/**
 * Reads `30d`, `debug=3d,info=14d,error=365d`, `default,size=10GB` and the like. Where any part is wrong or comes
 * twice there is no value: a keeping time that was misspelt must not make another, shorter one stand for it.
 * Never throws.
 */
export function parseRetention(text: string): Parsed<RetentionSpec> {
  if (text.trim().toLowerCase() === 'off') return { value: KEEP_ALL, wrong: [] }
  const words = text.split(',').map((word) => word.trim())
  const parts = words.filter((word) => word !== '')
  const draft: Draft = { preset: false, named: {} }
  const wrong = parts.filter((part) => !readPart(draft, part.toLowerCase()))
  if (parts.length === 0) wrong.push(text)
  return { value: wrong.length > 0 ? undefined : specOf(draft), wrong }
}

function readPart(draft: Draft, part: string): boolean {
  const at = part.indexOf('=')
  if (at === -1) return readBase(draft, part)
  const name = part.slice(0, at).trim()
  const value = part.slice(at + 1).trim()
  if (name === 'count') return setOnce(draft, name, wholeNumber(value, 1))
  if (name === 'size') return setOnce(draft, name, sizeFrom(value, KILOBYTE))
  if (name === 'free') return setOnce(draft, name, freeSpace(value))
  const level = retentionLevel(name)
  return level !== undefined && setOnce(draft.named, level, keepingTime(value))
}

/** What a part without a name sets the keeping times to; there is one such part. */
function readBase(draft: Draft, part: string): boolean {
  if (draft.preset || draft.everything !== undefined) return false
  if (part !== 'default') return setOnce(draft, 'everything', keepingTime(part))
  draft.preset = true
  return true
}

function setOnce<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): boolean {
  if (value === undefined || target[key] !== undefined) return false
  target[key] = value
  return true
}

function retentionLevel(name: string): RetentionLevel | undefined {
  if (name === 'audit') return name
  // A number or NOTSET means a threshold elsewhere; here it would be a riddle.
  const level = /^[a-z]+$/.test(name) && name !== 'notset' ? parseLevel(name) : undefined
  return level === 'silent' ? undefined : level
}

function keepingTime(text: string): number | undefined {
  const ms = parseDuration(text)
  return ms !== undefined && ms > 0 ? ms : undefined
}

function wholeNumber(text: string, least: number): number | undefined {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return number >= least ? number : undefined
}

function sizeFrom(text: string, least: number): number | undefined {
  const bytes = parseSize(text)
  return bytes !== undefined && bytes >= least ? bytes : undefined
}

function freeSpace(text: string): FreeSpace | undefined {
  const percent = /^(\d{1,2}(?:\.\d{1,6})?)[ \t]*%$/.exec(text)
  if (percent !== null) return Number(percent[1]) > 0 ? { share: Number(percent[1]) / 100 } : undefined
  const bytes = sizeFrom(text, KILOBYTE)
  return bytes === undefined ? undefined : { bytes }
}

function specOf({ preset, everything, named, count, size, free }: Draft): RetentionSpec {
  const base: Partial<Record<RetentionLevel, number>> = {}
  if (everything !== undefined) {
    for (const level of RETENTION_LEVELS) if (level !== 'audit') base[level] = everything
  }
  return { preset, age: { ...base, ...named }, count, size, free }
}

/** The policy of a spec: in production, which is NODE_ENV=production only, and elsewhere. */
export function retentionPolicy(spec: RetentionSpec, production: boolean): RetentionPolicy {
  const { preset, ...policy } = spec
  if (!preset) return policy
  const base = production ? RETENTION_PRESETS.production : RETENTION_PRESETS.development
  return { ...policy, age: { ...base, ...policy.age } }
}

/** Whether the policy deletes nothing. */
export function keepsAll(policy: RetentionPolicy): boolean {
  const { age, count, size, free } = policy
  return Object.keys(age).length === 0 && count === undefined && size === undefined && free === undefined
}

/**
 * How long a file with records of these levels is kept, in ms: the longest that any of them asks. A level between
 * two that are named takes the lower one's time, one below all the lowest's, and fatal takes error's. One above
 * all is kept for ever, as is audit unless it is named: what nobody asked to delete is not deleted. Undefined for
 * ever.
 */
export function keepFor(policy: RetentionPolicy, levels: readonly RetentionLevel[]): number | undefined {
  let longest: number | undefined
  for (const level of levels) {
    const asked = keepLevel(policy, level)
    if (asked === undefined) return undefined
    longest = Math.max(longest ?? 0, asked)
  }
  return longest
}

function keepLevel({ age }: RetentionPolicy, level: RetentionLevel): number | undefined {
  if (age[level] !== undefined || level === 'audit') return age[level]
  const order = RETENTION_LEVELS.filter((one) => one !== 'audit')
  const at = order.indexOf(level)
  const lower = order.slice(0, at).findLast((one) => age[one] !== undefined)
  const higher = order.slice(at + 1).find((one) => age[one] !== undefined)
  if (lower === undefined) return higher === undefined ? undefined : age[higher]
  return higher !== undefined || (level === 'fatal' && lower === 'error') ? age[lower] : undefined
}

/** When a done file is compressed: past an age in ms, or when so many newer ones are done. */
export type CompressAfter = 'off' | { readonly age: number } | { readonly files: number }

/** What `parseCompress` accepts. */
export const COMPRESS_ACCEPTED =
  'off, an age such as 7d, or how many of the newest files stay plain, such as 3'

/** Reads `off`, `7d` or `3`. Undefined for anything else. */
export function parseCompress(text: string): CompressAfter | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'off') return 'off'
  const files = wholeNumber(word, 0)
  if (files !== undefined) return { files }
  const age = parseDuration(word)
  return age === undefined ? undefined : { age }
}

/** Whether `value` is what `parseRetention` would have made: for options that are given as an object. */
export function isRetentionSpec(value: unknown): value is RetentionSpec {
  if (typeof value !== 'object' || value === null) return false
  const { preset, age, count, size, free, ...rest } = value as Record<string, unknown>
  const isAmount = (amount: unknown): boolean => typeof amount === 'number' && amount > 0
  const isUnset = (amount: unknown): boolean => amount === undefined || isAmount(amount)
  if (Object.keys(rest).length > 0 || typeof preset !== 'boolean' || !isUnset(count) || !isUnset(size))
    return false
  if (typeof age !== 'object' || age === null) return false
  const levels = Object.entries(age).every(
    ([level, ms]) => (RETENTION_LEVELS as readonly string[]).includes(level) && isAmount(ms),
  )
  if (!levels || free === undefined) return levels
  const { bytes, share } = (free ?? {}) as { bytes?: unknown; share?: unknown }
  return isAmount(bytes) !== isAmount(share)
}
