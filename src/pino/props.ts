import { safeJson } from '../config/safe-json.ts'
import { splitPairs } from '../logger/line/pairs.ts'
import type { Prefix } from '../logger/line/prefix.ts'
import { keyText } from '../logger/line/shape.ts'
import { writeThrown } from '../logger/line/walk.ts'
import {
  errorKeySym,
  formattersSym,
  messageKeySym,
  serializersSym,
  stringifySafeSym,
  stringifySym,
} from '../logger/slots.ts'
import type { Instance, Props } from './instance.ts'
import { isBinding } from './prefix.ts'
import { quoteAsPino, quoteKeyAsPino } from './quote.ts'

const hasOwn = Object.prototype.hasOwnProperty

/** A line's own fields, and the bindings that they override. */
export interface Written {
  /** `,"order_id":42` */
  readonly text: string
  readonly overridden: ReadonlySet<string>
}

const NOTHING: ReadonlySet<string> = new Set()

/** The fields after formatters.log; as they are where it throws. */
export function formatProps(instance: Instance, props: Props): Props {
  const { log } = instance[formattersSym]
  if (log === undefined) return props
  try {
    return log(props) ?? {}
  } catch {
    return props
  }
}

/** Writes fields as pino does; a name that is taken steps aside, what throws becomes a mark. */
export function writeProps(
  instance: Instance,
  prefix: Prefix,
  props: Props,
  message: string | undefined,
): Written {
  const { shape } = prefix
  let text = ''
  let overridden: Set<string> | undefined
  for (const key in props) {
    if (!hasOwn.call(props, key)) continue
    const value = valueText(instance, props, key)
    if (value === undefined) continue
    const name = shape.keyTexts.get(key) ?? keyText(shape, key)
    if (name !== '') {
      text += name + value
      continue
    }
    const place = placeOf(instance, prefix, props, key, value, message)
    if (place.name === undefined) continue
    if (place.overrides) {
      overridden ??= new Set()
      overridden.add(key)
    }
    text += `,${quoteKeyAsPino(place.name)}${value}`
  }
  return { text, overridden: overridden ?? NOTHING }
}

/** JSON text of a field by pino's rules: serializer, then type; undefined where it is left out. */
export function valueText(instance: Instance, props: Props, key: string): string | undefined {
  try {
    const value = serialized(instance, props, key)
    switch (typeof value) {
      case 'undefined':
      case 'function':
        return undefined
      case 'number':
        return Number.isFinite(value) ? String(value) : 'null'
      case 'boolean':
        return value ? 'true' : 'false'
      case 'string':
        return quoteAsPino(value)
      default:
        return instance[stringifySym](value, instance[stringifySafeSym])
    }
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

/** A field after its serializer, as pino chooses it. May throw what the getter or the serializer throws. */
export function serialized(instance: Instance, props: Props, key: string): unknown {
  const value = props[key]
  if (value === undefined) return undefined
  const serializers = instance[serializersSym]
  const serializer = serializers[key] ?? (key === instance[errorKeySym] ? serializers.err : undefined)
  return serializer ? serializer(value) : value
}

/** Where a field goes whose name needs care. */
export interface Place {
  /** The name that it gets; undefined where the same is on the line already. */
  readonly name: string | undefined
  /** True where a binding of that name gives way. */
  readonly overrides: boolean
}

/** Its own name where that is free after all or a binding's, which the nearer value overrides; else a free `_name`. */
export function placeOf(
  instance: Instance,
  prefix: Prefix,
  props: Props,
  key: string,
  value: string,
  message: string | undefined,
): Place {
  const { taken } = prefix.shape
  const isMessage = key === instance[messageKeySym]
  if (isMessage ? message === undefined : !taken.has(key)) return { name: key, overrides: false }
  if (isMessage ? value === message : isPresent(prefix, key, value))
    return { name: undefined, overrides: false }
  if (isBinding(instance, prefix, key)) return { name: key, overrides: true }
  let free = `_${key}`
  while (taken.has(free) || hasOwn.call(props, free)) free = `_${free}`
  return { name: free, overrides: false }
}

function isPresent(prefix: Prefix, name: string, value: string): boolean {
  // The scope's values are spoor's text, bindings are pino's.
  const ours = safeJson(value)
  return splitPairs(prefix.text).some(
    (pair) => pair.name === name && (pair.value === value || pair.value === ours),
  )
}
