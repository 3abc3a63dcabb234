import { assertPassed, type CheckResult } from './check-result.ts'
import { itemsOf, type LogRecord, type RecordSource } from './records.ts'
import { isPlaceholder, isSecretName, SECRET_FORMS } from './secret-forms.ts'
import { type Needle, needleOf, viewsOf } from './views.ts'

/** A secret that was found in a record. */
export interface SecretFound {
  /** Which record it is in, from 0. */
  readonly index: number
  /** Where in the record: `headers.authorization`; '' where it is spread over several places. */
  readonly path: string
  /** What it is: `secret 2`, by its place in `secrets`, or `a bearer token`. */
  readonly what: string
  /** How it stands there: plain, base64, hex, URL-encoded, in pieces, … */
  readonly as: string
  /** Its beginning, and how long it is: never the whole. */
  readonly excerpt: string
}

export interface SecretOptions {
  /** Values that must not be there in any encoding: what the test itself put in as a password. 4 characters at least. */
  readonly secrets?: readonly string[] | undefined
  /** Look for forms that only secrets have: tokens with a known prefix, JWTs, private keys, passwords in URLs. @default true */
  readonly forms?: boolean | undefined
  /** Look for values under names such as `password` that are not hidden. @default true */
  readonly names?: boolean | undefined
  /** Answers true for what may be there. @default nothing may */
  readonly allow?: ((found: SecretFound) => boolean) | undefined
}

const NAMES: readonly string[] = ['secrets', 'forms', 'names', 'allow']
const MIN_LENGTH = 4
/** Shorter ones come about by chance where names and values are put together. */
const MIN_SPREAD = 8
const SHOWN = 20

/** One text of a record and where it stands. */
interface Place {
  readonly path: string
  readonly text: string
  /** The name that the text stands under; undefined for names themselves and in lists. */
  readonly name: string | undefined
}

/**
 * The secrets in records: planted values in whatever encoding (plain in any case, JSON-escaped at any depth,
 * URL-encoded, base64 at any offset, hex, lists of bytes, UTF-16, with other separators, split over keys and values),
 * forms that only secrets have, and what stands under a secret's name.
 *
 * @throws TypeError for a planted value that is too short to be told from other text, and for an option that is none
 */
export function findSecrets(source: RecordSource, options: SecretOptions = {}): SecretFound[] {
  checkOptions(options)
  const needles = (options.secrets ?? []).map(checked)
  const found = itemsOf(source).flatMap((item, index) => [
    ...planted(item, index, needles),
    ...(options.forms === false ? [] : formsIn(item, index)),
    ...(options.names === false ? [] : namedIn(item, index)),
  ])
  const { allow } = options
  return allow === undefined ? found : found.filter((each) => !allow(each))
}

/** A misspelt option would let everything pass without a word. */
function checkOptions(options: SecretOptions): void {
  for (const name of Object.keys(options)) {
    if (NAMES.includes(name)) continue
    throw new TypeError(`${name} is no option of a check for secrets, expected ${NAMES.join(', ')}.`)
  }
  const { secrets } = options
  if (secrets === undefined || Array.isArray(secrets)) return
  throw new TypeError(`secrets is ${typeof secrets}, expected a list of texts: secrets: [PASSWORD].`)
}

function checked(secret: string, nth: number): Needle {
  if (typeof secret !== 'string' || secret.length < MIN_LENGTH) {
    throw new TypeError(
      `secrets[${nth}] is too short to be told from other text, expected at least ${MIN_LENGTH} characters.`,
    )
  }
  return needleOf(secret)
}

function planted(item: LogRecord | string, index: number, needles: readonly Needle[]): SecretFound[] {
  const places = needles.length === 0 ? [] : placesOf(item)
  return needles.flatMap((needle, nth) => {
    const about = { index, what: `secret ${nth + 1}`, excerpt: masked(needle.value) }
    const here = places.flatMap(({ path, text }) => {
      const as = howIn(needle, text)
      return as === undefined ? [] : [{ ...about, path, as }]
    })
    if (here.length > 0) return here
    if (needle.value.length < MIN_SPREAD) return []
    const spread = spreadTexts(item, places).some((text) => howIn(needle, text) !== undefined)
    return spread ? [{ ...about, path: '', as: 'split over several keys or values' }] : []
  })
}

function howIn(needle: Needle, text: string): string | undefined {
  for (const { as, text: decoded } of viewsOf(text)) {
    const how = needle.find(decoded)
    if (how !== undefined) return as === '' || how === 'plain' ? as || how : `${how}, ${as}`
  }
  return undefined
}

