import { type Serializers, writeErrorValue, writeFields } from './fields.ts'
import type { Prefix } from './prefix.ts'
import { outputName, type Schema } from './schema.ts'
import { quoteKey } from './text.ts'
import type { Fields } from './types.ts'
import { writeValue } from './value.ts'

/** What a call said, before it is a line. */
export interface Said {
  readonly msg: string
  readonly fields: Fields | undefined
  /** The record's error; `NO_ERROR` where it has none, because anything at all can be thrown. */
  readonly err: unknown
}

export const NO_ERROR: unique symbol = Symbol.for('spoor.v0.no-error.1')

/**
 * One record as a line. The order is the one that people read: time, level, message, then where it comes from,
 * then what it says.
 *
 * @param head `{"time":"…","level":"info","msg":`
 * @param message JSON text of the message
 * @param source `,"source":{…}` or ''
 */
export function writeLine(
  prefix: Prefix,
  head: string,
  message: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  serializers: Serializers | undefined,
): string {
  let line = head + message + prefix.text
  if (source !== '') line += source
  const errored = err !== NO_ERROR
  if (errored) line += errorText(prefix, err)
  if (fields !== undefined) line = writeFields(line, prefix, fields, message, errored, serializers)
  return `${line}}\n`
}

function errorText(prefix: Prefix, err: unknown): string {
  const { errorKey, errorNames } = prefix.shape.schema
  return `,${quoteKey(errorKey)}${writeErrorValue(err, errorNames) ?? 'null'}`
}

/** `,"source":{…}` from the JSON text of a place, in the schema's form. */
export function sourceField(schema: Schema, source: string): string {
  const convert = schema.convert.get('source')
  const text = convert === undefined ? source : writeValue(convert(JSON.parse(source)))
  return `,${quoteKey(outputName(schema, 'source'))}${text}`
}
