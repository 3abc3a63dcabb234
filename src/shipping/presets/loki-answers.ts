import type { Answer, Verdict } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { judgeByStatus, reasonOf, retryAfterMs } from './answers.ts'

// The texts are those of Loki 3.7.8 (pkg/validation, pkg/distributor, pkg/ingester, pkg/chunkenc); older ones have the
// same with a capital letter. They are all that Loki says.

/** However a blocked tenant is answered: `block_ingestion_status_code` may be any number. */
const BLOCKED = /ingestion blocked for user/i
/** More than the distributor hands on (a permanent 500), or than it reads. */
const TOO_LARGE = /larger than max|exceeds limit \d|request body too large/i
/** What makes Loki refuse every push, whatever is in it, until somebody changes a setting. */
const SET_UP =
  /missing required labels|has \d+ label names; limit|label name too long|this feature is disallowed|^(?:tenant|no org|multiple org) ids?\b|^content-encoding/i
/** What is wrong with the labels, and so with all of a push: it has one label set. */
const BAD_LABELS =
  /label value too long|duplicate label name|error parsing labels|couldn't parse labels|at least one label pair/i

/** What an answer of Loki's means for the records of its push, all of one label set. Never throws. */
export function judgeLoki(answer: Answer, records: readonly Shipped[]): Verdict {
  const { status, body } = answer
  if (status === 204) return { kind: 'delivered' }
  const reason = reasonOf(answer)
  // 260 is a 2xx, and nothing was stored; nor does Loki give any other but 204.
  if (BLOCKED.test(body) || (status >= 200 && status <= 299)) return { kind: 'hold', reason }
  if (status === 429) return judgeRate(answer, records, reason)
  if (TOO_LARGE.test(body) && (status === 400 || status >= 500)) return { kind: 'halve', reason }
  if (status === 400) return judgeBadRequest(body, records, reason)
  return judgeByStatus(answer)
}

const LIMIT = /\(limit: (\d+) ?(bytes|[KMGT]?B)\/sec\)/i
const TOTAL = /totaling '(\d+)' bytes/i
const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  b: 1,
  kb: 2 ** 10,
  mb: 2 ** 20,
  gb: 2 ** 30,
  tb: 2 ** 40,
}

/**
 * A push over the burst can never pass, however long it waits. Loki names the rate and not the burst, which is not
 * less; so what is over the rate is halved until it is below. One record alone is too small for that to be the reason.
 */
function judgeRate(answer: Answer, records: readonly Shipped[], reason: string): Verdict {
  const [, number, unit = ''] = LIMIT.exec(answer.body) ?? []
  const limit = number === undefined ? Infinity : Number(number) * (UNITS[unit.toLowerCase()] ?? 1)
  const sent = records.reduce((sum, record) => sum + record.bytes, 0)
  const bytes = Number(TOTAL.exec(answer.body)?.[1] ?? sent)
  if (records.length > 1 && bytes > limit) return { kind: 'halve', reason }
  return { kind: 'retry', reason, afterMs: retryAfterMs(answer) }
}

/**
 * A 400 for single entries has stored the others: never sent again. One that names none of those reasons comes from
 * reading the push, which is lost as a whole for one record.
 */
function judgeBadRequest(body: string, records: readonly Shipped[], reason: string): Verdict {
  if (SET_UP.test(body)) return { kind: 'hold', reason }
  if (BAD_LABELS.test(body)) return { kind: 'refuse', reason }
  const refused = refusedEntries(body, records)
  const total = Math.min(Math.max(ignoredBy(body, records.length), refused.length), records.length)
  if (total === 0) return { kind: 'bisect', reason }
  return { kind: 'partly', refused, lost: total - refused.length, reason }
}

const TOO_LONG = /max entry size '(\d+)' bytes exceeded/i
const OLDEST = /oldest acceptable timestamp is: (\d{4}-[\d-]+T[\d:]+(?:Z|[+-][\d:]+))/gi
const TOO_NEW = /timestamp too new: (\d{4}-[\d-]+T[\d:]+(?:Z|[+-][\d:]+))/gi

/**
 * The entries that it must have been, by the limits that the text names, each for sure: Loki's seconds are cut, so of
 * those in the very second of a limit it is not known. They are counted and not named.
 */
function refusedEntries(body: string, records: readonly Shipped[]): { index: number; reason: string }[] {
  const longest = Number(TOO_LONG.exec(body)?.[1] ?? Infinity)
  const oldest = Math.max(...timesIn(body, OLDEST))
  const newest = Math.min(...timesIn(body, TOO_NEW)) + 999
  return records.flatMap(({ bytes, timeMs }, index) => {
    if (timeMs < oldest)
      return [{ index, reason: `400: older than what the stream takes (${isoOf(oldest)})` }]
    if (timeMs > newest) return [{ index, reason: '400: too far in the future' }]
    if (bytes > longest)
      return [{ index, reason: `400: a line of ${bytes} bytes, at most ${longest} are taken` }]
    return []
  })
}

function timesIn(body: string, pattern: RegExp): number[] {
  return [...body.matchAll(pattern)]
    .map(([, time]) => Date.parse(time as string))
    .filter((ms) => !Number.isNaN(ms))
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

const IGNORED = /total ignored: (\d+) out of (\d+)/i
// Not from within a number: an answer that is all digits would be looked through once for each.
const GROUP = /(?<!\d)(\d+) errors like: /g
/** A single reason, which has no number before it. */
const ONE =
  /max entry size|timestamp too (?:old|new)|structured metadata too large|too many structured metadata|out of order|too far behind/i

/** How many entries the answer says were thrown away; 0 where it says nothing of entries. */
function ignoredBy(body: string, count: number): number {
  const [, ignored, seen] = IGNORED.exec(body) ?? []
  if (ignored !== undefined) {
    // What did not come as far as the stream was thrown away before, without a word. A stream in shards gives its
    // numbers for one of them only.
    const before = body.includes('__stream_shard__') ? 0 : Math.max(count - Number(seen), 0)
    return Number(ignored) + before
  }
  if (!ONE.test(body)) return 0
  const groups = [...body.matchAll(GROUP)].reduce((sum, [, number]) => sum + Number(number), 0)
  return Math.max(groups, 1)
}
