import { optionError, unknownOptionError } from '../../config/errors.ts'
import { nearest } from '../../config/nearest.ts'
import { makeKeyRules, nameOf } from './keys.ts'

/** What of records is hidden, and how. What is left out follows LOG_REDACT and its kin. */
export interface RedactOptions {
  /** Keys that hide besides spoor's own: names, found at any depth however they are spelt, or patterns. @default LOG_REDACT_KEYS */
  readonly keys?: readonly (string | RegExp)[] | undefined
  /** Keys that hide nothing though a rule says so. @default LOG_REDACT_EXCEPT */
  readonly except?: readonly (string | RegExp)[] | undefined
  /** Patterns for what is a secret wherever it stands, in messages too. @default none besides spoor's own */
  readonly values?: readonly RegExp[] | undefined
  /** 'on' writes `[redacted]`, 'hash' a keyed hash, 'remove' leaves the field out, 'off' hides nothing. @default LOG_REDACT, else 'on' */
  readonly mode?: 'on' | 'hash' | 'remove' | 'off' | undefined
  /** The key of hashes, 16 characters or more. @default LOG_REDACT_KEY */
  readonly hashKey?: string | undefined
  /** Whether `user_id` and `session_id` are written or hashed. @default LOG_REDACT_IDS, else 'keep' */
  readonly ids?: 'keep' | 'hash' | undefined
  /** pino's paths; with any, records take the slower way through pino. @default none */
  readonly paths?: readonly string[] | undefined
  /** pino's censor for its paths. @default '[Redacted]' */
  readonly censor?: string | ((value: unknown, path: string[]) => unknown) | undefined
  /** Whether what pino's paths name is left out. @default false */
  readonly remove?: boolean | undefined
}

/** The rules, off or on with their defaults, pino's paths, or all of it. */
export type Redact = boolean | readonly string[] | RedactOptions

const NAMES = ['keys', 'except', 'values', 'mode', 'hashKey', 'ids', 'paths', 'censor', 'remove'] as const
const MODES = ['on', 'hash', 'remove', 'off']
const LEAST_HASH_KEY = 16

/** The options in one form; false is mode 'off'. */
export function redactOptions(redact: Redact | null | undefined): RedactOptions {
  if (redact === undefined || redact === null || redact === true) return {}
  if (redact === false) return { mode: 'off' }
  return isList(redact) ? { paths: redact } : redact
}

function isList(redact: Redact): redact is readonly string[] {
  return Array.isArray(redact)
}

/**
 * Refuses what is wrong, and every rule that could never hide anything: a redaction that does nothing without a word is
 * worse than none.
 *
 * @param canMatch says of a path whether pino's redaction finds anything by it
 * @throws TypeError ERR_SPOOR_OPTION
 */
export function checkRedact(
  redact: unknown,
  where: string,
  hasHashKey: boolean,
  canMatch: (path: string) => boolean,
): void {
  const option = (name: string): string => `${where}({ redact: { ${name} } })`
  if (redact === undefined || redact === null || typeof redact === 'boolean') return
  if (typeof redact !== 'object') {
    const expected = 'true, false, an array of paths, or an object of options'
    throw optionError({ option: `${where}({ redact })`, value: redact, expected })
  }
  const options = redactOptions(redact as Redact) as Readonly<Record<string, unknown>>
  for (const name of Object.keys(options)) {
    if (!(NAMES as readonly string[]).includes(name)) {
      throw unknownOptionError(option(name), NAMES, nearest(name, NAMES))
    }
  }
  const { keys, except, values, mode, hashKey, ids, paths, censor, remove } = options
  checkNames(option('keys'), keys)
  checkNames(option('except'), except)
  checkExceptions(
    option('except'),
    (except ?? []) as (string | RegExp)[],
    (keys ?? []) as (string | RegExp)[],
  )
  checkValues(option('values'), values)
  checkOneOf(option('mode'), mode, MODES)
  checkOneOf(option('ids'), ids, ['keep', 'hash'])
  checkHashKey(option('hashKey'), hashKey)
  if ((mode === 'hash' || ids === 'hash') && hashKey === undefined && !hasHashKey) {
    const expected = 'a text of 16 characters or more for mode or ids "hash"'
    const instead = 'Set LOG_REDACT_KEY, or hashKey: without a key anybody could try values.'
    throw optionError({ option: option('hashKey'), value: undefined, expected, instead })
  }
  checkPaths(option('paths'), paths, canMatch)
  checkCensor(option, paths, censor, remove)
}

