import type { Answer, Preset, PresetOptions, Verdict } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { at, bodyOf, judgeByStatus, reasonOf, retryAfterMs } from './answers.ts'
import { accessOf } from './credentials.ts'
import { ID_FIELD, jsonOf, textOf } from './record-parts.ts'

export interface SplunkOptions extends PresetOptions {
  /** `https://splunk.internal:8088`; the path `/services/collector/event` is added where there is none. */
  readonly url: URL
  /** The HEC token, sent as `authorization: Splunk …`. */
  readonly token?: string | undefined
  /**
   * A UUID, sent as X-Splunk-Request-Channel. A token with indexer acknowledgement asks for one; what is
   * acknowledged then is `splunkAckDestination`'s to wait for.
   *
   * @default none
   */
  readonly channel?: string | undefined
  /** The index, for all records or for each. @default the token's own */
  readonly index?: string | ((record: Shipped) => string | undefined) | undefined
  /** @default the record's service */
  readonly source?: string | undefined
  /** @default '_json' */
  readonly sourcetype?: string | undefined
}

// 1,000,000 is `max_content_length` of older versions ([http_input] in limits.conf); the envelope adds some 200 bytes
// to a line.
const MAX_BYTES = 800_000
const MAX_COUNT = 1000

/** What the `code` of an answer means: the HTTP Event Collector's table, with 17 to 27 of its later versions. */
const MEANINGS: Readonly<Record<number, 'all' | 'hold' | 'retry' | 'some' | 'index'>> = {
  0: 'all',
  // The token: disabled, missing, not understood, unknown.
  1: 'hold',
  2: 'hold',
  3: 'hold',
  4: 'hold',
  // No data, and data that is none.
  5: 'some',
  6: 'some',
  7: 'index',
  // An internal error, busy.
  8: 'retry',
  9: 'retry',
  // The channel: missing, invalid.
  10: 'hold',
  11: 'hold',
  // An event that is missing, that is blank.
  12: 'some',
  13: 'some',
  // Acknowledgement is off for this token.
  14: 'hold',
  15: 'some',
  // A token in the query is not allowed.
  16: 'hold',
  // The health check: this is not where events are taken.
  17: 'hold',
  18: 'retry',
  19: 'retry',
  20: 'retry',
  21: 'hold',
  22: 'hold',
  23: 'retry',
  // Taken, and near capacity.
  24: 'all',
  25: 'all',
  // At capacity: the queue, the acknowledgements.
  26: 'retry',
  27: 'retry',
}
const INCORRECT_INDEX = 7
const NEAR_CAPACITY = [24, 25]

/**
 * Splunk's HTTP Event Collector, /services/collector/event (docs: "Format events for HTTP Event Collector"). Each
 * record is an event with its line as it was written; `time` is written out with three decimals, since an exponent is
 * refused with code 15; labels and `spoor_id` are indexed fields, so that `| dedup spoor_id` leaves out what came twice.
 *
 * Where the answer names the event at fault, that one is refused and all others are sent again, those before it
 * too: whether Splunk has indexed those is written nowhere, and twice is better than not at all. With one index for
 * all records an incorrect index (code 7) is held, as it says nothing about a record.
 */
export function splunkPreset(options: SplunkOptions): Preset {
  const { url, headers, hide } = accessOf('splunk', options, {
    path: '/services/collector/event',
    headers: { 'content-type': 'application/json', 'x-splunk-request-channel': options.channel },
    authorization: (token) => `Splunk ${token}`,
  })
  const { index, labels = [], sourcetype = '_json' } = options

  function eventOf(shipped: Shipped): string {
    const { record, timeMs, id } = shipped
    const fields = new Map(labels.map((name) => [name, textOf(record, name)]))
    fields.set(ID_FIELD, id)
    const envelope = JSON.stringify({
      host: textOf(record, 'host'),
      source: options.source ?? textOf(record, 'service'),
      sourcetype,
      index: typeof index === 'function' ? index(shipped) : index,
      fields: Object.fromEntries(fields),
    })
    return `{"time":${(timeMs / 1000).toFixed(3)},"event":${jsonOf(shipped)},${envelope.slice(1)}`
  }

  return {
    name: 'splunk',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: 4,
    compression: 'gzip',
    encode: (records) => ({ url: url.href, headers, body: records.map(eventOf).join('\n') }),
    judge: (answer, records) => judgeSplunk(hide(answer), records.length, typeof index === 'function'),
  }
}

function judgeSplunk(answer: Answer, count: number, isIndexEach: boolean): Verdict {
  const body = bodyOf(answer)
  const code = at(body, 'code')
  const reason = reasonOf(answer)
  const meaning = typeof code === 'number' && Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined
  const isAccepted = answer.status >= 200 && answer.status <= 299
  if (answer.status === 413 || meaning === undefined) return judgeWithoutCode(answer)
  switch (meaning) {
    case 'all':
      if (!isAccepted) return judgeWithoutCode(answer)
      return { kind: 'delivered', warning: NEAR_CAPACITY.includes(code as number) ? reason : undefined }
    case 'hold':
      return { kind: 'hold', reason }
    case 'retry':
      return { kind: 'retry', reason, afterMs: retryAfterMs(answer) }
    default:
      if (meaning === 'index' && !isIndexEach) return { kind: 'hold', reason }
      return withoutOne(numberOf(body, code as number), count, reason)
  }
}

/** A proxy's answer, or that of another product that speaks HEC. */
function judgeWithoutCode(answer: Answer): Verdict {
  const isAccepted = answer.status >= 200 && answer.status <= 299
  if (isAccepted && /^\s*</.test(answer.body))
    return {
      kind: 'hold',
      reason: `${answer.status}: a page instead of an answer; is the URL that of a HEC?`,
    }
  return judgeByStatus(answer, { hold: [401, 402, 403, 404, 405, 407, 415] })
}

/** Which event is at fault, from 0; with code 7 Splunk counts from 1 (measured on 10.4.2 by others). */
function numberOf(body: unknown, code: number): unknown {
  const number = at(body, 'invalid-event-number')
  return code === INCORRECT_INDEX && typeof number === 'number' ? number - 1 : number
}

function withoutOne(fault: unknown, count: number, reason: string): Verdict {
  if (!Number.isInteger(fault) || (fault as number) < 0 || (fault as number) >= count)
    return { kind: 'bisect', reason }
  const index = fault as number
  const retry = Array.from({ length: count }, (_, i) => i).filter((i) => i !== index)
  return { kind: 'partly', refused: [{ index, reason }], retry, reason }
}
