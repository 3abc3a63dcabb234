import { Buffer } from 'node:buffer'
import { jsonText } from './fields.ts'

type Fields = Readonly<Record<string, unknown>>

/** A value is not cut below this while a larger one can give. */
const SPARED_BYTES = 256
/** Deeper than this a value is cut as the text that it is. */
const DEEPEST = 4
const ELLIPSIS = '…'
/** `"…"` in UTF-8: less than that can't be said. */
const LEAST_BYTES = 5
const SHORT_ESCAPES = '"\\\b\t\n\f\r'

/**
 * The fields as JSON in at most `maxBytes` of UTF-8. Those that are too large together are cut, the largest values
 * first, and marked: `truncated` is true and `original_bytes` says what they had. Back ends cut without a word, or
 * refuse; a cut of our own leaves valid JSON, the small fields whole, and says so.
 *
 * What is cut: texts end with '…', lists and objects lose from the inside where it is largest. Only when nothing
 * large is left do whole fields go, the last ones first. The bound holds for any that leaves room for the marks, 100
 * bytes and more.
 */
export function jsonWithin(fields: Fields, maxBytes: number): string {
  const whole = jsonText(fields)
  // A UTF-16 unit is three bytes at most: what is short needs no counting.
  if (whole.length * 3 <= maxBytes) return whole
  const bytes = Buffer.byteLength(whole)
  if (bytes <= maxBytes) return whole
  const marks = { truncated: true, original_bytes: bytes }
  return JSON.stringify(shrinkObject({ ...marks, ...JSON.parse(whole), ...marks }, maxBytes, 0))
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function shrink(value: unknown, maxBytes: number, depth: number): unknown {
  if (typeof value === 'string') return cutText(value, maxBytes)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEEPEST) return cutText(JSON.stringify(value), maxBytes)
  return Array.isArray(value) ? shrinkList(value, maxBytes) : shrinkObject(value as Fields, maxBytes, depth)
}

function shrinkObject(fields: Fields, maxBytes: number, depth: number): Fields {
  const entries = Object.entries(fields)
  const sizes = entries.map(([, value]) => jsonBytes(value))
  // The braces, less the comma that the last one has not.
  let over = 1 - maxBytes
  for (const [i, [key]] of entries.entries()) over += jsonBytes(key) + (sizes[i] as number) + 2
  const largest = [...entries.keys()].sort((a, b) => (sizes[b] as number) - (sizes[a] as number))
  for (const i of largest) {
    const entry = entries[i] as [string, unknown]
    const size = sizes[i] as number
    if (over <= 0 || size <= SPARED_BYTES) break
    entry[1] = shrink(entry[1], Math.max(size - over, SPARED_BYTES), depth + 1)
    sizes[i] = jsonBytes(entry[1])
    over -= size - (sizes[i] as number)
  }
  while (over > 0 && entries.length > 0) {
    const [key] = entries.pop() as [string, unknown]
    over -= jsonBytes(key) + (sizes[entries.length] as number) + 2
  }
  return Object.fromEntries(entries)
}

/** As many elements as fit, and the ellipsis for the others. */
function shrinkList(list: readonly unknown[], maxBytes: number): readonly unknown[] {
  const kept: unknown[] = []
  // The brackets and the ellipsis with its comma.
  let left = maxBytes - 2 - LEAST_BYTES - 1
  for (const element of list) {
    left -= jsonBytes(element) + 1
    if (left < 0) break
    kept.push(element)
  }
  return kept.length === list.length ? list : [...kept, ELLIPSIS]
}

/** The longest beginning that takes at most `maxBytes` as a JSON text; no pair of surrogates is torn. */
function cutText(text: string, maxBytes: number): string {
  if (jsonBytes(text) <= maxBytes) return text
  let left = maxBytes - LEAST_BYTES
  let end = 0
  for (const character of text) {
    left -= bytesIn(character)
    if (left < 0) break
    end += character.length
  }
  return text.slice(0, end) + ELLIPSIS
}

/** What one character takes between the quotes. */
function bytesIn(character: string): number {
  const code = character.codePointAt(0) as number
  if (SHORT_ESCAPES.includes(character)) return 2
  // `\u001f`; halves of pairs too.
  if (code < 0x20 || (code >= 0xd800 && code <= 0xdfff)) return 6
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}
