import { isError } from '../line/value.ts'

/** A message with its placeholders filled, and what is left for the record. */
export interface Formatted {
  readonly text: string
  /** Errors that filled a placeholder (they stay the record's), then the arguments that none took. */
  readonly rest: readonly unknown[]
}

type Stringify = (value: unknown) => string | undefined

/**
 * printf as pino has it: %s %d %i %f %j %o %O %%, only where an argument is left. A plain object is taken by
 * %s %j %o %O alone, so that `'50%done', { a: 1 }` stays a message and its fields. An error that fills a
 * placeholder shows its message and remains the record's error.
 *
 * @param stringify JSON text of an object for %s %j %o %O; pino's redacting one where there is one
 */
export function format(template: string, args: readonly unknown[], stringify: Stringify): Formatted {
  const rest = [...args]
  const errors: unknown[] = []
  let text = ''
  let from = 0
  let at = template.indexOf('%')
  while (at !== -1 && at < template.length - 1) {
    const kind = template[at + 1] as string
    if (kind === '%' || takes(kind, rest)) {
      text += template.slice(from, at)
      text += kind === '%' ? '%' : showSafely(kind, takeFirst(rest, errors), stringify)
      from = at + 2
    }
    at = template.indexOf('%', Math.max(from, at + 1))
  }
  return { text: text + template.slice(from), rest: [...errors, ...rest] }
}

function takes(kind: string, rest: readonly unknown[]): boolean {
  if (rest.length === 0) return false
  const next = rest[0]
  if (kind === 's') return true
  if ('joO'.includes(kind)) return next !== undefined
  return 'dif'.includes(kind) && typeof next !== 'object' && next !== undefined
}

function takeFirst(rest: unknown[], errors: unknown[]): unknown {
  const value = rest.shift()
  if (isError(value)) errors.push(value)
  return value
}

/** A symbol is no number, and what a user's object says of itself may throw. */
function showSafely(kind: string, value: unknown, stringify: Stringify): string {
  try {
    return show(kind, value, stringify)
  } catch {
    return typeof value === 'symbol' ? String(value) : '[Throws]'
  }
}

function show(kind: string, value: unknown, stringify: Stringify): string {
  if (isError(value)) return String(value.message)
  switch (kind) {
    case 'd':
      return typeof value === 'bigint' ? String(value) : String(Number(value))
    case 'i':
      return String(Math.floor(Number(value)))
    case 'f':
      return String(Number(value))
    case 's':
      return typeof value === 'object' && value !== null ? bare(stringify(value) ?? '') : String(value)
    default:
      if (typeof value === 'string') return `'${value}'`
      if (typeof value === 'function') return value.name || '<anonymous>'
      return stringify(value) ?? String(value)
  }
}

/** What an object gives as a text, a Date or a secret, stands in a message as any other text does. */
function bare(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json
}
