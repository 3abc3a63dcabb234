import { type Core, voiceSym } from './core.ts'
import { splitPairs, textOfPairs } from './line/pairs.ts'
import { outputName } from './line/schema.ts'
import { writeValue } from './line/value.ts'
import { chindingsSym, formatOptsSym, stringifiersSym, wildcardFirstSym } from './slots.ts'

/** True where paths are redacted: a child's own, or the configuration's. */
export function redacts(core: Core): boolean {
  const { pipeline, redacts } = core[voiceSym]
  return redacts || pipeline.redacts
}

type Stringifier = (value: unknown) => unknown
type Stringifiers = Record<string | symbol, Stringifier | undefined>

/** pino's redactor of a field: by its own name, by the one that it leaves with, or moved aside to `_name`. */
function redactorOf(core: Core, name: string, ...others: string[]): Stringifier | undefined {
  const all = core[stringifiersSym] as Stringifiers
  const { schema } = core[voiceSym].pipeline
  const names = [name, name.replace(/^_+/, ''), ...others]
  for (const key of Object.keys(all)) {
    if (names.includes(key) || names.includes(outputName(schema, key))) return all[key]
  }
  return all[wildcardFirstSym]
}

/**
 * The redactors of these fields, for pino's asJson, which knows a field by the name that it has there. The message has
 * been through its own.
 */
export function redactorsOf(core: Core, names: readonly string[], messageKey: string): object {
  const found = Object.create(null) as Stringifiers
  for (const name of names) found[name] = redactorOf(core, name)
  found[messageKey] = (msg) => JSON.stringify(msg)
  found[wildcardFirstSym] = (core[stringifiersSym] as Stringifiers)[wildcardFirstSym]
  return found
}

/**
 * JSON text of a value as pino's `redact` leaves it; undefined where it takes the value away. A censor that
 * throws leaves a mark in the value's place, never the value.
 */
export function redactText(core: Core, name: string, text: string, ...others: string[]): string | undefined {
  const redactor = redactorOf(core, name, ...others)
  if (!redactor) return text
  try {
    const redacted = redactor(JSON.parse(text))
    return typeof redacted === 'string' ? redacted : undefined
  } catch {
    return '"[Redacted]"'
  }
}

/** The value of an object's field, by its name in the default schema, as `redact` leaves it; undefined as above. */
export function redactValue(core: Core, name: string, value: unknown): unknown {
  const text = redactText(core, name, JSON.stringify(value), nameInLines(core, name))
  return text === undefined ? undefined : JSON.parse(text)
}

/** Paths may name a field as lines do. */
function nameInLines(core: Core, name: string): string {
  const { schema } = core[voiceSym].pipeline
  const bare = name.replace(/^_+/, '')
  if (bare === 'msg') return schema.messageKey
  return bare === 'err' ? schema.errorKey : outputName(schema, bare)
}

/** A prefix's text, redacted, a line's or an object's: what pino redacts is bindings and fields, ours has the scope's besides. */
export function redactPrefix(core: Core, text: string): string {
  const done = new Set(splitPairs(core[chindingsSym]).map(({ name }) => name))
  const pairs = splitPairs(text).flatMap(({ name, value }) => {
    const kept = done.has(name) ? value : redactText(core, name, value, nameInLines(core, name))
    return kept === undefined ? [] : [{ name, value: kept }]
  })
  return textOfPairs(pairs)
}

/** JSON text of a whole object, redacted by the same paths: what pino puts in a message for %o and %j. */
export function redactWhole(core: Core, value: unknown): string | undefined {
  const text = writeValue(value, core[voiceSym].pipeline.schema.guard)
  const { stringify } = (core as unknown as Record<symbol, { stringify?: (value: unknown) => unknown }>)[
    formatOptsSym
  ] as { stringify?: (value: unknown) => unknown }
  if (text === undefined || stringify === undefined) return text
  try {
    const redacted = stringify(JSON.parse(text))
    return typeof redacted === 'string' ? redacted : JSON.stringify(redacted)
  } catch {
    return '"[Redacted]"'
  }
}
