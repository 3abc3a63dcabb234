import { type Claims, writeRecordError, writeWithCare } from './claims.ts'
import { noteCut } from './cuts.ts'
import { guarded } from './guard.ts'
import type { Prefix } from './prefix.ts'
import type { Fields } from './said.ts'
import { NO_ERROR } from './said.ts'
import { keyText } from './shape.ts'
import { quote, quoteKey } from './text.ts'
import { isWhole, writeValue } from './value.ts'
import { writeThrown } from './walk.ts'

/** pino's serializers, by key. */
export type Serializers = Readonly<Record<string, ((value: unknown) => unknown) | undefined>>

const hasOwn = Object.prototype.hasOwnProperty

/**
 * Adds the record's error and the call's own fields to a line. Each costs one look-up for its key (which also
 * answers whether the name is free) and the writing of its value; whatever throws on the way becomes a mark, its
 * siblings stay.
 *
 * @param line what stands before them
 * @param message JSON text of the record's message, against which a field of that name is compared
 * @param err the record's own error, or NO_ERROR
 */
export function writeFields(
  line: string,
  prefix: Prefix,
  fields: Fields,
  message: string,
  err: unknown,
  serializers: Serializers | undefined,
): string {
  const { shape } = prefix
  const { keyTexts } = shape
  const { guard } = shape.schema
  let left = guard.limits.keys
  let text = line
  let claims: Claims | undefined
  try {
    if (err !== NO_ERROR) {
      claims = { prefix, fields, message, err, names: undefined }
      text += writeRecordError(claims)
    }
    for (const key in fields) {
      if (!hasOwn.call(fields, key)) continue
      if (--left < 0 && !isWhole(fields)) {
        text += more(text, prefix, fields, guard.limits.keys)
        break
      }
      let value: unknown
      try {
        value = fields[key]
        if (serializers !== undefined) value = serialize(serializers, key, value)
      } catch (thrown) {
        value = JSON.parse(writeThrown(thrown, guard))
      }
      const name = keyTexts.get(key) ?? keyText(shape, key)
      if (name === '') {
        claims ??= { prefix, fields, message, err, names: undefined }
        text += writeWithCare(claims, key, value)
      } else if (typeof value === 'string') {
        text += name + quote(guarded(guard, value, key))
      } else {
        const valueText = writeValue(value, guard, key)
        if (valueText !== undefined) text += name + valueText
      }
    }
  } catch (thrown) {
    return text + unreadable(text, prefix, thrown)
  }
  return text
}

export function serialize(serializers: Serializers, key: string, value: unknown): unknown {
  const serializer = serializers[key]
  return serializer === undefined || value === undefined ? value : serializer(value)
}

/** The mark for fields whose keys can't be listed: a proxy's trap threw. */
function unreadable(text: string, prefix: Prefix, thrown: unknown): string {
  const name = freeMark('_unreadable', text, prefix)
  return `,${quoteKey(name)}${writeThrown(thrown, prefix.shape.schema.guard)}`
}

/** The mark for the fields of a call that has more than are written. */
function more(text: string, prefix: Prefix, fields: Fields, written: number): string {
  noteCut()
  return `,${quoteKey(freeMark('…', text, prefix))}"${Object.keys(fields).length - written} more"`
}

function freeMark(wanted: string, text: string, prefix: Prefix): string {
  let name = wanted
  while (prefix.shape.taken.has(name) || text.includes(quoteKey(name))) name = `_${name}`
  return name
}
