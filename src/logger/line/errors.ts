import { quote, quoteKey } from './text.ts'
import { type Walk, writeThrown } from './walk.ts'

/** Names of an error's parts in the record; a schema may give others (ECS: `stack_trace`). */
export interface ErrorNames {
  readonly type: string
  readonly message: string
  readonly stack: string
}

const DEFAULT_NAMES: ErrorNames = { type: 'type', message: 'message', stack: 'stack' }
const OWN_PARTS = new Set(['name', 'message', 'stack', 'cause', 'errors'])
const MAX_OWN_FIELDS = 64

/**
 * `{type, message, stack, …own fields, cause, errors}`: the whole cause chain (ES2022) and an AggregateError's
 * errors, cycles marked. A part that throws while it is read becomes a mark; the others stay.
 */
export function writeError(error: Error, walk: Walk, names: ErrorNames = DEFAULT_NAMES): string {
  let text = `{${quoteKey(names.type)}${quote(typeOf(error))}`
  text += `,${quoteKey(names.message)}${part(() => quote(String(error.message)))}`
  const stack = part(() => (typeof error.stack === 'string' ? quote(error.stack) : undefined))
  if (stack !== undefined) text += `,${quoteKey(names.stack)}${stack}`
  text += ownFields(error, walk, names)
  const cause = part(() => walk.write(error.cause, walk))
  if (cause !== undefined) text += `,"cause":${cause}`
  const errors = part(() => walk.write((error as { errors?: unknown }).errors, walk))
  if (errors !== undefined) text += `,"errors":${errors}`
  return `${text}}`
}

/** The name that says most: one that was set, else the class's. */
export function typeOf(error: Error): string {
  return safely(() => {
    const { name } = error
    if (typeof name === 'string' && name !== '' && name !== 'Error') return name
    const made = error.constructor?.name
    return typeof made === 'string' && made !== '' ? made : 'Error'
  }, 'Error')
}

function ownFields(error: Error, walk: Walk, names: ErrorNames): string {
  const keys = safely(() => Object.keys(error), [])
  let text = ''
  for (const key of keys.slice(0, MAX_OWN_FIELDS)) {
    if (OWN_PARTS.has(key) || (key === 'body' && isBodyError(error))) continue
    const value = part(() => walk.write((error as unknown as Record<string, unknown>)[key], walk))
    if (value === undefined) continue
    const taken = key === names.type || key === names.message || key === names.stack
    text += `,${quoteKey(taken ? freeName(keys, key) : key)}${value}`
  }
  return text
}

/** body-parser's errors carry the request's whole body, with whatever secrets are in it: http-errors' types. */
function isBodyError(error: Error): boolean {
  const type = safely(() => (error as { type?: unknown }).type, undefined)
  return typeof type === 'string' && /^(entity|encoding|charset|request)\./.test(type)
}

function freeName(keys: readonly string[], key: string): string {
  let name = `_${key}`
  while (keys.includes(name)) name = `_${name}`
  return name
}

function part(write: () => string | undefined): string | undefined {
  try {
    return write()
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
