import { optionError, unknownOptionError } from './errors.ts'
import { LEVELS_ACCEPTED, parseLevel } from './levels.ts'
import { nearest } from './nearest.ts'
import { parseDuration, parseSize } from './units.ts'

// No rule accepts it, and a message shows it as what it is.
const UNREADABLE = Symbol('a getter that throws')

/** One rule for one option. */
export interface Check {
  /** What may stand there, to follow 'expected'. */
  readonly expected: string
  accepts(value: unknown): boolean
  /** The rules of the options inside, where the value is a group of options itself. */
  readonly inside?: Readonly<Record<string, Check>>
}

/** A rule for each option of an options interface: forgetting one does not compile. */
export type OptionsSpec<T> = { readonly [K in keyof T]-?: Check }

/**
 * Checks what the code passed as options; undefined stands for left out.
 *
 * @param where what the options belong to, such as 'fileTransport'
 * @throws TypeError ERR_SPOOR_OPTION for a name that is unknown, or a value that its rule does not accept
 */
export function checkOptions<T extends object>(
  value: T | undefined,
  spec: OptionsSpec<T>,
  where: string,
): void {
  if (value === undefined) return
  if (!isGroup(value))
    throw optionError({ option: `${where}(options)`, value, expected: 'an object of options' })
  checkGroup(value, spec, (name) => `${where}({ ${name} })`)
}

function checkGroup(
  value: object,
  spec: Readonly<Record<string, Check>>,
  nameOf: (name: string) => string,
): void {
  for (const name of Object.keys(value)) {
    const check = Object.hasOwn(spec, name) ? spec[name] : undefined
    if (check === undefined) {
      const known = Object.keys(spec)
      throw unknownOptionError(nameOf(name), known, nearest(name, known))
    }
    const given = readOption(value, name)
    if (given === undefined) continue
    if (!isAccepted(check, given)) {
      throw optionError({
        option: nameOf(name),
        value: given === UNREADABLE ? given.description : given,
        expected: check.expected,
      })
    }
    if (check.inside !== undefined && isGroup(given)) {
      checkGroup(given, check.inside, (inner) => nameOf(`${name}: { ${inner} }`))
    }
  }
}

function readOption(options: object, name: string): unknown {
  try {
    return (options as Record<string, unknown>)[name]
  } catch {
    return UNREADABLE
  }
}

// A getter or proxy of the caller's that throws is a value that can't be used.
function isAccepted(check: Check, value: unknown): boolean {
  if (value === UNREADABLE) return false
  try {
    return check.accepts(value)
  } catch {
    return false
  }
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function check(expected: string, accepts: (value: unknown) => boolean): Check {
  return { expected, accepts }
}

export const isAnything = check('anything', () => true)
export const isBoolean = check('true or false', (value) => typeof value === 'boolean')
export const isString = check(
  'a string that is not empty',
  (value) => typeof value === 'string' && value !== '',
)
export const isFunction = check('a function', (value) => typeof value === 'function')
export const isObject = check('an object', isGroup)
export const isLevel = check(
  `a level: ${LEVELS_ACCEPTED}`,
  (value) => typeof value === 'string' && parseLevel(value) !== undefined,
)
/** Bytes as a number, or '100MB'; `bytesOf` reads it. */
export const isSize = check(
  'a size: a number of bytes, or a string such as 100MB',
  (value) => bytesOf(value as string | number) !== undefined,
)
/** Milliseconds as a number, or '10m'; `millisecondsOf` reads it. */
export const isDuration = check(
  'a duration: a number of milliseconds, or a string such as 10m',
  (value) => millisecondsOf(value as string | number) !== undefined,
)

/** A number from `min` to `max`, both included; @default any that is finite. */
export function isNumber(range: { min?: number; max?: number; integer?: boolean } = {}): Check {
  const { min = -Number.MAX_VALUE, max = Number.MAX_VALUE, integer = false } = range
  const bounds = [
    range.min === undefined ? '' : ` from ${range.min}`,
    range.max === undefined ? '' : ` up to ${range.max}`,
  ]
  return check(
    `${integer ? 'a whole number' : 'a number'}${bounds.join('')}`,
    (value) =>
      typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)),
  )
}

/** One of these values, compared by identity. */
export function isOneOf(...values: readonly (string | number | boolean)[]): Check {
  return check(`one of ${values.join(', ')}`, (value) => (values as readonly unknown[]).includes(value))
}

/** An array whose every element `element` accepts. */
export function isListOf(element: Check): Check {
  return check(
    `an array, each element ${element.expected}`,
    (value) => Array.isArray(value) && value.every((each) => element.accepts(each)),
  )
}

/** An object whose every value `element` accepts. */
export function isRecordOf(element: Check): Check {
  return check(
    `an object, each value ${element.expected}`,
    (value) => isGroup(value) && Object.values(value).every((each) => element.accepts(each)),
  )
}

/** What any of these rules accepts. */
export function isEither(...checks: readonly Check[]): Check {
  const expected = checks.map((each) => each.expected).join(', or ')
  return check(expected, (value) => checks.some((each) => each.accepts(value)))
}

/** A group of options inside the options, with rules of its own. */
export function isOptions<T extends object>(spec: OptionsSpec<T>): Check {
  return {
    expected: 'an object of options',
    accepts: isGroup,
    inside: spec as Readonly<Record<string, Check>>,
  }
}

/** Bytes from what `isSize` accepts. */
export function bytesOf(size: string | number): number | undefined {
  if (typeof size === 'string') return parseSize(size)
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined
}

/** Milliseconds from what `isDuration` accepts. */
export function millisecondsOf(duration: string | number): number | undefined {
  if (typeof duration === 'string') return parseDuration(duration)
  return typeof duration === 'number' && duration >= 0 && duration < Number.POSITIVE_INFINITY
    ? duration
    : undefined
}
