import { type Guard, guarded } from './guard.ts'
import type { Schema } from './schema.ts'
import { flat, quote, quoteKey } from './text.ts'
import { writeValue } from './value.ts'

/** How a line of one level begins: `{"time":"…","level":"info","msg":`, kept for as long as the millisecond lasts. */
export interface Head {
  /** `{"level":"info"`: pino's form of it. */
  readonly begin: string
  /** `"level":"info","msg":` */
  readonly level: string
  readonly guard: Guard
  /** JSON texts of messages: most are literals in the code. */
  readonly messages: Map<string, string>
  at: number
  text: string
}

const MAX_MESSAGES = 512
const MAX_MESSAGE_LENGTH = 64

/** The heads of all levels in a schema, by level number. */
export function makeHeads(schema: Schema, levels: Readonly<Record<string, number>>): Record<number, Head> {
  const heads: Record<number, Head> = {}
  for (const [name, value] of Object.entries(levels)) heads[value] = makeHead(schema, name, value)
  return heads
}

function makeHead(schema: Schema, name: string, value: number): Head {
  const pairs = Object.entries(schema.level(name, value)).map(
    ([key, each]) => quoteKey(key) + writeValue(each),
  )
  const begin = `{${pairs.join(',')}`
  const level = `${begin.slice(1)},${quoteKey(schema.messageKey)}`
  return { begin, level, guard: schema.guard, messages: new Map(), at: Number.NaN, text: '' }
}

/** The head of a level, made where a child brought a level of its own. */
export function headFor(
  { schema, heads }: { readonly schema: Schema; readonly heads: Record<number, Head> },
  labels: Readonly<Record<number, string>>,
  num: number,
): Head {
  heads[num] ??= makeHead(schema, labels[num] ?? String(num), num)
  return heads[num]
}

/** The head of a record made at `now`. */
export function headAt(head: Head, schema: Schema, now: number): string {
  if (head.at !== now) {
    head.text = flat(headOf(head, schema.time(now)))
    head.at = now
  }
  return head.text
}

/** The head with a time that is already text, in pino's form: `,"time":"…"`. */
export function headOf(head: Head, time: string): string {
  return time === '' ? `{${head.level}` : `{${time.slice(1)},${head.level}`
}

/** JSON text of a message, without secrets. */
export function messageText(head: Head, msg: string): string {
  if (msg.length > MAX_MESSAGE_LENGTH) return quote(guarded(head.guard, msg, ''))
  const known = head.messages.get(msg)
  if (known !== undefined) return known
  const text = flat(quote(guarded(head.guard, msg, '')))
  if (head.messages.size < MAX_MESSAGES) head.messages.set(msg, text)
  return text
}
