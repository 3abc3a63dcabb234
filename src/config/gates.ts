import { type LevelName, parseLevel } from './levels.ts'
import type { Parsed } from './lists.ts'
import { parseBoolean, parseDuration, parseSize } from './units.ts'

/** So many records in a time, and how many may come at once. */
export interface Rate {
  readonly count: number
  /** Milliseconds in which that many may come. */
  readonly periodMs: number
  readonly burst: number
}

/** What LOG_RATE_LIMIT says. */
export interface RateLimit {
  /** Of the records of one component and level. */
  readonly rate: Rate
  /** Of the records of one place in the code. */
  readonly site: Rate
}

/** What LOG_SAMPLE says. */
export interface SampleRules {
  /** Shares from 0 to 1 by level, component or route; without a prototype. '' is what none of them names. */
  readonly rates: Readonly<Record<string, number>>
  /** Whether the sampled flag of a trace decides in place of its id. */
  readonly traceFlags: boolean
}

/** What LOG_BUFFER says. */
export interface BufferRules {
  /** Lowest level that is kept. */
  readonly level: LevelName
  /** Highest level that is kept: what is above is written at once. */
  readonly upTo: LevelName
  /** Records of one scope. */
  readonly records: number
  /** Bytes of memory of one scope. */
  readonly size: number
  /** Bytes of memory of all scopes together. */
  readonly total: number
}

export const RATE_LIMIT_ACCEPTED =
  'off, or records a time such as 1000/s or 500/m, and burst=500, site=100/s after it'
export const SAMPLE_ACCEPTED =
  'off, or shares such as 0.1 or 10%, alone or after a level=, component= or /route=, separated by commas; trace_flags'
export const BUFFER_ACCEPTED =
  'off, or trace, debug or info, and upto=debug, records=256, size=64KB, total=64MB after it'

function parts(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** True where a text says that a thing is not wanted. */
function isOff(text: string): boolean {
  return parseBoolean(text) === false
}

const RATE = /^(\d{1,9})\s*\/\s*(\d*\s*(?:ms|s|m|h))$/i
const COUNT = /^[1-9]\d{0,8}$/

function parseRate(text: string): Omit<Rate, 'burst'> | undefined {
  const [, count = '', time = ''] = RATE.exec(text.trim()) ?? []
  const periodMs = parseDuration(/^\d/.test(time) ? time.replace(/\s/g, '') : `1${time}`)
  if (!COUNT.test(count) || periodMs === undefined || periodMs === 0) return undefined
  return { count: Number(count), periodMs }
}

/**
 * Reads `1000/s`, `100/s,burst=500` or `6000/m,burst=500,site=50/s`. The burst is as many as the rate has, unless it
 * is given; one place in the code may have half of both.
 */
export function parseRateLimit(text: string): Parsed<RateLimit | false> {
  if (isOff(text)) return { value: false, wrong: [] }
  const [first = '', ...more] = parts(text)
  const rate = parseRate(first)
  if (rate === undefined) return { value: undefined, wrong: [first] }
  let burst = rate.count
  let site: Omit<Rate, 'burst'> | undefined
  const wrong: string[] = []
  for (const part of more) {
    const [key, value = ''] = pair(part)
    if (key === 'burst' && COUNT.test(value)) burst = Number(value)
    else if (key === 'site' && parseRate(value) !== undefined) site = parseRate(value)
    else wrong.push(part)
  }
  return { value: { rate: { ...rate, burst }, site: siteRate({ ...rate, burst }, site) }, wrong }
}

function siteRate(whole: Rate, given: Omit<Rate, 'burst'> | undefined): Rate {
  if (given === undefined) {
    return { ...whole, count: Math.ceil(whole.count / 2), burst: Math.ceil(whole.burst / 2) }
  }
  return { ...given, burst: Math.min(whole.burst, Math.max(given.count, Math.ceil(whole.burst / 2))) }
}

function pair(part: string): [string, string] {
  const at = part.indexOf('=')
  return [part.slice(0, Math.max(at, 0)).trim().toLowerCase(), part.slice(at + 1).trim()]
}

const SHARE = /^(?:\d+(?:\.\d*)?|\.\d+)(%?)$/

function parseShare(text: string): number | undefined {
  const match = SHARE.exec(text)
  if (match === null) return undefined
  const share = match[1] === '%' ? Number.parseFloat(text) / 100 : Number(text)
  return isShare(share) ? share : undefined
}

/** True for a number from 0 to 1. */
export function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1
}

/** Reads `0.1`, `debug=1%,db=0.5,/health=0` or `trace_flags,debug=0.01`: shares by level, component and route. */
export function parseSample(text: string): Parsed<SampleRules | false> {
  // 0 is a share.
  if (isOff(text) && text.trim() !== '0') return { value: false, wrong: [] }
  const rates: Record<string, number> = Object.create(null)
  const wrong: string[] = []
  let traceFlags = false
  for (const part of parts(text)) {
    const at = part.lastIndexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    const share = parseShare(part.slice(at + 1).trim())
    if (part.toLowerCase() === 'trace_flags') traceFlags = true
    else if (share === undefined || (at !== -1 && name === '') || sampleKey(name) in rates) wrong.push(part)
    else rates[sampleKey(name)] = share
  }
  const some = traceFlags || Object.keys(rates).length > 0
  return { value: some ? { rates, traceFlags } : undefined, wrong }
}

/** A level may be written in any case and by Python's name; a route begins with a slash; all else is a component. */
export function sampleKey(name: string): string {
  const level = parseLevel(name)
  return level === undefined || level === 'silent' ? name : level
}

const HELD: readonly (string | undefined)[] = ['trace', 'debug', 'info']
const HELD_UP_TO: readonly (string | undefined)[] = [...HELD, 'warn']

/** What holds where LOG_BUFFER names a level alone. */
export const BUFFER_DEFAULTS: Omit<BufferRules, 'level'> = {
  upTo: 'info',
  records: 256,
  size: 64 * 1024,
  total: 64 * 1024 ** 2,
}

/** Reads `debug` or `debug,upto=debug,records=256,size=64KB,total=64MB`. */
export function parseBuffer(text: string): Parsed<BufferRules | false> {
  if (isOff(text)) return { value: false, wrong: [] }
  const [first = '', ...more] = parts(text)
  const level = parseLevel(first)
  if (!HELD.includes(level)) return { value: undefined, wrong: [first] }
  const rules = { level: level as LevelName, ...BUFFER_DEFAULTS }
  const wrong = more.filter((part) => !readBufferPart(rules, ...pair(part)))
  return { value: rules, wrong }
}

function readBufferPart(
  rules: { -readonly [K in keyof BufferRules]: BufferRules[K] },
  key: string,
  value: string,
) {
  const size = parseSize(value)
  const upTo = parseLevel(value)
  if (key === 'upto' && HELD_UP_TO.includes(upTo)) rules.upTo = upTo as LevelName
  else if (key === 'records' && COUNT.test(value)) rules.records = Number(value)
  else if ((key === 'size' || key === 'total') && size !== undefined && size > 0) rules[key] = size
  else return false
  return true
}
