import { type Claims, pairWithCare, recordErrorPair } from './claims.ts'
import { type Serializers, serialize } from './fields.ts'
import type { Prefix } from './prefix.ts'
import { type Fields, NO_ERROR } from './said.ts'
import { keyText } from './shape.ts'
import { quote } from './text.ts'
import { writeValue } from './value.ts'
import { writeThrown } from './walk.ts'

/** A record as an object while it is made: what its line says, read by JSON.parse. */
export type Made = Record<string, unknown>

const hasOwn = Object.prototype.hasOwnProperty

/**
 * A value as its text reads, by the rules of docs/record.md; undefined where it is left out. What it gives shares
 * nothing with the caller's objects, which may change before the record has left.
 */
export function plainValue(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      // -0 is written as 0.
      return Number.isFinite(value) ? value + 0 : null
    default: {
      const text = writeValue(value)
      return text === undefined ? undefined : JSON.parse(text)
    }
  }
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
    plain[name] = JSON.parse(writeThrown(thrown))
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
    return JSON.parse(writeThrown(thrown))
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
