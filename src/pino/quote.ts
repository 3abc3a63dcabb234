import { flat } from '../logger/line/text.ts'

// Up to this length a loop over the characters beats JSON.stringify (bench/quote.js).
const SHORT = 64

/** JSON text of a string as pino writes it: what JSON lets stand stays as it is, for terminals too. */
export function quoteAsPino(text: string): string {
  const length = text.length
  if (length > SHORT) return JSON.stringify(text)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code === 34 || code === 92 || code > 126) return JSON.stringify(text)
  }
  return `"${text}"`
}

/** `"key":` as pino writes it. */
export function quoteKeyAsPino(key: string): string {
  return flat(`${quoteAsPino(key)}:`)
}
