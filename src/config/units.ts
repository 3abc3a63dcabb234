const KB = 1024
const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kb: KB, mb: KB ** 2, gb: KB ** 3 }

const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: 60 * SECOND,
  h: 60 * 60 * SECOND,
  d: DAY,
  y: 365 * DAY,
}

const QUANTITY = /^(\d{1,15}(?:\.\d{1,15})?)[ \t]*([a-z]*)$/i

function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = QUANTITY.exec(text.trim())
  if (match === null) return undefined
  const unit = (match[2] ?? '').toLowerCase()
  if (!Object.hasOwn(units, unit)) return undefined
  const value = Math.round(Number(match[1]) * (units[unit] ?? Number.NaN))
  return Number.isSafeInteger(value) ? value : undefined
}

/** A size in bytes from '100MB', '1.5gb' or '4096': KB, MB and GB are powers of 1024. Undefined if it is none. */
export function parseSize(text: string): number | undefined {
  return quantity(text, SIZE_UNITS)
}

/**
 * A duration in milliseconds from '250ms', '30s', '10m', '1.5h', '7d' or '1y' (365 days). Undefined if it is
 * none. The unit is asked for, except after 0: a bare 30 has meant seconds, minutes and days to somebody.
 */
export function parseDuration(text: string): number | undefined {
  return text.trim() === '0' ? 0 : quantity(text, DURATION_UNITS)
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
}

/** True for 1, true, yes and on; false for 0, false, no and off; in any case. Undefined for anything else. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase()
  return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : undefined
}
