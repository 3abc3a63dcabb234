import { type Claims, pairWithCare, recordErrorPair } from './claims.ts'
import { type Serializers, serialize } from './fields.ts'
import type { Prefix } from './prefix.ts'
import { type Fields, NO_ERROR } from './said.ts'
import { keyText } from './shape.ts'
import { quote } from './text.ts'
import {
  KEYS_PER_VALUE,
  MAX_DEPTH,
  MAX_ENTRIES,
  markCut,
  startWalk,
  writeNested,
  writeValue,
} from './value.ts'
import { type Walk, writeThrown } from './walk.ts'

/** A record as an object while it is made: what its line says, read by JSON.parse. */
export type Made = Record<string, unknown>

const hasOwn = Object.prototype.hasOwnProperty

/**
 * A value as its text reads, by the rules of docs/record.md; undefined where it is left out. What it gives shares
 * nothing with the caller's objects, which may change before the record has left.
 */
export function plainValue(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? nested(value, startWalk()) : scalar(value)
}

function scalar(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      // -0 is written as 0.
      return Number.isFinite(value) ? value + 0 : null
    default:
      return read(writeValue(value))
  }
}

function read(text: string | undefined): unknown {
  if (text === undefined) return undefined
  const value: unknown = JSON.parse(text)
  // The line is made of what is read here.
  if (text.includes('…')) markCut(value)
  return value
}

/** Copies what most values are, small plain objects and lists; all else is written by its own rules, and read. */
function nested(value: object, walk: Walk): unknown {
  const { ancestors } = walk
  try {
    if (ancestors.length >= MAX_DEPTH || ancestors.includes(value)) return read(writeNested(value, walk))
    const list = isSmallList(value)
    if (!list && !isSmallObject(value)) return read(writeNested(value, walk))
    ancestors.push(value)
    try {
      return list ? copyList(value as unknown[], walk) : copyObject(value as Made, walk)
    } finally {
      ancestors.pop()
    }
  } catch (thrown) {
    return read(writeThrown(thrown))
  }
}

function isSmallList(value: object): boolean {
  return (
    Array.isArray(value) && value.length <= MAX_ENTRIES && Object.getPrototypeOf(value) === Array.prototype
  )
}

function isSmallObject(value: object): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  return typeof (value as Made).toJSON !== 'function' && Object.keys(value).length <= MAX_ENTRIES
}

function copyList(list: readonly unknown[], walk: Walk): unknown[] {
  const copy: unknown[] = []
  for (const one of list) copy.push(member(one, walk) ?? null)
  return copy
}

function copyObject(object: Readonly<Made>, walk: Walk): Made {
  const keys = Object.keys(object)
  walk.left -= Math.floor(keys.length / KEYS_PER_VALUE)
  const copy: Made = {}
  for (const key of keys) {
    let value: unknown
    try {
      value = member(object[key], walk)
    } catch (thrown) {
      value = read(writeThrown(thrown))
    }
    if (value !== undefined) put(copy, key, value)
  }
  return copy
}

function member(value: unknown, walk: Walk): unknown {
  if (--walk.left < 0) return '[Truncated]'
  return typeof value === 'object' && value !== null ? nested(value, walk) : scalar(value)
}

/** Sets an own key, `__proto__` too. */
export function put(to: Made, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true })
  } else to[key] = value
}

/**
 * The call's own fields, each read once and put through its serializer: a line and an object that are both made of
 * these say the same, whatever a getter answers the second time.
 *
 * @param errorKey the name that errors have in lines: what stands there, or at `err`, stays as it is, because a schema
 * has its own names for an error's parts
 */
export function plainFields(fields: Fields, errorKey: string, serializers: Serializers | undefined): Fields {
  const plain: Made = {}
  try {
    for (const key in fields) {
      if (!hasOwn.call(fields, key)) continue
      const isErrorKey = key === 'err' || key === errorKey
      const value = readField(fields, key, serializers, isErrorKey)
      if (value !== undefined) put(plain, key, value)
    }
  } catch (thrown) {
    let name = '_unreadable'
    while (hasOwn.call(plain, name)) name = `_${name}`
    plain[name] = read(writeThrown(thrown))
  }
  return plain
}

function readField(
  fields: Fields,
  key: string,
  serializers: Serializers | undefined,
  asIs: boolean,
): unknown {
  try {
    const value = serializers === undefined ? fields[key] : serialize(serializers, key, fields[key])
    return asIs ? value : plainValue(value)
  } catch (thrown) {
    return read(writeThrown(thrown))
  }
}

/**
 * Adds the record's error and the call's fields to a record that has the prefix's, under the names that they have in a
 * line of the prefix's schema.
 *
 * @param fields as plainFields gave them
 * @param msg against which a field of that name is compared
 * @param err the record's own error, or NO_ERROR
 * @param errorKey as plainFields was given it
 */
export function addFields(
  record: Made,
  prefix: Prefix,
  fields: Fields,
  msg: string,
  err: unknown,
  errorKey: string,
): void {
  const { shape } = prefix
  let claims: Claims | undefined
  if (err !== NO_ERROR) {
    claims = { prefix, fields, message: quote(msg), err, names: undefined }
    const { name, value } = recordErrorPair(claims)
    put(record, name, JSON.parse(value))
  }
  for (const key of Object.keys(fields)) {
    if (keyText(shape, key) === '') {
      claims ??= { prefix, fields, message: quote(msg), err, names: undefined }
      const pair = pairWithCare(claims, key, fields[key])
      if (pair !== undefined) put(record, pair.name, JSON.parse(pair.value))
    } else {
      const value = key === errorKey ? plainValue(fields[key]) : fields[key]
      if (value !== undefined) put(record, key, value)
    }
  }
}
