import { isRenameTarget, outputName, type Schema } from './schema.ts'
import { flat, quoteKey } from './text.ts'

/**
 * The keys that a line already has before the call's own fields are written: reserved names, identity, bindings
 * and the scope's. Shapes are shared: two prefixes with the same keys in the same order have the same shape.
 *
 * `keyText` answers, with one look-up, what to write for a call's key: `,"key":`, or '' where that name is taken
 * and the careful way has to find another.
 */
export interface Shape {
  readonly schema: Schema
  readonly taken: ReadonlySet<string>
  /** Call key -> its text; bounded, because keys can be made from data. */
  readonly keyTexts: Map<string, string>
  /** Output name -> the shape with that name added. */
  readonly next: Map<string, Shape>
}

const MAX_KEY_TEXTS = 1024
const MAX_KEY_LENGTH = 128
const MAX_NEXT = 256

/** The shape of a line with `names` taken. */
export function makeShape(schema: Schema, names: Iterable<string>): Shape {
  return { schema, taken: new Set(names), keyTexts: new Map(), next: new Map() }
}

/** The shape with one more output name taken. */
export function withName(shape: Shape, name: string): Shape {
  const known = shape.next.get(name)
  if (known !== undefined) return known
  const made = makeShape(shape.schema, [...shape.taken, name])
  if (shape.next.size < MAX_NEXT && name.length <= MAX_KEY_LENGTH) shape.next.set(name, made)
  return made
}

/** Text for a key of the call, or '' where it needs the careful way. */
export function keyText(shape: Shape, key: string): string {
  const known = shape.keyTexts.get(key)
  if (known !== undefined) return known
  const text = needsCare(shape, key) ? '' : flat(`,${quoteKey(outputName(shape.schema, key))}`)
  if (shape.keyTexts.size < MAX_KEY_TEXTS && key.length <= MAX_KEY_LENGTH) shape.keyTexts.set(key, text)
  return text
}

function needsCare(shape: Shape, key: string): boolean {
  const { schema, taken } = shape
  if (key === 'err' || key === schema.errorKey || schema.convert.has(key)) return true
  const name = outputName(schema, key)
  return taken.has(name) || (name === key && isRenameTarget(schema, key))
}
