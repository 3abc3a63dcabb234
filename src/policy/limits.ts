/** How much of what was logged is written. */
export interface Limits {
  /** Characters of a text (UTF-16 units). @default 16384 */
  readonly string: number
  /** Keys of an object, elements of a list. @default 256 */
  readonly keys: number
  /** Levels of objects and lists below a field, 100 at most. @default 10 */
  readonly depth: number
  /** Bytes of a record's line. @default 64000: collectors skip longer ones without a word */
  readonly record: number
}

export const DEFAULT_LIMITS: Limits = { string: 16 * 1024, keys: 256, depth: 10, record: 64_000 }

/** `…[+1234 chars]` at the end of a text. */
// Escaped: one character beyond Latin-1 in a regular expression doubles the memory of all of the built file.
const CUT = /\u2026\[\+(\d{1,16}) chars\]$/
/** Room for the longest of these. */
const ROOM = 32

/**
 * The first `max` characters of a text, the mark of how many are missing among them; never half a surrogate pair.
 * Cutting a second time counts on.
 */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  const before = CUT.exec(text)
  const length = before === null ? text.length : before.index
  const hidden = before === null ? 0 : Number(before[1])
  const kept = wholeCharacters(text, Math.min(length, Math.max(0, max - ROOM)))
  return `${text.slice(0, kept)}…[+${length - kept + hidden} chars]`
}

/** Not behind the first half of a pair. */
function wholeCharacters(text: string, end: number): number {
  const last = end > 0 ? text.charCodeAt(end - 1) : 0
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end
}
