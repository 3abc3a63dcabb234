import { types } from 'node:util'
import pino from 'pino'
import { type Guard, OPEN_GUARD } from '../line/guard.ts'
import { copyKey, type Fields, NO_ERROR, type Said } from '../line/said.ts'
import { isError, writeValue } from '../line/value.ts'
import { writeThrown } from '../line/walk.ts'
import { format } from './format.ts'

/**
 * Reads the arguments of a level method. The forms, in the order in which they are tried:
 *
 * - `(err)`, `(err, msg, …printf)`, `(err, fields)`, `(err, msg, fields)`
 * - `(fields)`, `(fields, msg, …printf)`: pino's order
 * - `(msg)`, `(msg, fields)`, `(msg, err)`, `(msg, err, fields)`, `(msg, …printf, fields)`
 *
 * An Error is always the record's `err`; the first plain object its fields; whatever is left goes to `args`.
 */
export function readCall(args: readonly unknown[], how: Reading = {}): Said {
  const start = args.length > 1 ? Math.max(0, args.findIndex(isSomething)) : 0
  const first = args[start]
  const others = args.slice(start + 1)
  if (typeof first === 'string') return collect(first, others, undefined, NO_ERROR, how)
  if (isError(first)) {
    const said = afterObject(others, undefined, first, how)
    return others.some(isText) ? said : { ...said, msg: prefixed(how, errorMessage(first)) }
  }
  if (typeof first === 'object' && first !== null) return readObjectFirst(first, others, how)
  return collect(args.length === 0 ? '' : textOf(first), others, undefined, NO_ERROR, how)
}

/** How a logger reads its calls. */
export interface Reading {
  /** Stands before every message. */
  readonly msgPrefix?: string | undefined
  /** JSON text of an object in a placeholder. @default what the guard lets through */
  readonly stringify?: ((value: unknown) => string | undefined) | undefined
  /** What of an object may stand in a message. @default all */
  readonly guard?: Guard | undefined
}

function prefixed({ msgPrefix }: Reading, msg: string): string {
  return msgPrefix === undefined ? msg : msgPrefix + msg
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '[Throws]'
  }
}

function errorMessage(error: Error): string {
  try {
    return String(error.message)
  } catch {
    return ''
  }
}

function readObjectFirst(first: object, others: readonly unknown[], how: Reading): Said {
  const fields = asFields(first)
  const said = afterObject(others, fields, NO_ERROR, how)
  if (others.some(isText)) return said
  const own = readOwn(fields, 'msg')
  if (typeof own === 'string') return withMessage(said, own, how)
  if (said.err !== NO_ERROR) return { ...said, msg: prefixed(how, errorMessage(said.err as Error)) }
  const err = readOwn(fields, 'err')
  return isError(err) ? { ...said, msg: prefixed(how, errorMessage(err)) } : said
}

/** A field `msg` is the message; with a prefix it is another text, and would stand on the line twice. */
function withMessage(said: Said, own: string, how: Reading): Said {
  if (how.msgPrefix === undefined) return { ...said, msg: own }
  const fields = copyOf(said.fields)
  delete fields.msg
  return { ...said, msg: how.msgPrefix + own, fields }
}

function readOwn(fields: Fields, key: string): unknown {
  try {
    return Object.hasOwn(fields, key) ? fields[key] : undefined
  } catch {
    return undefined
  }
}

/** Behind an object the message is the first text; errors and fields may stand before it. */
function afterObject(
  others: readonly unknown[],
  fields: Fields | undefined,
  err: unknown,
  how: Reading,
): Said {
  const at = others.findIndex((value) => typeof value !== 'object' || value === null)
  const msg = others[at]
  if (typeof msg !== 'string') return collect(undefined, others, fields, err, how)
  return collect(msg, [...others.slice(at + 1), ...others.slice(0, at)], fields, err, how)
}

function collect(
  template: string | undefined,
  args: readonly unknown[],
  given: Fields | undefined,
  error: unknown,
  how: Reading,
): Said {
  const whole = template === undefined ? '' : prefixed(how, template)
  const { text, rest } =
    args.length > 0 && whole.includes('%')
      ? format(whole, args, stringifyOf(how))
      : { text: whole, rest: args }
  let fields = given
  let err = error
  const left: unknown[] = []
  for (const value of rest) {
    // An error or fields that there were none of: `server.close((err) => logger.info('closed', err))`.
    if (value === null && rest.length === 1) continue
    if (err === NO_ERROR && isError(value)) err = value
    else if (fields === undefined && isFields(value)) fields = isPlain(value) ? value : asFields(value)
    else if (value !== undefined) left.push(value)
  }
  return { msg: text, fields: left.length === 0 ? fields : withArgs(fields, left), err }
}

function stringifyOf({ stringify, guard = OPEN_GUARD }: Reading): (value: unknown) => string | undefined {
  return stringify ?? ((value) => writeValue(value, guard))
}

/** True for an object literal. */
export function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false
  try {
    return Object.getPrototypeOf(value) === Object.prototype
  } catch {
    return false
  }
}

function isFields(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isList(value) && !isError(value)
}

function isList(value: object): boolean {
  try {
    return Array.isArray(value)
  } catch {
    // A revoked proxy: its keys can't be listed either, and the line writer says so.
    return false
  }
}

function withArgs(fields: Fields | undefined, args: readonly unknown[]): Fields {
  const copy = copyOf(fields)
  let key = 'args'
  while (Object.hasOwn(copy, key)) key = `_${key}`
  copy[key] = args
  return copy
}

/** A copy that keeps what a getter throws: the line writer meets it again and marks it. */
function copyOf(fields: Fields | undefined): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  try {
    for (const key of Object.keys(fields ?? {})) copyKey(copy, key, fields as Fields, key)
  } catch (thrown) {
    copy._unreadable = JSON.parse(writeThrown(thrown))
  }
  return copy
}

/** A request or a response as pino maps it, a Map by its keys, what has toJSON by that; else the object. */
function asFields(value: object): Fields {
  try {
    return mapped(value)
  } catch {
    return value as Fields
  }
}

function mapped(value: object): Fields {
  if (Array.isArray(value) || types.isSet(value) || ArrayBuffer.isView(value)) return { args: value }
  if (isPlain(value)) return mapHttp(value)
  if (types.isMap(value)) return fieldsOfMap(value)
  const http = mapHttp(value)
  if (http !== value) return http
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function') return value as Fields
  const json = JSON.parse(writeValue(value) ?? 'null') as unknown
  return isFields(json) ? (json as Fields) : { args: [json] }
}

function fieldsOfMap(map: Map<unknown, unknown>): Fields {
  const entries = [...Map.prototype.entries.call(map)]
  if (!entries.every(([key]) => typeof key !== 'object' && typeof key !== 'function')) return { args: map }
  return Object.fromEntries(entries.map(([key, member]) => [String(key), member]))
}

/** As pino does it: method + headers + socket is a request, setHeader a response. */
function mapHttp(value: object): Fields {
  const like = value as { method?: unknown; headers?: unknown; socket?: unknown; setHeader?: unknown }
  if (like.method && like.headers && like.socket) return { req: pino.stdSerializers.req(value as never) }
  if (typeof like.setHeader === 'function') return { res: pino.stdSerializers.res(value as never) }
  return value as Fields
}
