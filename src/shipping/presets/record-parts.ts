import type { Shipped } from '../shipped.ts'

/**
 * The field that carries `Shipped.id` where a back end has no place of its own for it: what arrived twice has the
 * same, so that a query can leave the second one out.
 */
export const ID_FIELD = 'spoor_id'

/** A record's value as a text; undefined where it has none that is a text, a number or a boolean. */
export function textOf(record: Shipped['record'], key: string): string | undefined {
  if (!Object.hasOwn(record, key)) return undefined
  const value = record[key]
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/**
 * The record as one line of JSON: the line itself, byte for byte, where that is an object (so that the names that
 * LOG_SCHEMA gave and numbers of any length stay); else, for text that somebody else wrote, the record made of it.
 */
export function jsonOf({ line, record }: Shipped): string {
  return isJsonObject(line) ? line : JSON.stringify(record)
}

function isJsonObject(line: string): boolean {
  if (!line.startsWith('{')) return false
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}
