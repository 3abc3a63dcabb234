import type { Core } from './core.ts'
import { stringifiersSym, wildcardFirstSym } from './slots.ts'

/**
 * JSON text of a value as pino's `redact` leaves it; undefined where it takes the value away. A censor that
 * throws leaves a mark in the value's place, never the value.
 */
export function redactText(core: Core, name: string, text: string): string | undefined {
  const stringifiers = core[stringifiersSym] as Readonly<
    Record<string | symbol, ((value: unknown) => unknown) | undefined>
  >
  const stringifier = (Object.hasOwn(stringifiers, name) && stringifiers[name]) || stringifiers[wildcardFirstSym]
  if (!stringifier) return text
  try {
    const redacted = stringifier(JSON.parse(text))
    return typeof redacted === 'string' ? redacted : undefined
  } catch {
    return '"[Redacted]"'
  }
}
