import { type ErrorNames, writeError } from './errors.ts'
import { splitPairs } from './pairs.ts'
import type { Prefix } from './prefix.ts'
import { isRenameTarget, outputName } from './schema.ts'
import { keyText } from './shape.ts'
import { quote, quoteKey } from './text.ts'
import type { Fields } from './types.ts'
import { isError, startWalk, writeValue } from './value.ts'
import { writeThrown } from './walk.ts'

/** pino's serializers, by key. */
export type Serializers = Readonly<Record<string, ((value: unknown) => unknown) | undefined>>

const hasOwn = Object.prototype.hasOwnProperty

/**
 * Adds the call's own fields to a line. Each costs one look-up for its key (which also answers whether the name is
 * free) and the writing of its value; whatever throws on the way becomes a mark, its siblings stay.
 *
 * @param line what stands before them
 * @param message JSON text of the record's message, against which a field of that name is compared
 * @param errored true where the record has an error of its own already
 */
export function writeFields(
  line: string,
  prefix: Prefix,
  fields: Fields,
  message: string,
  errored: boolean,
  serializers: Serializers | undefined,
): string {
  const { shape } = prefix
  const { keyTexts } = shape
  let text = line
  for (const key in fields) {
    if (!hasOwn.call(fields, key)) continue
    let value: unknown
    try {
      value = fields[key]
      if (serializers !== undefined) value = serialize(serializers, key, value)
    } catch (thrown) {
      value = JSON.parse(writeThrown(thrown))
    }
    const name = keyTexts.get(key) ?? keyText(shape, key)
    if (name === '') {
      text += writeWithCare(prefix, fields, key, value, message, errored)
    } else if (typeof value === 'string') {
      text += name + quote(value)
    } else {
      const valueText = writeValue(value)
      if (valueText !== undefined) text += name + valueText
    }
  }
  return text
}

function serialize(serializers: Serializers, key: string, value: unknown): unknown {
  const serializer = serializers[key]
  return serializer === undefined || value === undefined ? value : serializer(value)
}

/** A key whose name is taken, or whose value has a form of its own: an error, a schema's conversion. */
function writeWithCare(
  prefix: Prefix,
  fields: Fields,
  key: string,
  value: unknown,
  message: string,
  errored: boolean,
): string {
  const { schema } = prefix.shape
  const isErrorKey = key === 'err' || key === schema.errorKey
  const valueText = isErrorKey ? writeErrorValue(value, schema.errorNames) : convert(prefix, key, value)
  if (valueText === undefined) return ''
  const wanted = isErrorKey ? schema.errorKey : outputName(schema, key)
  const bothErrors = isErrorKey && key !== 'err' && hasOwn.call(fields, 'err')
  const foreign = wanted === key && !isErrorKey && isRenameTarget(schema, key)
  if (!prefix.shape.taken.has(wanted) && !foreign && !bothErrors && !(isErrorKey && errored)) {
    return `,${quoteKey(wanted)}${valueText}`
  }
  if (isPresent(prefix, wanted, valueText, message)) return ''
  return `,${quoteKey(freeKey(prefix, fields, wanted))}${valueText}`
}

function convert(prefix: Prefix, key: string, value: unknown): string | undefined {
  const converter = prefix.shape.schema.convert.get(key)
  if (converter === undefined) return writeValue(value)
  try {
    return writeValue(converter(value))
  } catch {
    return writeValue(value)
  }
}

function isPresent(prefix: Prefix, name: string, valueText: string, message: string): boolean {
  if (name === prefix.shape.schema.messageKey) return valueText === message
  return splitPairs(prefix.text).some((pair) => pair.name === name && pair.value === valueText)
}

function freeKey(prefix: Prefix, fields: Fields, name: string): string {
  let free = `_${name}`
  while (prefix.shape.taken.has(free) || hasOwn.call(fields, free)) free = `_${free}`
  return free
}

/** Text of an error under the record's error key; anything may be thrown, so anything may stand here. */
export function writeErrorValue(value: unknown, names: ErrorNames): string | undefined {
  try {
    return isError(value) ? writeError(value, startErrorWalk(value), names) : writeValue(value)
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

function startErrorWalk(error: Error) {
  const walk = startWalk()
  walk.ancestors.push(error)
  return walk
}
