// Below it is no time but a duration or a count: 2000-01-01 in s.
const FIRST_SECONDS = 946_684_800
// Up to here it is each unit: 10^11 s is the year 5138, 10^11 ms is 1973.
const SECONDS_BELOW = 1e11
const MILLISECONDS_BELOW = 1e14
const MICROSECONDS_BELOW = 1e17

const NUMBER = /^\d{1,20}(?:\.\d{1,9})?$/
// Apache's and nginx's common log format: 21/Nov/2026:14:00:00 +0100
const COMMON = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2})(?: ?([+-]\d{2}):?(\d{2}))?$/
// RFC 3164: Nov 21 14:00:00, in the local time of a year that it does not name
const SYSLOG = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}:\d{2}:\d{2})$/
// Python's and Java's comma before the milliseconds
const COMMA = /(\d{2}:\d{2}:\d{2}),(\d)/
const DAY_MS = 24 * 60 * 60 * 1000
/** What a Date holds; ECMA-262, 21.4.1.1. */
const LAST_MS = 8.64e15

/**
 * Reads a time as loggers of many languages write it: a number (or its text) of s, ms, µs or ns since the epoch, which
 * its size tells; ISO 8601, also with a blank or a comma in it; the common log format; RFC 3164. A time without a zone
 * is the local one. A number from before the year 2000 is none.
 *
 * @param now epoch ms, for times without a year
 * @returns epoch ms; undefined for what is no time
 */
export function parseTime(value: unknown, now: number): number | undefined {
  if (typeof value === 'number') return valid(ofNumber(value))
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (NUMBER.test(text)) return valid(ofNumber(Number(text)))
  return valid(ofCommon(text) ?? ofSyslog(text, now) ?? Date.parse(text.replace(COMMA, '$1.$2')))
}

function valid(ms: number): number | undefined {
  return Math.abs(ms) <= LAST_MS ? Math.trunc(ms) : undefined
}

function ofNumber(value: number): number {
  if (value < FIRST_SECONDS) return Number.NaN
  if (value < SECONDS_BELOW) return value * 1e3
  if (value < MILLISECONDS_BELOW) return value
  return value < MICROSECONDS_BELOW ? value / 1e3 : value / 1e6
}

function ofCommon(text: string): number | undefined {
  const [, day, month, year, time, hours, minutes] = COMMON.exec(text) ?? []
  if (day === undefined) return undefined
  const zone = hours === undefined ? '' : ` GMT${hours}${minutes}`
  return Date.parse(`${day} ${month} ${year} ${time}${zone}`)
}

/** The latest such time that is not in the future; a day is left for clocks that differ. */
function ofSyslog(text: string, now: number): number | undefined {
  const [, month, day, time] = SYSLOG.exec(text) ?? []
  if (month === undefined) return undefined
  const year = new Date(now).getFullYear()
  const ms = Date.parse(`${day} ${month} ${year} ${time}`)
  return ms <= now + DAY_MS ? ms : Date.parse(`${day} ${month} ${year - 1} ${time}`)
}
