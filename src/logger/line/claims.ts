import { type ErrorNames, writeError } from './errors.ts'
import { type Guard, hidesKey } from './guard.ts'
import { writeHiddenMember } from './hidden.ts'
import { type Pair, splitPairs } from './pairs.ts'
import type { Prefix } from './prefix.ts'
import type { Fields } from './said.ts'
import { NO_ERROR } from './said.ts'
import { isRenameTarget, outputName, outputValue, type Schema } from './schema.ts'
import { quoteKey } from './text.ts'
import { isError, startWalk, writeValue } from './value.ts'
import { writeThrown } from './walk.ts'

/** What is needed to give each of a call's keys a name of its own; made only where a name is in question. */
export interface Claims {
  readonly prefix: Prefix
  readonly fields: Fields
  /** JSON text of the record's message, against which a field of that name is compared. */
  readonly message: string
  /** The record's own error, or NO_ERROR. */
  readonly err: unknown
  /** The names that this call's keys want, and those that were given; undefined until two want the same. */
  names: Set<string> | undefined
}

const hasOwn = Object.prototype.hasOwnProperty

/** `,"err":{…}`: the record's own error. */
export function writeRecordError(claims: Claims): string {
  return textOf(recordErrorPair(claims))
}

/** A key whose name is taken, or whose value has a form of its own: an error, a schema's conversion. */
export function writeWithCare(claims: Claims, key: string, value: unknown): string {
  const pair = pairWithCare(claims, key, value)
  return pair === undefined ? '' : textOf(pair)
}

function textOf({ name, value }: Pair): string {
  return `,${quoteKey(name)}${value}`
}

export function recordErrorPair(claims: Claims): Pair {
  const { prefix, err } = claims
  const { errorKey, errorNames } = prefix.shape.schema
  const name = prefix.shape.taken.has(errorKey) ? freeName(claims, errorKey) : errorKey
  return { name, value: writeErrorValue(err, errorNames, prefix.shape.schema.guard) ?? 'null' }
}

/** Undefined where the field is not written: it has no value, or it is there already. */
export function pairWithCare(claims: Claims, key: string, value: unknown): Pair | undefined {
  const { prefix, fields, err } = claims
  const { schema, taken } = prefix.shape
  const errored = err !== NO_ERROR
  const isErrorKey = key === 'err' || key === schema.errorKey
  if (isErrorKey && errored && value === err) return undefined
  const wanted = wantedName(schema, key)
  const hidden = !isErrorKey && hidesKey(schema.guard, key)
  // A value that a scope shows, such as its session_id, is not hidden beside it.
  if (hidden && taken.has(wanted) && isPresent(claims, wanted, writeValue(value) ?? '')) return undefined
  const valueText = isErrorKey
    ? writeErrorValue(value, schema.errorNames, schema.guard)
    : hidden
      ? writeHiddenMember(value, startWalk(schema.guard), key)
      : writeValue(outputValue(schema, key, value), schema.guard, key)
  if (valueText === undefined) return undefined
  const bothErrors = isErrorKey && key !== 'err' && hasOwn.call(fields, 'err')
  const foreign = wanted === key && !isErrorKey && isRenameTarget(schema, key)
  if (!taken.has(wanted) && !foreign && !bothErrors && !(isErrorKey && errored)) {
    return { name: wanted, value: valueText }
  }
  if (isPresent(claims, wanted, valueText)) return undefined
  return { name: freeName(claims, wanted), value: valueText }
}

function wantedName(schema: Schema, key: string): string {
  return key === 'err' ? schema.errorKey : outputName(schema, key)
}

/** `_name`, or with as many underscores more as it takes. */
function freeName(claims: Claims, name: string): string {
  const { taken, schema } = claims.prefix.shape
  claims.names ??= new Set(Object.keys(claims.fields).map((key) => wantedName(schema, key)))
  let free = `_${name}`
  while (taken.has(free) || claims.names.has(free)) free = `_${free}`
  claims.names.add(free)
  return free
}

function isPresent({ prefix, message }: Claims, name: string, valueText: string): boolean {
  if (name === prefix.shape.schema.messageKey) return valueText === message
  return splitPairs(prefix.text).some((pair) => pair.name === name && pair.value === valueText)
}

/** Text of an error under the record's error key; anything may be thrown, so anything may stand here. */
function writeErrorValue(value: unknown, names: ErrorNames, guard: Guard): string | undefined {
  try {
    if (!isError(value)) return writeValue(value, guard, 'err')
    const walk = startWalk(guard)
    walk.ancestors.push(value)
    return writeError(value, walk, names)
  } catch (thrown) {
    return writeThrown(thrown, guard)
  }
}
