import { splitPairs } from '../logger/line/pairs.ts'
import { type Prefix, prefixHere, renewLoggerPrefix, startPrefix } from '../logger/line/prefix.ts'
import { makeSchema, type Schema } from '../logger/line/schema.ts'
import { chindingsSym, errorKeySym, lsCacheSym, messageKeySym } from '../logger/slots.ts'
import { groundSym, type Instance, prefixSym } from './instance.ts'
import { quoteKeyAsPino } from './quote.ts'

/** What stands on a line before its own fields: bindings and scope, each key once; and the names that are taken. */
export function linePrefix(instance: Instance, num: number, time: string): Prefix {
  const raw = instance[chindingsSym]
  const known = instance[prefixSym]
  if (known !== undefined && known.raw === raw) return prefixHere(known)
  const ground = instance[groundSym]
  ground.prefix ??= makeGround(instance, num, time)
  const made = renewLoggerPrefix(known, ground.prefix, raw)
  instance[prefixSym] = made
  return prefixHere(made)
}

/** The names of level, time and message as this root writes them. */
function makeGround(instance: Instance, num: number, time: string): Prefix {
  const messageKey = instance[messageKeySym]
  const schema: Schema = {
    ...makeSchema({ schema: 'pino' }),
    messageKey,
    errorKey: instance[errorKeySym],
    quoteKey: quoteKeyAsPino,
  }
  const level = splitPairs(`,${instance[lsCacheSym][num]?.slice(1) ?? ''}`)
  const taken = [...level, ...splitPairs(time)].map(({ name }) => name)
  return startPrefix(schema, [...taken, messageKey], {})
}

/** The prefix's text without the bindings that a line's own fields override. */
export function without(prefix: Prefix, names: ReadonlySet<string>): string {
  if (names.size === 0) return prefix.text
  let text = ''
  for (const { name, value } of splitPairs(prefix.text)) {
    if (!names.has(name)) text += `,${quoteKeyAsPino(name)}${value}`
  }
  return text
}

/** True for a name that stands on the line as a binding: a field of the call may override it. */
export function isBinding(instance: Instance, prefix: Prefix, name: string): boolean {
  const own = instance[prefixSym]
  if (own === undefined || !own.shape.taken.has(name) || own.ground.shape.taken.has(name)) return false
  const value = pairValue(own, name)
  return value !== undefined && value === pairValue(prefix, name)
}

function pairValue(prefix: Prefix, name: string): string | undefined {
  return splitPairs(prefix.text).find((pair) => pair.name === name)?.value
}
