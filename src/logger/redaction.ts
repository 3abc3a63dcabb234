import { type Core, voiceSym } from './core.ts'
import { formatOptsSym, stringifiersSym, wildcardFirstSym } from './slots.ts'
import { writeValue } from './value.ts'

/** True where paths are redacted: a child's own, or the configuration's. */
export function redacts(core: Core): boolean {
  const { pipeline, redacts } = core[voiceSym]
  return redacts || pipeline.redacts
}

/**
 * JSON text of a value as pino's `redact` leaves it; undefined where it takes the value away. A censor that
 * throws leaves a mark in the value's place, never the value.
 */
export function redactText(core: Core, name: string, text: string): string | undefined {
  const stringifiers = core[stringifiersSym] as Readonly<
    Record<string | symbol, ((value: unknown) => unknown) | undefined>
  >
  const stringifier =
    (Object.hasOwn(stringifiers, name) && stringifiers[name]) || stringifiers[wildcardFirstSym]
  if (!stringifier) return text
  try {
    const redacted = stringifier(JSON.parse(text))
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
