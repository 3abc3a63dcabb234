import { builtin } from '../../config/builtin.ts'
import { hideAssignments } from './assignments.ts'
import { hideCards } from './cards.ts'
import { hideSchemes, hideTokens } from './credentials.ts'
import { hideEncoded } from './encoded.ts'
import { type Asked, isOwnMark } from './found.ts'
import { type KeyRules, makeKeyRules, nameOf, type Verdict } from './keys.ts'
import { hidePairs } from './pairs.ts'

/** What stands in a secret's place. */
export const REDACTED = '[redacted]'

/** How secrets are found and hidden. */
export interface RedactionRules extends KeyRules {
  /** What becomes of a hidden value: a mark, a keyed hash, or nothing at all. */
  readonly mode: 'on' | 'hash' | 'remove'
  /** The key of hashes; without one there are none. */
  readonly hashKey: string | undefined
  /** Patterns of one's own for what is a secret wherever it stands. */
  readonly values: readonly RegExp[]
}

/** What of a record may not leave. One for each configuration; what it learns of keys it keeps. */
export interface Redactor {
  /** True where the value under this key is hidden. */
  hides(key: string): boolean
  /** The text in a hidden value's place; undefined where the field is left out. */
  replacement(key: string, value: string): string | undefined
  /** True where `replacement` looks at the value. */
  readonly hashes: boolean
  /** True where ids of persons and sessions are given as hashes. */
  readonly hashesIds: boolean
  /**
   * A text without the secrets in it.
   *
   * @param key what it stands under; long numbers under an id's or a time's name are no cards
   */
  clean(text: string, key: string): string
}

/** No secret is shorter, with its key: a text below it is not looked at. */
export const SHORTEST = 6

const MAX_VERDICTS = 4096
const MAX_KEY_LENGTH = 128
/** What no card is without, and no credentials of HTTP: one look for both. */
const SUSPECT = /\d{4}[ -]?\d{4,6}[ -]?\d{4}|[Bb](?:[Ee][Aa][Rr][Ee][Rr]|[Aa][Ss][Ii][Cc])\s/

export function makeRedactor(rules: RedactionRules): Redactor {
  const judge = makeKeyRules(rules)
  const verdicts = new Map<string, Verdict>()
  const hash = hasherOf(rules.hashKey)
  const values = rules.values.map((pattern) => new RegExp(pattern.source, withG(pattern.flags)))

  function verdictOn(key: string): Verdict {
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const verdict = judge(key)
    if (key.length <= MAX_KEY_LENGTH) {
      // Keys can be made from data: those of the code are soon there again.
      if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
      verdicts.set(key, verdict)
    }
    return verdict
  }

  function hides(key: string): boolean {
    const verdict = verdictOn(key)
    return verdict === 'secret' || verdict === 'id'
  }

  function replacement(key: string, value: string): string | undefined {
    if (isOwnMark(value)) return value
    if (hash !== undefined && (rules.mode === 'hash' || verdictOn(key) === 'id')) return hash(value)
    return rules.mode === 'remove' ? undefined : REDACTED
  }

  const asked: Asked = {
    hides,
    names: (key) => verdictOn(key) === 'number',
    replace: (secret) => (rules.mode === 'hash' && hash !== undefined ? hash(secret) : REDACTED),
  }

  function clean(text: string, key: string): string {
    if (text.length < SHORTEST) return text
    let shown = isPlain(text) ? text : searched(text, key)
    for (const pattern of values) shown = shown.replace(pattern, (secret) => asked.replace(secret))
    return shown
  }

  function searched(text: string, key: string): string {
    let shown = hideEncoded(text, (plain) => hideAssignments(plain, asked))
    if (shown.includes('=') || shown.includes(':')) shown = hideAssignments(shown, asked)
    shown = hidePairs(shown, asked)
    if (SUSPECT.test(shown)) {
      shown = hideSchemes(shown, asked)
      if (verdictOn(key) !== 'number') shown = hideCards(shown, asked)
    }
    return hideTokens(shown, asked)
  }

  const { mode, hashIds } = rules
  return {
    hides,
    replacement,
    clean,
    hashes: hash !== undefined && (mode === 'hash' || hashIds),
    hashesIds: hash !== undefined && hashIds,
  }
}

const UUID_LENGTH = 36

const TIME_LENGTH = 24

/** UUIDs and ISO times are the commonest texts of records, told by a few of their characters, and not searched. */
function isPlain(text: string): boolean {
  if (text.length === UUID_LENGTH) return isUuid(text)
  return text.length === TIME_LENGTH && isTime(text)
}

/** 2026-03-04T05:06:07.089Z */
function isTime(text: string): boolean {
  return (
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(10) === 84 &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58 &&
    text.charCodeAt(23) === 90
  )
}

/** Hyphens where a UUID has them, and hexadecimal digits before the first. */
function isUuid(text: string): boolean {
  return (
    text.charCodeAt(8) === 45 &&
    text.charCodeAt(13) === 45 &&
    text.charCodeAt(18) === 45 &&
    text.charCodeAt(23) === 45 &&
    isHex(text.charCodeAt(0)) &&
    isHex(text.charCodeAt(1)) &&
    isHex(text.charCodeAt(2))
  )
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)
}

function withG(flags: string): string {
  return flags.includes('g') ? flags : `${flags}g`
}

const HASH_DIGITS = 16

/** HMAC-SHA-256, the first 64 bits: equal values have equal hashes, and without the key nobody can try values. */
function hasherOf(key: string | undefined): ((value: string) => string) | undefined {
  if (key === undefined) return undefined
  return (value) => {
    const { createHmac } = builtin('node:crypto')
    const digest = createHmac('sha256', key).update(value).digest('hex')
    return `[hash:${digest.slice(0, HASH_DIGITS)}]`
  }
}

/** True where a rule of spoor's own hides this key. */
export function isHiddenByDefault(key: string): boolean {
  return makeKeyRules({ keys: [], except: [], hashIds: true })(key) !== 'open' && nameOf(key) !== ''
}
