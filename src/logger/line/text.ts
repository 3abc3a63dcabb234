/** Up to this length a loop over the characters beats JSON.stringify on Node 20 and 22 (bench/micro). */
const SHORT = 64

/**
 * JSON text of a string: valid for any input, lone surrogates escaped (RFC 8259 section 8.2).
 */
export function quote(text: string): string {
  const length = text.length
  if (length > SHORT) return JSON.stringify(text)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code === 34 || code === 92 || code > 126) return JSON.stringify(text)
  }
  return `"${text}"`
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
