import { trimOws } from './traceparent.ts'

/** The bounds of the W3C: 32 members, 512 characters; entries longer than 128 are the first to go. */
export const TRACESTATE_MAX_MEMBERS = 32
export const TRACESTATE_MAX_LENGTH = 512
const LONG_ENTRY = 128

// What Node lets in as headers is below this; anything longer is not worth a parse.
const MAX_INPUT = 16_384

// Level 2 lets any key begin with a digit; where there is an @, level 1 says how long each side may be.
const KEY = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * Reads tracestate headers by the W3C's rules (levels 1 and 2) and writes them as one, in order; undefined where
 * there is none, or where any entry is invalid, a key comes twice or there are more than 32: such a state is
 * discarded whole. What is longer than 512 characters loses whole entries, those over 128 characters first, then
 * from the right.
 */
export function parseTracestate(value: string | readonly string[] | undefined): string | undefined {
  const text = typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : ''
  if (text === '' || text.length > MAX_INPUT) return undefined
  const entries: string[] = []
  const keys = new Set<string>()
  for (const part of text.split(',')) {
    const entry = trimOws(part)
    if (entry === '') continue
    const equals = entry.indexOf('=')
    const key = entry.slice(0, equals)
    if (equals < 1 || keys.has(key) || keys.size === TRACESTATE_MAX_MEMBERS) return undefined
    if (!KEY.test(key) || !VALUE.test(entry.slice(equals + 1))) return undefined
    keys.add(key)
    entries.push(entry)
  }
  return truncate(entries)
}

function truncate(entries: string[]): string | undefined {
  let length = entries.reduce((sum, entry) => sum + entry.length + 1, -1)
  for (let at = entries.length - 1; at >= 0 && length > TRACESTATE_MAX_LENGTH; at--) {
    const entry = entries[at] as string
    if (entry.length <= LONG_ENTRY) continue
    entries.splice(at, 1)
    length -= entry.length + 1
  }
  while (length > TRACESTATE_MAX_LENGTH) length -= (entries.pop() as string).length + 1
  return entries.length === 0 ? undefined : entries.join(',')
}
