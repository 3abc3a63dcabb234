import { cutText, DEFAULT_LIMITS, type Limits } from '../../policy/limits.ts'
import { isCount } from '../../policy/redact/keys.ts'
import { type Redactor, SHORTEST } from '../../policy/redact/redactor.ts'
import { noteCut } from './cuts.ts'
import { flat, quoteKey } from './text.ts'

/** What of a value may be written: the line writer asks it for each key and each text. */
export interface Guard {
  /** Undefined where nothing is hidden. */
  readonly redactor: Redactor | undefined
  readonly limits: Limits
  /** Key -> `"key":`, or '' where what stands under it is hidden; bounded, because keys can be made from data. */
  readonly keyTexts: Map<string, string>
}

export function makeGuard(redactor: Redactor | undefined, limits: Limits = DEFAULT_LIMITS): Guard {
  return { redactor, limits, keyTexts: new Map() }
}

/** Hides nothing; what only spoor itself writes, and lines that have to stay as pino's. */
export const OPEN_GUARD: Guard = makeGuard(undefined, { ...DEFAULT_LIMITS, string: Number.POSITIVE_INFINITY })

const MAX_KEY_TEXTS = 4096
const MAX_KEY_LENGTH = 64

/** `"key":`, or '' where the value under it is hidden. */
export function guardedKey(guard: Guard, key: string): string {
  const known = guard.keyTexts.get(key)
  if (known !== undefined) return known
  const text = guard.redactor?.hides(key) === true ? '' : flat(quoteKey(key))
  if (key.length <= MAX_KEY_LENGTH) {
    // Those of the code are soon there again.
    if (guard.keyTexts.size >= MAX_KEY_TEXTS) guard.keyTexts.clear()
    guard.keyTexts.set(key, text)
  }
  return text
}

export function hidesKey(guard: Guard, key: string): boolean {
  return guard.redactor?.hides(key) === true
}

/** A text as it may be written: without secrets, and not too long. */
export function guarded(guard: Guard, text: string, key: string): string {
  const { redactor, limits } = guard
  if (text.length > limits.string) return shortened(guard, text, key)
  return redactor === undefined || text.length < SHORTEST ? text : redactor.clean(text, key)
}

/** So far beyond the cut a text is searched, because a secret may begin before it and be recognised behind it. */
const BEYOND = 16 * 1024
/** So much of its end is not shown, however short the rest has become: half a secret would not be recognised. */
const UNSHOWN = 4096

function shortened({ redactor, limits }: Guard, text: string, key: string): string {
  noteCut()
  if (redactor === undefined) return cutText(text, limits.string)
  const searched = text.slice(0, limits.string + BEYOND)
  const rest = text.length - searched.length
  const clean = redactor.clean(searched, key)
  if (rest === 0) return cutText(clean, limits.string)
  const shown = Math.min(limits.string, Math.max(0, clean.length - UNSHOWN))
  return cutText(`${clean}…[+${rest} chars]`, shown)
}

/** True for what hides nothing, whatever its key: a password that is `null`, `true` or empty, how many tokens there are. */
export function isTelling(value: unknown, key: string): boolean {
  if (typeof value === 'number') return isCount(key, String(value))
  return value === undefined || value === null || typeof value === 'boolean' || value === ''
}
