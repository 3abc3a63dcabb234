import { parseArgs } from 'node:util'
import { nearest } from '../../config/nearest.ts'
import { visible } from '../../config/visible.ts'
import { OPTIONS, type OptionName } from './options.ts'
import { usageError } from './usage.ts'

/** What was written on the command line. */
export interface Arguments {
  /** The values of an option, in their order; [] for one that was not given. */
  all(name: OptionName): readonly string[]
  /** The last value of an option. */
  one(name: OptionName): string | undefined
  /** Whether a switch was given. */
  is(name: OptionName): boolean
  readonly paths: readonly string[]
}

const NAMES = Object.keys(OPTIONS) as OptionName[]
/** Said where somebody tries. */
const REFUSED: Readonly<Record<string, string>> = {
  token:
    '--token is not taken, since everybody on this machine can read it in the process list. Put the token into an environment variable and name that: --token-env LOKI_TOKEN; LOG_HTTP_TOKEN is read without being named.',
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

/**
 * Reads the command line. No message repeats a value: it may be a secret that stands in the wrong place.
 *
 * @throws a usage error
 */
export function readArguments(args: readonly string[]): Arguments {
  const options = Object.fromEntries(NAMES.map((name) => [name, configOf(name)]))
  const { tokens = [] } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const given = new Map<OptionName, string[]>()
  const paths: string[] = []
  for (const token of tokens as Token[]) {
    if (token.kind === 'positional') paths.push(token.value)
    if (token.kind !== 'option') continue
    const name = knownName(token.name, token.rawName)
    const value = readValue(name, token.value, token.inlineValue)
    given.set(name, [...(given.get(name) ?? []), value])
  }
  for (const [name, values] of given) {
    if (values.length > 1 && OPTIONS[name].value !== undefined && OPTIONS[name].many !== true)
      throw usageError(`--${name} was given ${values.length} times, expected once.`)
  }
  return {
    all: (name) => given.get(name) ?? [],
    one: (name) => given.get(name)?.at(-1),
    is: (name) => given.has(name),
    paths,
  }
}

function configOf(name: OptionName) {
  const { value, short } = OPTIONS[name]
  return {
    type: value === undefined ? ('boolean' as const) : ('string' as const),
    multiple: true,
    ...(short === undefined ? {} : { short }),
  }
}

function knownName(name: string, rawName: string): OptionName {
  if (Object.hasOwn(REFUSED, name)) throw usageError(REFUSED[name] as string)
  if ((NAMES as string[]).includes(name)) return name as OptionName
  const near = nearest(name, [...NAMES, ...Object.keys(REFUSED)])
  const meant = near === 'token' ? 'token-env' : near
  const advice = meant === undefined ? '' : ` Did you mean --${meant}?`
  throw usageError(`${visible(rawName)} is not an option.${advice} spoor ship --help lists them.`)
}

function readValue(name: OptionName, value: string | undefined, inline: boolean | undefined): string {
  const { value: expected } = OPTIONS[name]
  if (expected === undefined) {
    if (value !== undefined) throw usageError(`--${name} takes no value; leave out what stands behind it.`)
    return ''
  }
  // What looks like an option is one that was forgotten a value before.
  if (value === undefined || value === '' || (value.startsWith('-') && inline !== true))
    throw usageError(`--${name} has no value, expected --${name} ${expected}.`)
  return value
}