function checkOneOf(option: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || words.includes(value as string)) return
  throw optionError({ option, value, expected: `one of ${words.join(', ')}` })
}

function checkNames(option: string, value: unknown): void {
  if (value === undefined) return
  const expected = 'an array of names and regular expressions'
  if (!Array.isArray(value)) throw optionError({ option, value, expected })
  for (const each of value) {
    if (each instanceof RegExp) continue
    if (typeof each !== 'string') throw optionError({ option, value: each, expected })
    if (/[*[\]]/.test(each)) {
      const bare = each.split(/[.*[\]"']+/).findLast((part) => part !== '') ?? 'password'
      const instead = `Write '${bare}': it is found at any depth. paths takes pino's paths.`
      throw optionError({
        option,
        value: each,
        expected: 'names of keys, not paths: it can never match',
        instead,
      })
    }
    if (nameOf(each) === '') {
      throw optionError({ option, value: each, expected: 'names with letters or digits: it can never match' })
    }
  }
}

function checkExceptions(
  option: string,
  except: readonly (string | RegExp)[],
  keys: readonly (string | RegExp)[],
): void {
  const [value] = uselessExceptions(except, keys)
  if (value === undefined) return
  const instead = 'Leave it out, or write the key as it stands in the records.'
  throw optionError({ option, value, expected: 'keys that a rule hides: it can never match', instead })
}

/** The exceptions by name that no rule would hide anyway. */
export function uselessExceptions(
  except: readonly (string | RegExp)[],
  keys: readonly (string | RegExp)[],
): string[] {
  const judge = makeKeyRules({ keys, except: [], hashIds: true })
  const names = except.filter((each) => typeof each === 'string')
  return names.filter((name) => judge(name) !== 'secret' && judge(name) !== 'id')
}

function checkValues(option: string, value: unknown): void {
  if (value === undefined) return
  const expected = 'an array of regular expressions'
  if (!Array.isArray(value)) throw optionError({ option, value, expected })
  for (const each of value) {
    if (!(each instanceof RegExp)) throw optionError({ option, value: each, expected })
    if (new RegExp(each.source, each.flags.replace(/[gy]/g, '')).test('')) {
      const instead = 'It matches the empty text, and so between all characters; ask for one at least.'
      throw optionError({ option, value: String(each), expected: 'patterns that match something', instead })
    }
  }
}

function checkHashKey(option: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value.length >= LEAST_HASH_KEY)) return
  const shown = typeof value === 'string' ? `${value.length} characters long` : typeof value
  throw optionError({ option, value: shown, expected: `a text of ${LEAST_HASH_KEY} characters or more` })
}

/** True for a key that hashes may have. */
export function isHashKey(key: string | undefined): key is string {
  return key !== undefined && key.length >= LEAST_HASH_KEY
}

function checkPaths(option: string, value: unknown, canMatch: (path: string) => boolean): void {
  if (value === undefined) return
  const expected = "an array of pino's paths, such as 'req.headers.cookie' or '*.pin'"
  if (!Array.isArray(value)) throw optionError({ option, value, expected })
  for (const path of value) {
    if (typeof path !== 'string' || path === '') throw optionError({ option, value: path, expected })
    if (canMatch(path)) continue
    const name = path.split(/[.*[\]"']+/).findLast((part) => part !== '')
    const instead =
      name === undefined
        ? 'Name a key.'
        : `Write keys: ['${name}'], which is found at any depth, or a path in which each * stands for one whole key.`
    throw optionError({ option, value: path, expected: `${expected}: it can never match`, instead })
  }
}

function checkCensor(
  option: (name: string) => string,
  paths: unknown,
  censor: unknown,
  remove: unknown,
): void {
  if (censor !== undefined && typeof censor !== 'string' && typeof censor !== 'function') {
    throw optionError({ option: option('censor'), value: censor, expected: 'a text or a function' })
  }
  if (remove !== undefined && typeof remove !== 'boolean') {
    throw optionError({ option: option('remove'), value: remove, expected: 'true or false' })
  }
  if (paths !== undefined || (censor === undefined && remove !== true)) return
  const name = censor === undefined ? 'remove' : 'censor'
  const instead = "They belong to pino's paths, and there are none. Use mode for what spoor's own rules hide."
  throw optionError({ option: option(name), value: 'given', expected: 'paths beside it', instead })
}
