import { quoteKey } from './text.ts'

/** One `"name":value` of a line's text; the value is JSON text. */
export interface Pair {
  readonly name: string
  readonly value: string
}

/**
 * Splits pino's serialised bindings (`,"a":1,"b":{"c":2}`) into pairs without parsing the values.
 * Text that is not of that form gives no pairs from there on.
 */
export function splitPairs(text: string): Pair[] {
  const pairs: Pair[] = []
  let at = 0
  while (at < text.length && text.charCodeAt(at) === 44) {
    const keyEnd = stringEnd(text, at + 1)
    if (keyEnd < 0 || text.charCodeAt(keyEnd) !== 58) break
    const end = valueEnd(text, keyEnd + 1)
    pairs.push({ name: unquote(text.slice(at + 1, keyEnd)), value: text.slice(keyEnd + 1, end) })
    at = end
  }
  return pairs
}

/** Splits the text of a list into the texts of its elements. */
export function splitElements(text: string): string[] {
  const elements: string[] = []
  const inner = text.slice(1, -1)
  for (let at = 0; at < inner.length; ) {
    const end = valueEnd(inner, at)
    elements.push(inner.slice(at, end))
    at = end + 1
  }
  return elements
}

/** The text of pairs: `,"a":1,"b":2`. */
export function textOfPairs(pairs: readonly Pair[]): string {
  let text = ''
  for (const { name, value } of pairs) text += `,${quoteKey(name)}${value}`
  return text
}

function unquote(text: string): string {
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
}

/** Index after the string that starts at `from`, or -1. */
function stringEnd(text: string, from: number): number {
  if (text.charCodeAt(from) !== 34) return -1
  for (let i = from + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 92) i++
    else if (code === 34) return i + 1
  }
  return -1
}

/** Index after the JSON value that starts at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0
  let i = from
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === 34) {
      const end = stringEnd(text, i)
      if (end < 0) return text.length
      i = end
      continue
    }
    if (code === 123 || code === 91) depth++
    else if (code === 125 || code === 93) depth--
    else if (code === 44 && depth === 0) return i
    i++
  }
  return i
}
