import { type Fields, freeName } from './known-names.ts'
import type { ForeignLine } from './lines.ts'

/** What every record of a log gets. */
export interface ConstantFields {
  /** They win: a record's own of that name steps aside to `_name`, so that no record chooses its label itself. */
  readonly labels: Readonly<Record<string, string>>
  /** For records that don't say so themselves. */
  readonly defaults: Readonly<Record<string, string>>
}

/** A record with its constant fields. */
export interface Enriched {
  readonly line: string
  readonly record: Fields
}

/**
 * Adds the fields to the record and, where that is a JSON object, to the line, whose other bytes stay as they are.
 */
export function withConstantFields(foreign: ForeignLine, { labels, defaults }: ConstantFields): Enriched {
  const { record, fields } = foreign
  let { line } = foreign
  const added: Fields = {}
  for (const [key, value] of Object.entries(labels)) {
    const aside = freeName(key, record, fields ?? {})
    if (Object.hasOwn(record, key) && record[key] !== value) record[aside] = record[key]
    record[key] = value
    if (fields === undefined || (Object.hasOwn(fields, key) && fields[key] === value)) continue
    if (Object.hasOwn(fields, key)) line = withKeyRenamed(line, key, aside)
    added[key] = value
  }
  for (const [key, value] of Object.entries(defaults)) {
    if (Object.hasOwn(record, key)) continue
    record[key] = value
    if (fields !== undefined && !Object.hasOwn(fields, key)) added[key] = value
  }
  return { line: fields === undefined ? line : withAdded(line, added), record }
}

/** Puts the fields before the closing brace. */
function withAdded(line: string, added: Fields): string {
  const text = JSON.stringify(added).slice(1, -1)
  if (text === '') return line
  const end = line.lastIndexOf('}')
  const before = line.slice(0, end)
  return `${before}${before.trim() === '{' ? '' : ','}${text}}`
}

/** Gives a key of a JSON object another name, wherever it stands, and leaves all else byte for byte. */
export function withKeyRenamed(line: string, key: string, name: string): string {
  let text = ''
  let copied = 0
  let depth = 0
  for (let at = 0; at < line.length; at++) {
    const character = line[at]
    if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    if (character !== '"') continue
    const end = endOfString(line, at)
    if (depth === 1 && isKey(line, end) && JSON.parse(line.slice(at, end)) === key) {
      text += line.slice(copied, at) + JSON.stringify(name)
      copied = end
    }
    at = end - 1
  }
  return text + line.slice(copied)
}

/** Behind the closing quote. */
function endOfString(line: string, start: number): number {
  for (let at = start + 1; ; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === '"') return at + 1
  }
}

const COLON = /\s*:/y

/** A string in a value of the outermost object is not followed by a colon. */
function isKey(line: string, end: number): boolean {
  COLON.lastIndex = end
  return COLON.test(line)
}
