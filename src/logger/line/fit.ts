import { cutText } from '../../policy/limits.ts'
import { CUT_KEY, hasCuts } from './cuts.ts'
import { type Pair, splitElements, splitPairs, textOfPairs } from './pairs.ts'
import type { Prefix } from './prefix.ts'
import { quote, quoteKey } from './text.ts'

/**
 * `,"truncated":true` where something of the record was left out for its size, else ''.
 *
 * @param text the line so far, or its fields alone: `,"a":1`
 */
export function cutMark(prefix: Prefix, text: string): string {
  if (!hasCuts()) return ''
  const pairs = splitPairs(text.startsWith('{') ? `,${text.slice(1)}` : prefix.text + text)
  return markBeside(pairs)
}

function markBeside(pairs: readonly Pair[]): string {
  let name = CUT_KEY
  for (;;) {
    const there = pairs.find((pair) => pair.name === name)
    if (there === undefined) return `,${quoteKey(name)}true`
    if (there.value === 'true') return ''
    name = `_${name}`
  }
}

/** UTF-8 needs at most so many bytes for each UTF-16 unit. */
const MOST_BYTES = 3
/** Every field may keep this many bytes, as far as all of them fit. */
const LEAST = 96
/** Room for the mark, for `"…":"12345 more"` and for the braces. */
const ROOM = 96
/** The same without the mark. */
const ROOM_INSIDE = 48
/** The first three say when, how grave and what: they always stay. */
const ALWAYS = 3

/**
 * A line that fits into so many bytes: the longest values are cut, and where there are too many fields, the last ones
 * left out. It stays JSON, says by how much it was cut, and carries the mark.
 *
 * @param line one JSON object; a newline at its end stays
 */
export function fitted(line: string, limit: number): string {
  if (line.length * MOST_BYTES <= limit || Buffer.byteLength(line) <= limit) return line
  const end = line.lastIndexOf('}')
  const pairs = splitPairs(`,${line.slice(1, end)}`)
  const kept = shrunkPairs(pairs, limit - ROOM, ALWAYS)
  return `{${(textOfPairs(kept) + markBeside(kept)).slice(1)}${line.slice(end)}`
}

/** A record as an object within the same bound; it is written as text only where it may be too long. */
export function fittedObject<T extends object>(record: T, limit: number): T {
  if (roughLength(record, limit) * MOST_BYTES <= limit) return record
  const text = JSON.stringify(record)
  return Buffer.byteLength(text) <= limit ? record : (JSON.parse(fitted(text, limit)) as T)
}

/** About the characters of its text, not many more than asked for are counted. */
function roughLength(value: unknown, enough: number): number {
  // A control character is written as six.
  if (typeof value === 'string') return value.length < 64 ? value.length * 6 : JSON.stringify(value).length
  if (typeof value !== 'object' || value === null) return 24
  let length = 2
  for (const key of Object.keys(value)) {
    length += key.length + 4 + roughLength((value as Record<string, unknown>)[key], enough)
    if (length > enough) return length
  }
  return length
}

/** JSON text of a value in at most so many bytes, as far as a mark has room in them. */
function shrunk(text: string, bytes: number): string {
  const size = Buffer.byteLength(text)
  if (size <= bytes) return text
  if (text.startsWith('"')) return shrunkString(text, bytes)
  if (text.startsWith('{') && bytes >= LEAST) {
    return `{${textOfPairs(shrunkPairs(splitPairs(`,${text.slice(1, -1)}`), bytes - ROOM_INSIDE, 0)).slice(1)}}`
  }
  if (text.startsWith('[') && bytes >= LEAST) return shrunkList(text, bytes - ROOM_INSIDE)
  return `"[${size} bytes]"`
}

function shrunkString(text: string, bytes: number): string {
  const whole = JSON.parse(text) as string
  let low = 0
  let high = whole.length
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (Buffer.byteLength(quote(cutText(whole, middle))) <= bytes) low = middle
    else high = middle - 1
  }
  return quote(cutText(whole, Math.min(low, whole.length - 1)))
}

function shrunkList(text: string, bytes: number): string {
  const elements = splitElements(text)
  const kept: string[] = []
  let left = bytes
  for (const element of elements) {
    const shown = shrunk(element, Math.max(LEAST, left))
    left -= Buffer.byteLength(shown) + 1
    if (left < 0) break
    kept.push(shown)
  }
  const missing = elements.length - kept.length
  if (missing > 0) kept.push(`"… ${missing} more"`)
  return `[${kept.join(',')}]`
}

/** Pairs in so many bytes: no value may be longer than a bound that is chosen so that all fit. */
function shrunkPairs(pairs: readonly Pair[], bytes: number, always: number): Pair[] {
  const sized = pairs.map(({ name, value }) => ({
    name,
    value,
    own: Buffer.byteLength(quoteKey(name)) + 1,
    size: Buffer.byteLength(value),
  }))
  const kept: typeof sized = []
  let left = bytes
  for (const pair of sized) {
    const least = pair.own + Math.min(pair.size, LEAST)
    if (least > left && kept.length >= always) break
    left -= least
    kept.push(pair)
  }
  const names = kept.reduce((sum, { own }) => sum + own, 0)
  const bound = boundOf(
    kept.map(({ size }) => size),
    bytes - names,
  )
  const shown: Pair[] = kept.map(({ name, value }) => ({ name, value: shrunk(value, bound) }))
  const missing = pairs.length - kept.length
  return missing === 0 ? shown : [...shown, { name: freeName(pairs), value: quote(`${missing} more`) }]
}

function freeName(pairs: readonly Pair[]): string {
  let name = '…'
  while (pairs.some((pair) => pair.name === name)) name = `_${name}`
  return name
}

/** The greatest bound with which sizes, cut to it, sum up to no more than `total`. */
function boundOf(sizes: readonly number[], total: number): number {
  const ascending = [...sizes].sort((a, b) => a - b)
  let left = total
  for (const [i, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - i))
    if (size > share) return Math.max(LEAST, share)
    left -= size
  }
  return Number.POSITIVE_INFINITY
}
