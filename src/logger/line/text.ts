import { isPlainAscii, mayBeUnsafe, safeJson } from '../../config/safe-json.ts'

// Up to these lengths a loop, then a pattern, beat JSON.stringify and a look at what it gave (bench/quote.js).
const TINY = 16
const SHORT = 256
/** From here on it is worth asking whether a text is nothing but ASCII before a pattern goes through it. */
const LONG = 64

/**
 * What a text may have that does not stand in JSON as it is, or that a terminal must not get: C0, `"`, `\`, halves of
 * UTF-16 pairs and safe-json's MAYBE_UNSAFE. At most 16 ranges, as there.
 */
const NEEDS_CARE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u034f\0-\x1f"\\\x7f-\x9f\xad\u0600-\u180f\u200b-\u200f\u2028-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]/

/**
 * JSON text of a string: valid for any input, lone surrogates escaped (RFC 8259 section 8.2), and without any
 * character that could drive a terminal or hide on it.
 */
export function quote(text: string): string {
  const length = text.length
  if (length <= TINY ? isPlain(text) : length <= SHORT && !NEEDS_CARE.test(text)) return `"${text}"`
  const json = JSON.stringify(text)
  if (length > LONG && isPlainAscii(text)) return json
  // The text is in one piece, its JSON may not be.
  return mayBeUnsafe(text) ? safeJson(json) : json
}

function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code === 34 || code === 92 || code > 126) return false
  }
  return true
}

// Key names repeat; bounded, so that keys made from data cannot fill the memory.
const MAX_CACHED = 4096
const MAX_CACHED_LENGTH = 64
const keyTexts = new Map<string, string>()

/** `"key":`, cached for short names. */
export function quoteKey(key: string): string {
  let text = keyTexts.get(key)
  if (text !== undefined) return text
  text = flat(`${quote(key)}:`)
  if (key.length <= MAX_CACHED_LENGTH && keyTexts.size < MAX_CACHED) keyTexts.set(key, text)
  return text
}

/**
 * The same text in one piece. V8 keeps a concatenation as a tree and walks it each time it is copied: a text
 * that stands on many lines is worth flattening once (measured: 20 ns a piece and line).
 */
export function flat(text: string): string {
  // Reading a character flattens; the comparison keeps the optimiser from leaving it out.
  return text.charCodeAt(0) === -1 ? '' : text
}
