import { noteCut } from './cuts.ts'
import { type Guard, guarded, guardedKey } from './guard.ts'
import { writeHiddenMember } from './hidden.ts'
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
  const { guard } = walk
  const textPart = (read: () => unknown): string | undefined =>
    part(() => {
      const value = read()
      return typeof value === 'string' ? quote(guarded(guard, value, '')) : undefined
    }, walk)
  let text = `{${quoteKey(names.type)}${textPart(() => typeOf(error))}`
  text += `,${quoteKey(names.message)}${textPart(() => String(error.message))}`
  const stack = part(() => stackText(error, guard), walk)
  if (stack !== undefined) text += `,${quoteKey(names.stack)}${stack}`
  text += ownFields(error, walk, names)
  const cause = part(() => walk.write(error.cause, walk, 'cause'), walk)
  if (cause !== undefined) text += `,"cause":${cause}`
  const errors = part(() => walk.write((error as { errors?: unknown }).errors, walk, 'errors'), walk)
  if (errors !== undefined) text += `,"errors":${errors}`
  return `${text}}`
}

/** Frames as V8 writes them, in which no key has a value and no URL a user. */
const FRAMES = /(?:\n {4}at [^\n=@"']*)+$/y

/** A stack: the message in it is searched for secrets, the frames below it only where they are no plain ones. */
function stackText(error: Error, guard: Guard): string | undefined {
  const { stack } = error
  if (typeof stack !== 'string') return undefined
  const message: unknown = safely(() => error.message, undefined)
  if (typeof message === 'string' && stack.length <= guard.limits.string) {
    const end = stack.indexOf(message) + message.length
    const head = message === '' ? stack.indexOf('\n') : end
    FRAMES.lastIndex = head
    if (head >= message.length && head > 0 && FRAMES.test(stack)) {
      return quote(guarded(guard, stack.slice(0, head), '') + stack.slice(head))
    }
  }
  return quote(guarded(guard, stack, ''))
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
  if (keys.length > MAX_OWN_FIELDS) noteCut()
  for (const key of keys.slice(0, MAX_OWN_FIELDS)) {
    if (OWN_PARTS.has(key) || (key === 'body' && isBodyError(error))) continue
    const write = guardedKey(walk.guard, key) === '' ? writeHiddenMember : walk.write
    const value = part(() => write((error as unknown as Record<string, unknown>)[key], walk, key), walk)
    if (value === undefined) continue
    const taken = key === names.type || key === names.message || key === names.stack
    text += `,${quoteKey(taken ? freeName(keys, key) : key)}${value}`
  }
  if (keys.length > MAX_OWN_FIELDS && !keys.includes('…')) {
    text += `,"…":"${keys.length - MAX_OWN_FIELDS} more"`
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

function part(write: () => string | undefined, walk: Walk): string | undefined {
  try {
    return write()
  } catch (thrown) {
    return writeThrown(thrown, walk.guard)
  }
}

function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