/** Names and values put together, as one that was split over them reads. */
function spreadTexts(item: LogRecord | string, places: readonly Place[]): string[] {
  if (typeof item === 'string' && places.length < 2) return []
  const names = places.filter(({ name }) => name === undefined).map(({ text }) => text)
  const values = places.filter(({ name }) => name !== undefined).map(({ text }) => text)
  return [
    names.join(''),
    values.join(''),
    values.join(','),
    places.map(({ text }) => text).join(''),
    textOf(item),
  ]
}

function formsIn(item: LogRecord | string, index: number): SecretFound[] {
  return placesOf(item).flatMap(({ path, text }) => {
    const seen = new Set<string>()
    return viewsOf(text).flatMap(({ as, text: decoded }) =>
      SECRET_FORMS.flatMap(({ name, pattern, holds }) =>
        [...decoded.matchAll(pattern)].flatMap(([found]) => {
          if (seen.has(name) || holds?.(found) === false) return []
          seen.add(name)
          return [{ index, path, what: name, as: as || 'plain', excerpt: masked(found) }]
        }),
      ),
    )
  })
}

function namedIn(item: LogRecord | string, index: number): SecretFound[] {
  return placesOf(item).flatMap(({ path, text, name }) => {
    if (name === undefined || !isSecretName(name) || isPlaceholder(text)) return []
    return [
      { index, path, what: `a value called ${JSON.stringify(name)}`, as: 'plain', excerpt: masked(text) },
    ]
  })
}

/** Every name and every text of a record; of a line that is no JSON, the line. */
function placesOf(item: LogRecord | string): Place[] {
  const value = typeof item === 'string' ? parsed(item) : item
  if (value === undefined) return [{ path: '', text: String(item), name: '' }]
  const places: Place[] = []
  collect(value, '', '', places, new Set())
  return places
}

function collect(value: unknown, path: string, name: string, to: Place[], above: Set<object>): void {
  const inside = unwrapped(value)
  if (typeof inside !== 'object' || inside === null) {
    if (inside !== undefined && typeof inside !== 'boolean') to.push({ path, text: String(inside), name })
    return
  }
  if (above.has(inside)) return
  above.add(inside)
  const isList = Array.isArray(inside)
  for (const [key, member] of Object.entries(inside)) {
    const inner = path === '' ? key : `${path}.${key}`
    if (!isList) to.push({ path: inner, text: key, name: undefined })
    collect(member, inner, isList ? name : key, to, above)
  }
  above.delete(inside)
}

/** What a text says that is JSON itself, however often. */
function unwrapped(value: unknown): unknown {
  let inside = value
  while (typeof inside === 'string' && /^\s*[[{"]/.test(inside)) {
    const next = parsed(inside)
    if (next === undefined) break
    inside = next
  }
  return inside
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) ?? undefined
  } catch {
    return undefined
  }
}

function textOf(item: LogRecord | string): string {
  return typeof item === 'string' ? item : (JSON.stringify(item) ?? '')
}

function masked(secret: string): string {
  return `${secret.slice(0, secret.length < 12 ? 1 : 4)}… (${secret.length} characters)`
}

/** Whether no record holds a secret. @throws TypeError as findSecrets does */
export function hasNoSecrets(source: RecordSource, options?: SecretOptions): CheckResult {
  const found = findSecrets(source, options)
  if (found.length === 0) return { pass: true, message: 'expected a secret in the records, found none' }
  const lines = found
    .slice(0, SHOWN)
    .map(
      ({ index, path, what, as, excerpt }) =>
        `\n  record ${index}${path === '' ? '' : `, ${path}`}: ${what}, ${as}: ${excerpt}`,
    )
  const more = found.length > SHOWN ? `\n  … ${found.length - SHOWN} more` : ''
  return {
    pass: false,
    message: `expected no secret in the records, found ${found.length}:${lines.join('')}${more}`,
  }
}

/**
 * Throws where a record holds a secret. To be pointed at a whole application: log into a memory transport, let the
 * tests run with passwords that are known, and call it at the end.
 *
 * @throws AssertionError that names record, place and kind of each, never the secret
 * @throws TypeError for a planted value of fewer than 4 characters
 */
export function expectNoSecrets(source: RecordSource, options?: SecretOptions): void {
  assertPassed(hasNoSecrets(source, options))
}
