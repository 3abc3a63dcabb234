import { hidesKey } from './guard.ts'
import { isRenameTarget, outputName, type Schema } from './schema.ts'
import { flat } from './text.ts'

/**
 * The keys that a line already has before the call's own fields are written: reserved names, identity, bindings
 * and the scope's. Shapes are shared: two prefixes with the same keys in the same order have the same shape.
 *
 * `keyText` answers, with one look-up, what to write for a call's key: `,"key":`, or '' where that name is taken
 * or its value hidden, and the careful way is needed.
 */
export interface Shape {
  readonly schema: Schema
  readonly taken: ReadonlySet<string>
  /** Call key -> its text; bounded, because keys can be made from data. */
  readonly keyTexts: Map<string, string>
  /** Output name -> the shape with that name added. */
  readonly next: Map<string, Shape>
  /** What all shapes of one ground may still keep: names and keys can be made from data. */
  readonly budget: { shapes: number; keyTexts: number }
}

const MAX_SHAPES = 1000
const MAX_KEY_TEXTS = 16_384
const MAX_KEY_LENGTH = 128
/** A shape with more names is not shared: nobody writes such lines by hand. */
const MAX_SHARED_NAMES = 96

/** The shape of a line with `names` taken, which no other shape leads to. */
export function makeShape(schema: Schema, names: Iterable<string>, budget = newBudget()): Shape {
  return { schema, taken: new Set(names), keyTexts: new Map(), next: new Map(), budget }
}

function newBudget(): Shape['budget'] {
  return { shapes: MAX_SHAPES, keyTexts: MAX_KEY_TEXTS }
}

/** The shape with these output names taken besides. */
export function withNames(shape: Shape, names: readonly string[]): Shape {
  let at = shape
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    const next = at.next.get(name) ?? grown(at, name)
    if (next === undefined) return makeShape(at.schema, [...at.taken, ...names.slice(i)], at.budget)
    at = next
  }
  return at
}

function grown(shape: Shape, name: string): Shape | undefined {
  const { budget, taken } = shape
  if (budget.shapes <= 0 || taken.size >= MAX_SHARED_NAMES || name.length > MAX_KEY_LENGTH) return undefined
  budget.shapes--
  const made = makeShape(shape.schema, [...taken, name], budget)
  shape.next.set(name, made)
  return made
}

/** Text for a key of the call, or '' where it needs the careful way. */
export function keyText(shape: Shape, key: string): string {
  const known = shape.keyTexts.get(key)
  if (known !== undefined) return known
  const text = needsCare(shape, key) ? '' : flat(`,${shape.schema.quoteKey(outputName(shape.schema, key))}`)
  if (shape.budget.keyTexts > 0 && key.length <= MAX_KEY_LENGTH) {
    shape.budget.keyTexts--
    shape.keyTexts.set(key, text)
  }
  return text
}

function needsCare(shape: Shape, key: string): boolean {
  const { schema, taken } = shape
  if (key === 'err' || key === schema.errorKey || schema.convert.has(key)) return true
  if (hidesKey(schema.guard, key)) return true
  const name = outputName(schema, key)
  return taken.has(name) || (name === key && isRenameTarget(schema, key))
}
