import { type Core, voiceSym } from './core.ts'
import { outputName } from './line/schema.ts'
import { writeValue } from './line/value.ts'
import { formatOptsSym, stringifiersSym, wildcardFirstSym } from './slots.ts'

/** True where paths are redacted: a child's own, or the configuration's. */
export function redacts(core: Core): boolean {
  const { pipeline, redacts } = core[voiceSym]
  return redacts || pipeline.redacts
}

type Stringifier = (value: unknown) => unknown
type Stringifiers = Record<string | symbol, Stringifier | undefined>

/** pino's redactor of a field: by its own name, by the one that it leaves with, or moved aside to `_name`. */
function redactorOf(core: Core, name: string): Stringifier | undefined {
  const all = core[stringifiersSym] as Stringifiers
  const { schema } = core[voiceSym].pipeline
  const bare = name.replace(/^_+/, '')
  for (const key of Object.keys(all)) {
    if ([key, outputName(schema, key)].some((known) => known === name || known === bare)) return all[key]
  }
  return all[wildcardFirstSym]
}

/** The redactors of these fields, for pino's asJson, which knows a field by the name that it has there. */
export function redactorsOf(core: Core, names: readonly string[]): object {
  const found = Object.create(null) as Stringifiers
  for (const name of names) found[name] = redactorOf(core, name)
  found[wildcardFirstSym] = (core[stringifiersSym] as Stringifiers)[wildcardFirstSym]
  return found
}

/**
 * JSON text of a value as pino's `redact` leaves it; undefined where it takes the value away. A censor that
 * throws leaves a mark in the value's place, never the value.
 */
export function redactText(core: Core, name: string, text: string): string | undefined {
  const redactor = redactorOf(core, name)
  if (!redactor) return text
  try {
    const redacted = redactor(JSON.parse(text))
    return typeof redacted === 'string' ? redacted : undefined
  } catch {
    return '"[Redacted]"'
  }
}

/** JSON text of a whole object, redacted by the same paths: what pino puts in a message for %o and %j. */
export function redactWhole(core: Core, value: unknown): string | undefined {
  const text = writeValue(value)
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
