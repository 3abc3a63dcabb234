import { type Claims, pairWithCare, recordErrorPair } from './claims.ts'
import { CUT_KEY, endCuts, hasCuts, noteCut, startCuts } from './cuts.ts'
import { type Serializers, serialize } from './fields.ts'
import { type Guard, guarded, guardedKey } from './guard.ts'
import { hidingName, isHeaderList, writeHidden, writeHiddenMember } from './hidden.ts'
import type { Prefix } from './prefix.ts'
import { type Fields, NO_ERROR } from './said.ts'
import type { Schema } from './schema.ts'
import { keyText } from './shape.ts'
import { quote } from './text.ts'
import { KEYS_PER_VALUE, markCut, markWhole, startWalk, writeNested, writeValue } from './value.ts'
import { type Walk, writeThrown } from './walk.ts'

/** A record as an object while it is made: what its line says, read by JSON.parse. */
export type Made = Record<string, unknown>

const hasOwn = Object.prototype.hasOwnProperty

/**
 * A value as its text reads, by the rules of docs/record.md; undefined where it is left out. What it gives shares
 * nothing with the caller's objects, which may change before the record has left.
 */
export function plainValue(value: unknown, guard: Guard, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? nested(value, startWalk(guard), key)
    : scalar(value, guard, key)
}

function scalar(value: unknown, guard: Guard, key: string): unknown {
  switch (typeof value) {
    case 'string':
      return guarded(guard, value, key)
    case 'boolean':
      return value
    case 'number':
      // -0 is written as 0.
      return Number.isFinite(value) ? value + 0 : null
    default:
      return read(writeValue(value, guard, key), guard)
  }
}

function read(text: string | undefined, guard: Guard): unknown {
  if (text === undefined) return undefined
  const value: unknown = JSON.parse(text)
  // The line is made of what is read here, and an error has more parts than an object may have keys.
  markCut(value, guard.limits.keys)
  return value
}

/** Copies what most values are, small plain objects and lists; all else is written by its own rules, and read. */
function nested(value: object, walk: Walk, key: string): unknown {
  const { ancestors, guard } = walk
  try {
    if (ancestors.length >= guard.limits.depth || ancestors.includes(value) || !isSmall(value, guard)) {
      return read(writeNested(value, walk, key), guard)
    }
    ancestors.push(value)
    try {
      return Array.isArray(value) ? copyList(value, walk, key) : copyObject(value as Made, walk)
    } finally {
      ancestors.pop()
    }
  } catch (thrown) {
    return read(writeThrown(thrown, guard), guard)
  }
}

function isSmall(value: object, { limits }: Guard): boolean {
  // In this order: what a revoked proxy throws is the mark that a line has.
  if (Array.isArray(value)) {
    return value.length <= limits.keys && Object.getPrototypeOf(value) === Array.prototype
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  return typeof (value as Made).toJSON !== 'function' && Object.keys(value).length <= limits.keys
}

function copyList(list: readonly unknown[], walk: Walk, key: string): unknown[] {
  const { guard } = walk
  const headers = isHeaderList(guard, list)
  const copy: unknown[] = []
  for (const one of list) {
    const name = headers ? hidingName(guard, list, copy.length) : undefined
    const value = name === undefined ? member(one, walk, key) : read(writeHidden(one, walk, name), guard)
    copy.push(value ?? null)
  }
  return copy
}

function copyObject(object: Readonly<Made>, walk: Walk): Made {
  const { guard } = walk
  const keys = Object.keys(object)
  walk.left -= Math.floor(keys.length / KEYS_PER_VALUE)
  const copy: Made = {}
  for (const key of keys) {
    let value: unknown
    try {
      value = object[key]
      const name = guard.keyTexts.get(key) ?? guardedKey(guard, key)
      value = name === '' ? read(writeHiddenMember(value, walk, key), guard) : member(value, walk, key)
    } catch (thrown) {
      value = read(writeThrown(thrown, guard), guard)
    }
    if (value !== undefined) put(copy, key, value)
  }
  return copy
}

function member(value: unknown, walk: Walk, key: string): unknown {
  if (--walk.left < 0) {
    noteCut()
    return '[Truncated]'
  }
  return typeof value === 'object' && value !== null
    ? nested(value, walk, key)
    : scalar(value, walk.guard, key)
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
 * @param schema of lines; what stands at its name for errors, or at `err`, stays as it is, because a schema has its own
 * names for an error's parts
 */
export function plainFields(fields: Fields, schema: Schema, serializers: Serializers | undefined): Fields {
  const { guard, errorKey } = schema
  const outer = startCuts()
  const plain: Made = {}
  let left = guard.limits.keys
  try {
    for (const key in fields) {
      if (!hasOwn.call(fields, key)) continue
      if (--left < 0) {
        noteCut()
        put(plain, freeName(plain, '…'), `${Object.keys(fields).length - guard.limits.keys} more`)
        markWhole(plain)
        break
      }
      const isErrorKey = key === 'err' || key === errorKey
      // Also where that is undefined: a key that leaves nothing has its name in a line, and so here.
      put(plain, key, readField(fields, key, serializers, guard, isErrorKey))
    }
  } catch (thrown) {
    plain[freeName(plain, '_unreadable')] = read(writeThrown(thrown, guard), guard)
  }
  // What is made of these is not cut again, and would not say that it was.
  if (hasCuts() && plain[CUT_KEY] !== true) plain[freeName(plain, CUT_KEY)] = true
  endCuts(outer)
  return plain
}

function freeName(plain: Made, wanted: string): string {
  let name = wanted
  while (hasOwn.call(plain, name)) name = `_${name}`
  return name
}

function readField(
  fields: Fields,
  key: string,
  serializers: Serializers | undefined,
  guard: Guard,
  asIs: boolean,
): unknown {
  try {
    const value = serializers === undefined ? fields[key] : serialize(serializers, key, fields[key])
    // Whether the key hides it is asked when it gets its name: a scope may show the same.
    return asIs ? value : plainValue(value, guard, key)
  } catch (thrown) {
    return read(writeThrown(thrown, guard), guard)
  }
}

/**
 * Adds the record's error and the call's fields to a record that has the prefix's, under the names that they have in a
 * line of the prefix's schema.
 *
 * @param fields as plainFields gave them
 * @param msg against which a field of that name is compared
 * @param err the record's own error, or NO_ERROR
 * @param errorKey of lines
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
      const value = key === errorKey ? plainValue(fields[key], shape.schema.guard, key) : fields[key]
      if (value !== undefined) put(record, key, value)
    }
  }
}
