import type { Answer, Verdict } from '../preset.ts'
import { at, judgeByStatus, reasonOf, retryAfterMs, shown } from './answers.ts'

/** What is wrong with the set-up and not with a document: no right to write, no such index, a read-only one. */
const NOT_NOW = new Set([401, 403, 404])
const CONFLICT = 409

/**
 * What an answer of `_bulk` means for its `count` documents. Never throws. Items stand in the order of the request;
 * those that the answer does not show (it was cut) are sent again, which costs nothing: what is there is answered 409.
 */
export function judgeBulk(answer: Answer, count: number): Verdict {
  const { status, body } = answer
  if (status < 200 || status > 299) return judgeByStatus(answer)
  const head = body.slice(0, 1000)
  if (/"errors"\s*:\s*false/.test(head)) return { kind: 'delivered' }
  const items = itemsIn(body)
  if (items.length === 0) return { kind: 'hold', reason: `no answer of _bulk, ${reasonOf(answer)}` }
  return judgeItems(items, count, retryAfterMs(answer))
}

function judgeItems(items: readonly unknown[], count: number, afterMs: number | undefined): Verdict {
  const retry: number[] = []
  const refused: { index: number; reason: string }[] = []
  let held = 0
  let reason: string | undefined
  for (let index = 0; index < count; index++) {
    const status = statusOf(items[index])
    if (isDone(status)) continue
    const said =
      index < items.length ? itemReason(items[index]) : 'not in the part of the answer that was read'
    reason ??= said
    if (status !== undefined && NOT_NOW.has(status)) held++
    if (isFinal(status)) refused.push({ index, reason: said })
    else retry.push(index)
  }
  if (reason === undefined) return { kind: 'delivered' }
  if (held === count) return { kind: 'hold', reason }
  if (retry.length === count) return { kind: 'retry', reason, afterMs }
  return { kind: 'partly', retry, refused, reason, afterMs: retry.length === 0 ? undefined : afterMs }
}

function isDone(status: number | undefined): boolean {
  return status !== undefined && ((status >= 200 && status <= 299) || status === CONFLICT)
}

/** The document's own fault; 429 and 5xx pass, and what is none of all these is nobody's word. */
function isFinal(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status <= 499 && status !== 429 && !NOT_NOW.has(status)
}

/** `create`, but a proxy or an ingest pipeline may have made `index` of it. */
function operationOf(item: unknown): unknown {
  return typeof item === 'object' && item !== null ? Object.values(item)[0] : undefined
}

function statusOf(item: unknown): number | undefined {
  const status = at(operationOf(item), 'status')
  return typeof status === 'number' ? status : undefined
}

function itemReason(item: unknown): string {
  const operation = operationOf(item)
  const type = at(operation, 'error', 'type')
  const text = at(operation, 'error', 'reason')
  const said = [type, text].filter((part) => typeof part === 'string').join(': ')
  return shown(`${statusOf(item) ?? 'no status'}${said === '' ? '' : `: ${said}`}`)
}

const ITEMS = /"items"\s*:\s*\[\s*/g
const SEPARATOR = /\s*,?\s*/y

/** The items that the body has as a whole, from the first one on: only its first 64 KiB are known. */
function itemsIn(body: string): unknown[] {
  const items: unknown[] = []
  let start = behind(ITEMS, body, 0)
  while (start < body.length) {
    const end = objectEnd(body, start)
    const item = end === -1 ? undefined : parsed(body.slice(start, end))
    if (item === undefined) break
    items.push(item)
    start = behind(SEPARATOR, body, end)
  }
  return items
}

/** Where what `pattern` finds from `start` on ends; the text's end if it finds nothing. */
function behind(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : text.length
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Where the object that begins at `start` ends; -1 if none begins there or it has no end. */
function objectEnd(text: string, start: number): number {
  let depth = 0
  let quoted = false
  for (let i = start; i < text.length; i++) {
    const character = text[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) return i + 1
    if (depth === 0) return -1
  }
  return -1
}
