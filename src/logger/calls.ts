import pino from 'pino'
import { format } from './format.ts'
import { NO_ERROR, type Said } from './said.ts'
import type { Fields } from './types.ts'
import { isError, writeValue } from './value.ts'

/**
 * Reads the arguments of a level method. The forms, in the order in which they are tried:
 *
 * - `(err)`, `(err, msg, …printf)`, `(err, fields)`, `(err, msg, fields)`
 * - `(fields)`, `(fields, msg, …printf)`: pino's order
 * - `(msg)`, `(msg, fields)`, `(msg, err)`, `(msg, err, fields)`, `(msg, …printf, fields)`
 *
 * An Error is always the record's `err`; the first plain object its fields; whatever is left goes to `args`.
 */
export function readCall(args: readonly unknown[], msgPrefix: string | undefined): Said {
  const [first, ...others] = args
  if (typeof first === 'string') return collect(first, others, undefined, NO_ERROR, msgPrefix)
  if (isError(first)) {
    const said = afterObject(others, undefined, first, msgPrefix)
    return said.msg === '' && !others.some(isText) ? { ...said, msg: errorMessage(first) } : said
  }
  if (typeof first === 'object' && first !== null) return readObjectFirst(first, others, msgPrefix)
  if (first === undefined && others.length > 0) return readCall(others, msgPrefix)
  return collect(args.length === 0 ? '' : String(first), others, undefined, NO_ERROR, msgPrefix)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function errorMessage(error: Error): string {
  try {
    return String(error.message)
  } catch {
    return ''
  }
}

function readObjectFirst(first: object, others: readonly unknown[], msgPrefix: string | undefined): Said {
  const fields = asFields(first)
  const said = afterObject(others, fields, NO_ERROR, msgPrefix)
  if (others.some(isText)) return said
  const own = readOwn(fields, 'msg')
  if (typeof own === 'string') return { ...said, msg: (msgPrefix ?? '') + own }
  const err = readOwn(fields, 'err')
  return isError(err) ? { ...said, msg: (msgPrefix ?? '') + errorMessage(err) } : said
}

function readOwn(fields: Fields, key: string): unknown {
  try {
    return Object.hasOwn(fields, key) ? fields[key] : undefined
  } catch {
    return undefined
  }
}

function afterObject(
  others: readonly unknown[],
  fields: Fields | undefined,
  err: unknown,
  msgPrefix: string | undefined,
): Said {
  const [msg, ...rest] = others
  return typeof msg === 'string'
    ? collect(msg, rest, fields, err, msgPrefix)
    : collect(undefined, others, fields, err, msgPrefix)
}

function collect(
  template: string | undefined,
  args: readonly unknown[],
  given: Fields | undefined,
  error: unknown,
  msgPrefix: string | undefined,
): Said {
  const whole = template === undefined ? '' : (msgPrefix ?? '') + template
  const { text, rest } =
    args.length > 0 && whole.includes('%') ? format(whole, args) : { text: whole, rest: args }
  let fields = given
  let err = error
  const left: unknown[] = []
  for (const value of rest) {
    if (err === NO_ERROR && isError(value)) err = value
    else if (fields === undefined && isFields(value)) fields = asFields(value)
    else if (value !== undefined) left.push(value)
  }
  return { msg: text, fields: left.length === 0 ? fields : withArgs(fields, left), err }
}

function isFields(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isError(value)
}

function withArgs(fields: Fields | undefined, args: readonly unknown[]): Fields {
  let key = 'args'
  while (fields !== undefined && Object.hasOwn(fields, key)) key = `_${key}`
  return copyWith(fields, key, args)
}

/** A copy that keeps what a getter throws: the line writer meets it again and marks it. */
function copyWith(fields: Fields | undefined, key: string, value: unknown): Fields {
  const copy = Object.create(null) as Record<string, unknown>
  if (fields !== undefined) Object.defineProperties(copy, Object.getOwnPropertyDescriptors(fields))
  Object.defineProperty(copy, key, { value, enumerable: true })
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
  if (Array.isArray(value) || value instanceof Set || ArrayBuffer.isView(value)) return { args: value }
  if (Object.getPrototypeOf(value) === Object.prototype) return mapHttp(value)
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, member]) => [String(key), member]))
  const http = mapHttp(value)
  if (http !== value) return http
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function') return value as Fields
  const json = JSON.parse(writeValue(value) ?? 'null') as unknown
  return isFields(json) ? (json as Fields) : { args: [json] }
}

/** As pino does it: method + headers + socket is a request, setHeader a response. */
function mapHttp(value: object): Fields {
  const like = value as { method?: unknown; headers?: unknown; socket?: unknown; setHeader?: unknown }
  if (like.method && like.headers && like.socket) return { req: pino.stdSerializers.req(value as never) }
  if (typeof like.setHeader === 'function') return { res: pino.stdSerializers.res(value as never) }
  return value as Fields
}
