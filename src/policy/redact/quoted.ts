// Text inside text is escaped once for each level it lies deep: a quote of the first level is `"`, of the second `\"`,
// of the third `\\\"`. What ends a string is a quote with as many backslashes as the one that began it.

/** How many backslashes stand before that place, not counting any before `from`. */
export function backslashesBefore(text: string, at: number, from = 0): number {
  let count = 0
  while (at - count > from && text.charCodeAt(at - count - 1) === 92) count++
  return count
}

/** The end of a string's content that begins at `from`, behind a quote with `level` backslashes; the text's end where it is torn. */
export function endOfQuoted(text: string, from: number, quote: string, level: number): number {
  const unit = 2 * (level + 1)
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    const count = backslashesBefore(text, at, from)
    // Fewer: a string further out ends here, and this one was cut.
    if (count < level) return at - count
    if ((count - level) % unit === 0) return at - level
  }
  return text.length
}

/** The end of `{…}` or `[…]` that begins at `from`; the text's end where it is torn. */
export function endOfBracketed(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34 || code === 39) {
      const level = backslashesBefore(text, at, from)
      at = endOfQuoted(text, at + 1, text[at] as string, level) + level
    } else if (code === 123 || code === 91) depth++
    else if ((code === 125 || code === 93) && --depth === 0) return at + 1
  }
  return text.length
}

/** A key as it was meant: `pass\u0077ord`, `access%5Ftoken`. */
export function unescapeKey(key: string): string {
  let plain = key
  if (plain.includes('\\')) {
    plain = plain
      .replace(/\\+u([0-9a-f]{4})/gi, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\/g, '')
  }
  return plain.includes('%') ? decoded(plain) : plain
}

/** Without percent escapes; as it is where they are wrong. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
