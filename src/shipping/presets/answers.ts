import { visible } from '../../config/visible.ts'
import type { Answer, Verdict } from '../preset.ts'

const SECOND = 1000
const DELTA = /^\d+(\.\d+)?$/
// The three forms of RFC 9110, section 5.6.7, which every recipient must understand.
const IMF = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const RFC_850 = /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/

/**
 * How long the back end asks to be left alone, in ms; 0 and more, without an upper bound. Retry-After is seconds or a
 * date (RFC 9110, section 10.2.3). A date is compared with the answer's own Date, whatever our clock says; without
 * that, and for all else that can't be understood, there is none.
 */
export function retryAfterMs({ headers }: Answer): number | undefined {
  const text = headers['retry-after']?.trim()
  if (text === undefined) return undefined
  if (DELTA.test(text)) return Math.min(Math.ceil(Number(text) * SECOND), Number.MAX_SAFE_INTEGER)
  const until = dateMs(text)
  const now = dateMs(headers.date?.trim())
  return until === undefined || now === undefined ? undefined : Math.max(until - now, 0)
}

/** Epoch ms of an HTTP date. */
function dateMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const isAsctime = ASCTIME.test(text)
  if (!isAsctime && !IMF.test(text) && !RFC_850.test(text)) return undefined
  const ms = Date.parse(isAsctime ? `${text} GMT` : text)
  return Number.isNaN(ms) ? undefined : ms
}

const SHOWN = 300

/** A text of the back end's as a reason: one line, short, nothing invisible in it. */
export function shown(text: string): string {
  // Cut before it is worked on: an answer may have 64 KiB.
  const line = visible(
    text
      .slice(0, 4 * SHOWN)
      .trim()
      .replace(/\s+/g, ' '),
  )
  // Once more, since the cut may go through a pair of surrogates.
  return line.length > SHOWN || text.length > 4 * SHOWN ? `${visible(line.slice(0, SHOWN))}…` : line
}

/** The body as JSON; undefined where it is none. */
export function bodyOf({ body }: Answer): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** What stands at `path` in a parsed answer; undefined where nothing does. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found: unknown = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Record<string | number, unknown>)[key]
  }
  return found
}

/** Where back ends put the sentence that says what was wrong. */
const SENTENCES: readonly (readonly (string | number)[])[] = [
  ['message'],
  ['error', 'reason'],
  ['error', 'message'],
  ['error'],
  ['errors', 0, 'detail'],
  ['errors', 0, 'message'],
  ['errors', 0],
  ['text'],
  ['detail'],
]

/** What the answer says of itself: `429: Too many requests`. Never more than a line of some 300 characters. */
export function reasonOf(answer: Answer): string {
  const parsed = bodyOf(answer)
  const sentences = SENTENCES.map((path) => at(parsed, ...path))
  const sentence = sentences.find((found) => typeof found === 'string' && found.trim() !== '')
  const text = shown(typeof sentence === 'string' ? sentence : answer.body)
  return text === '' ? String(answer.status) : `${answer.status}: ${text}`
}

/** Whether a status is worth another try where the back end's documentation says nothing else. */
export function isTransient(status: number): boolean {
  if (status === 408 || status === 425 || status === 429) return true
  // Beyond RFC 9110's own there are those of proxies, all of them passing: 520 to 530 of Cloudflare, 529, 598, 599.
  return status >= 500 && status <= 599 && status !== 501 && status !== 505
}

/** What differs from one back end to the next. */
export interface StatusRules {
  /** Which statuses are worth another try. @default isTransient */
  readonly retry?: ((status: number) => boolean) | undefined
  /** Statuses at which somebody has to do something first. @default 401, 402, 403, 404, 405, 407, 415 */
  readonly hold?: readonly number[] | undefined
  /** Statuses that say the batch is too large. @default 413 */
  readonly halve?: readonly number[] | undefined
  /** Statuses of a batch that was refused as a whole for some of its records. @default 400, 422 */
  readonly bisect?: readonly number[] | undefined
}

/**
 * What blames no record but how we are set up: whom we are (401, 403, 407), a quota (402), the address (404, 405:
 * what a platform's router answers while the service behind it is down), the content type (415).
 */
const HOLD = [401, 402, 403, 404, 405, 407, 415]
const HALVE = [413]
const BISECT = [400, 422]

/**
 * The verdict by the status alone, for what a preset knows nothing better about: every 2xx is delivered, a redirect
 * waits for somebody to correct the address (following it would hand the token to whoever is there), and what no
 * rule names is refused.
 */
export function judgeByStatus(answer: Answer, rules: StatusRules = {}): Verdict {
  const { status } = answer
  const { retry = isTransient, hold = HOLD, halve = HALVE, bisect = BISECT } = rules
  if (status >= 200 && status <= 299) return { kind: 'delivered' }
  const reason = reasonOf(answer)
  if (status >= 300 && status <= 399) return { kind: 'hold', reason: redirectReason(answer) }
  if (retry(status)) return { kind: 'retry', reason, afterMs: retryAfterMs(answer) }
  if (hold.includes(status)) return { kind: 'hold', reason }
  if (halve.includes(status)) return { kind: 'halve', reason }
  if (bisect.includes(status)) return { kind: 'bisect', reason }
  if (status >= 400 && status <= 599) return { kind: 'refuse', reason }
  return { kind: 'retry', reason: `no status of an answer, ${reason}` }
}

/** Without what follows a '?' and without credentials: the address is the server's word and may carry ours. */
function redirectReason({ status, headers }: Answer): string {
  const target = (headers.location ?? '')
    .replace(/[?#].*$/s, '')
    .replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/]*@/i, '$1//')
  const elsewhere = target === '' ? 'elsewhere' : `to ${shown(target)}`
  return `${status}: redirected ${elsewhere}, which is not followed; set the URL to where it leads`
}
