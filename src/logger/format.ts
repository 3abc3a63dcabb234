import { isError, writeValue } from './value.ts'

/** A message with its placeholders filled, and what is left for the record. */
export interface Formatted {
  readonly text: string
  /** Errors that filled a placeholder (they stay the record's), then the arguments that none took. */
  readonly rest: readonly unknown[]
}

/**
 * printf as pino has it: %s %d %i %f %j %o %O %%, only where an argument is left. A plain object is taken by
 * %s %j %o %O alone, so that `'50%done', { a: 1 }` stays a message and its fields. An error that fills a
 * placeholder shows its message and remains the record's error.
 */
export function format(template: string, args: readonly unknown[]): Formatted {
  const rest = [...args]
  const errors: unknown[] = []
  let text = ''
  let from = 0
  let at = template.indexOf('%')
  while (at !== -1 && at < template.length - 1) {
    const kind = template[at + 1] as string
    if (kind === '%' || takes(kind, rest)) {
      text += template.slice(from, at)
      text += kind === '%' ? '%' : show(kind, takeFirst(rest, errors))
      from = at + 2
    }
    at = template.indexOf('%', Math.max(from, at + 1))
  }
  return { text: text + template.slice(from), rest: [...errors, ...rest] }
}

function takes(kind: string, rest: readonly unknown[]): boolean {
  if (rest.length === 0) return false
  if ('sjoO'.includes(kind)) return true
  const next = rest[0]
  return 'dif'.includes(kind) && (typeof next !== 'object' || next === null)
}

function takeFirst(rest: unknown[], errors: unknown[]): unknown {
  const value = rest.shift()
  if (isError(value)) errors.push(value)
  return value
}

function show(kind: string, value: unknown): string {
  if (isError(value)) return String(value.message)
  switch (kind) {
    case 'd':
      return typeof value === 'bigint' ? String(value) : String(Number(value))
    case 'i':
      return String(Math.floor(Number(value)))
    case 'f':
      return String(Number(value))
    case 's':
      return typeof value === 'object' && value !== null ? (writeValue(value) ?? '') : String(value)
    default:
      return typeof value === 'string' && kind !== 'j' ? `'${value}'` : (writeValue(value) ?? String(value))
  }
}
