import { RECORD_KEYS } from '../../config/lists.ts'
import { nearest } from '../../config/nearest.ts'
import { usageError } from './usage.ts'

/** The field, an attribute's name in OpenTelemetry and ECS, that says which log a record is from. */
export const PATH_FIELD = 'log.file.path'

/** Of a record's own keys those that say where it is from, which whoever ships it may know better. */
const ALLOWED = ['service', 'version', 'env', 'region', 'host', 'machine_id', 'worker_id', 'component']
const KEY = /^[^\p{Cc}\p{Cs}"\\,=]{1,128}$/u

/**
 * Reads `key=value` into constant fields, on top of those of LOG_LABELS.
 *
 * @throws a usage error
 */
export function labelsOf(
  all: readonly string[],
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  const labels: Record<string, string> = { ...defaults }
  for (const one of all) {
    const at = one.indexOf('=')
    const key = one.slice(0, Math.max(at, 0)).trim()
    const value = one.slice(at + 1).trim()
    if (!KEY.test(key) || value === '')
      throw usageError('--label is none, expected --label key=value, such as --label service=shop.')
    if (RECORD_KEYS.includes(key) && !ALLOWED.includes(key)) {
      const meant = nearest(key, ALLOWED)
      const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
      throw usageError(`--label ${key} is what each record says of itself, expected another key.${advice}`)
    }
    labels[key] = value
  }
  return labels
}
