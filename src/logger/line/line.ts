import { hasCuts } from './cuts.ts'
import { type Serializers, writeFields } from './fields.ts'
import { cutMark, fitted } from './fit.ts'
import type { Prefix } from './prefix.ts'
import type { Fields } from './said.ts'
import { NO_ERROR } from './said.ts'
import { outputName, type Schema } from './schema.ts'
import { quoteKey } from './text.ts'
import { writeValue } from './value.ts'

const NO_FIELDS: Fields = {}

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
  if (fields !== undefined) line = writeFields(line, prefix, fields, message, err, serializers)
  else if (err !== NO_ERROR) line = writeFields(line, prefix, NO_FIELDS, message, err, serializers)
  if (hasCuts()) line += cutMark(prefix, line)
  const { record } = prefix.shape.schema.guard.limits
  // UTF-8 needs three bytes for a UTF-16 unit at most: a short line is not measured.
  return line.length * 3 + 6 > record ? fitted(`${line}}\n`, record) : `${line}}\n`
}

/** `,"source":{…}` from the JSON text of a place, in the schema's form. */
export function sourceField(schema: Schema, source: string): string {
  const convert = schema.convert.get('source')
  const text = convert === undefined ? source : writeValue(convert(JSON.parse(source)))
  return `,${quoteKey(outputName(schema, 'source'))}${text}`
}
