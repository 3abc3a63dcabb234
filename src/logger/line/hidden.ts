import { isListedName } from '../../policy/redact/keys.ts'
import { REDACTED, type Redactor } from '../../policy/redact/redactor.ts'
import { type Guard, hidesKey, isTelling, OPEN_GUARD } from './guard.ts'
import { quote } from './text.ts'
import type { Walk } from './walk.ts'

/**
 * What stands in the place of a value under a key that hides it; undefined where the field is left out. Nothing of the
 * value is read, unless equal values are to have equal hashes.
 */
export function hiddenText(value: unknown, walk: Walk, key: string): string | undefined {
  const redactor = walk.guard.redactor as Redactor
  const text = typeof value === 'string' ? value : redactor.hashes ? wholeText(value, walk, key) : ''
  return redactor.replacement(key, text)
}

/** JSON text of all of a value, for its hash. */
function wholeText(value: unknown, walk: Walk, key: string): string {
  const open: Walk = { ancestors: [], left: walk.left, guard: OPEN_GUARD, write: walk.write }
  return walk.write(value, open, key) ?? ''
}

/** A member under a key that hides; `null`, `true`, `false` and empty texts hide nothing. */
export function writeHiddenMember(value: unknown, walk: Walk, key: string): string | undefined {
  if (isTelling(value, key) || typeof value === 'function') return walk.write(value, walk, key)
  const shown = hiddenText(value, walk, key)
  return shown === undefined ? undefined : quote(shown)
}

/** The same in a list, whose elements keep their places. */
export function writeHidden(value: unknown, walk: Walk, key: string): string | undefined {
  if (isTelling(value, key) || typeof value === 'function') return walk.write(value, walk, key)
  return quote(hiddenText(value, walk, key) ?? REDACTED)
}

/**
 * True for names and values in turn, as in node:http's `rawHeaders` and in pairs, where one of the names hides its
 * value: `['Authorization', 'Bearer …']`.
 */
export function isHeaderList(guard: Guard, list: readonly unknown[]): boolean {
  if (guard.redactor === undefined || list.length % 2 !== 0 || typeof list[0] !== 'string') return false
  const end = Math.min(list.length, guard.limits.keys)
  let some = false
  for (let i = 0; i < end; i += 2) {
    const name = list[i]
    if (typeof name !== 'string' || !isListedName(name)) return false
    some ||= hidesKey(guard, name)
  }
  return some
}

/** The name that hides the element of such a list, or undefined. */
export function hidingName(guard: Guard, list: readonly unknown[], at: number): string | undefined {
  const name = at % 2 === 1 ? list[at - 1] : undefined
  return typeof name === 'string' && hidesKey(guard, name) ? name : undefined
}
