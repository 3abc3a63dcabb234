import { quotedKey, valueAt } from './assignments.ts'
import type { Asked } from './found.ts'
import { isListedName } from './keys.ts'
import { backslashesBefore } from './quoted.ts'

const AFTER_STRING = /["']\s*,\s*(?=\\*["'[{])/g

/** Hides in lists of names and values in turn what stands behind a name that hides: `["Cookie","sid=…"]`. */
export function hidePairs(text: string, asked: Asked): string {
  if (!text.includes('",') && !text.includes("',")) return text
  let shown = ''
  let from = 0
  AFTER_STRING.lastIndex = 0
  for (const match of text.matchAll(AFTER_STRING)) {
    const { index } = match
    if (index < from) continue
    const key = quotedKey(text, index)
    if (key === undefined || !isListedName(key.name) || !asked.hides(key.name) || !isName(text, index))
      continue
    const found = valueAt(text, index + match[0].length, key, asked)
    if (found === undefined) continue
    shown += text.slice(from, found.from) + found.shown
    from = found.to
  }
  return from === 0 ? text : shown + text.slice(from)
}

const MOST_BEFORE = 128

/** Whether the string that ends there has an even number of strings before it; where that can't be told, it has. */
function isName(text: string, close: number): boolean {
  const mark = text[close] as string
  const level = backslashesBefore(text, close)
  let at = openingOf(text, close, mark, level)
  for (let count = 0; count < MOST_BEFORE; count++) {
    at = skipBack(text, at - level)
    if (text[at - 1] !== ',') return count % 2 === 0
    at = skipBack(text, at - 1)
    if (text[at - 1] !== mark || backslashesBefore(text, at - 1) !== level) return true
    at = openingOf(text, at - 1, mark, level)
  }
  return true
}

/** The place of the quote that begins the string which ends at `close`. */
function openingOf(text: string, close: number, mark: string, level: number): number {
  let at = text.lastIndexOf(mark, close - 1)
  while (at > 0 && backslashesBefore(text, at) > level) at = text.lastIndexOf(mark, at - 1)
  return Math.max(0, at)
}

function skipBack(text: string, from: number): number {
  let at = from
  while (at > 0 && /\s/.test(text[at - 1] as string)) at--
  return at
}
