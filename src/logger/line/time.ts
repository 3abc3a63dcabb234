let second = -1
let secondText = ''
let millisecond = -1
let text = ''

/**
 * ISO 8601 in UTC with milliseconds. The text of the last second is kept: a record pays for at most three digits.
 *
 * @param now milliseconds since the epoch; outside of what a Date can hold it is written as the epoch
 */
export function isoTime(now: number): string {
  if (now === millisecond) return text
  const inSecond = Math.floor(now / 1000)
  if (inSecond !== second) {
    const date = new Date(now)
    secondText = Number.isNaN(date.getTime()) ? '1970-01-01T00:00:00.' : date.toISOString().slice(0, -4)
    second = inSecond
  }
  millisecond = now
  text = `${secondText}${String(1000 + Math.floor(now) - inSecond * 1000).slice(1)}Z`
  return text
}
