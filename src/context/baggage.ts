import { trimOws } from './traceparent.ts'

/** The bounds of https://www.w3.org/TR/baggage/ for a whole header, and ours for one value. */
export const BAGGAGE_MAX_MEMBERS = 64
export const BAGGAGE_MAX_BYTES = 8192
/** Longest value that travels, in UTF-16 units before percent coding. */
export const BAGGAGE_MAX_VALUE = 256

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /[\x00-\x1f\x7f-\x9f]/

/**
 * Reads the named keys of a W3C baggage header. Everything else in it is ignored, and so is a member that is
 * malformed, longer than 256 characters or carries control characters. Of a key that comes twice the first counts.
 *
 * @param names the keys that are wanted; no other is ever returned
 */
export function parseBaggage(
  value: string | readonly string[] | undefined,
  names: readonly string[],
): Record<string, string> {
  const found: Record<string, string> = {}
  const text = typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : ''
  // Header values are Latin-1: as many bytes as characters.
  if (names.length === 0 || text === '' || text.length > BAGGAGE_MAX_BYTES) return found
  const members = text.split(',', BAGGAGE_MAX_MEMBERS + 1)
  if (members.length > BAGGAGE_MAX_MEMBERS) return found
  for (const member of members) {
    const equals = member.indexOf('=')
    if (equals < 1) continue
    const key = trimOws(member.slice(0, equals))
    if (!names.includes(key) || !TOKEN.test(key) || Object.hasOwn(found, key)) continue
    const decoded = decode(trimOws(member.slice(equals + 1).split(';', 1)[0] as string))
    if (decoded !== undefined) found[key] = decoded
  }
  return found
}

function decode(value: string): string | undefined {
  if (value === '' || value.length > BAGGAGE_MAX_VALUE * 9) return undefined
  try {
    const text = decodeURIComponent(value)
    return text.length > BAGGAGE_MAX_VALUE || CONTROLS.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * A baggage header of the named fields; undefined where there is nothing to say. Only strings, finite numbers,
 * bigints and booleans travel; what is longer than 256 characters, or no longer fits, is left out.
 */
export function formatBaggage(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): string | undefined {
  let header = ''
  let members = 0
  for (const name of new Set(names)) {
    if (!TOKEN.test(name) || !Object.hasOwn(fields, name)) continue
    const value = encode(fields[name])
    if (value === undefined) continue
    const member = `${members === 0 ? '' : ','}${name}=${value}`
    if (header.length + member.length > BAGGAGE_MAX_BYTES) continue
    header += member
    if (++members === BAGGAGE_MAX_MEMBERS) break
  }
  return members === 0 ? undefined : header
}

function encode(value: unknown): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
  if (typeof value === 'object' || typeof value === 'function') return undefined
  if (typeof value === 'symbol' || value === undefined) return undefined
  const text = String(value)
  if (text === '' || text.length > BAGGAGE_MAX_VALUE || CONTROLS.test(text)) return undefined
  try {
    return encodeURIComponent(text)
  } catch {
    // A lone surrogate has no UTF-8.
    return undefined
  }
}
