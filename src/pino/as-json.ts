import { tracingChannel } from 'node:diagnostics_channel'
import { writeThrown } from '../logger/line/walk.ts'
import {
  chindingsSym,
  endSym,
  formattersSym,
  lsCacheSym,
  messageKeySym,
  nestedKeySym,
  serializersSym,
  stringifiersSym,
  stringifySafeSym,
  stringifySym,
} from '../logger/slots.ts'
import type { AsJson, Instance, Props } from './instance.ts'
import { linePrefix, without } from './prefix.ts'
import { formatProps, placeOf, serialized, valueText, writeProps } from './props.ts'
import { quoteAsPino } from './quote.ts'

const channel = tracingChannel('pino_asJson')

/**
 * Makes the asJson of one root: pino's line with the scope in it. Where something on it needs pino's own
 * (an agent that wrapped it, redaction paths, a nested key), that one writes the line.
 *
 * @param below what stood on the instance: pino's own, or an agent's around it
 * @param hide takes the secrets out of a line, where that was asked for
 */
export function makeAsJson(below: AsJson, wrapped: boolean, hide?: (line: string) => string): AsJson {
  const write = hide === undefined ? writeLine : (...args: LineOf) => hide(writeLine(...args))
  return function asJson(this: Instance, obj: Props, msg: unknown, num: number, time: string): string {
    if (wrapped || needsPino(this)) {
      const line = throughPino(this, below, obj, msg, num, time)
      return hide === undefined ? line : hide(line)
    }
    if (!channel.start.hasSubscribers && !channel.end.hasSubscribers) return write(this, obj, msg, num, time)
    // biome-ignore lint/complexity/noArguments: subscribers compare the arguments object of start and end
    const store = { instance: this, arguments }
    return channel.traceSync(write, store, null, this, obj, msg, num, time) as string
  }
}

type LineOf = Parameters<typeof writeLine>

function needsPino(instance: Instance): boolean {
  if (instance[nestedKeySym]) return true
  for (const _path in instance[stringifiersSym]) return true
  return Object.getOwnPropertySymbols(instance[stringifiersSym]).length > 0
}

function writeLine(instance: Instance, obj: Props, msg: unknown, num: number, time: string): string {
  const prefix = linePrefix(instance, num, time)
  const message = messageValue(instance, msg)
  const props = writeProps(instance, prefix, formatProps(instance, obj), message)
  const head = (instance[lsCacheSym][num] ?? '{') + time + without(prefix, props.overridden)
  const tail = message === undefined ? '' : `,"${instance[messageKeySym]}":${message}`
  const line = head + props.text + tail + instance[endSym]
  // A formatters.level that answers {} leaves nothing before the first comma.
  return line.startsWith('{,') ? `{${line.slice(2)}` : line
}

/** JSON text of the message by pino's rules; undefined where there is none. */
function messageValue(instance: Instance, msg: unknown): string | undefined {
  if (msg === undefined) return undefined
  try {
    const serializer = instance[serializersSym][instance[messageKeySym]]
    const value = serializer ? serializer(msg) : msg
    if (typeof value === 'string') return quoteAsPino(value)
    if (typeof value === 'function') return undefined
    if (typeof value === 'number' && !Number.isFinite(value)) return 'null'
    return instance[stringifySym](value, instance[stringifySafeSym])
  } catch (thrown) {
    return writeThrown(thrown)
  }
}

/**
 * A line by pino's asJson: it gets a view of the instance whose bindings are the whole prefix, and fields that
 * have been through their serializers and stand under unique keys.
 */
function throughPino(
  instance: Instance,
  below: AsJson,
  obj: Props,
  msg: unknown,
  num: number,
  time: string,
): string {
  const prefix = linePrefix(instance, num, time)
  const message = messageValue(instance, msg)
  const nested = Boolean(instance[nestedKeySym])
  const props = formatProps(instance, obj)
  const safe: Record<string, unknown> = {}
  const overridden = new Set<string>()
  for (const key of Object.keys(props)) {
    const value = readSafely(instance, props, key)
    const text = valueText(instance, props, key)
    if (text === undefined) continue
    const place = nested
      ? { name: key, overrides: false }
      : placeOf(instance, prefix, props, key, text, message)
    if (place.name === undefined) continue
    if (place.overrides) overridden.add(key)
    Object.defineProperty(safe, place.name, { value, enumerable: true })
  }
  const view = Object.create(instance, {
    [chindingsSym]: { value: without(prefix, overridden) },
    [serializersSym]: { value: Object.create(null) },
    [formattersSym]: { value: { ...instance[formattersSym], log: undefined } },
  }) as Instance
  return below.call(view, safe, message === undefined ? undefined : JSON.parse(message), num, time)
}

function readSafely(instance: Instance, props: Props, key: string): unknown {
  try {
    return serialized(instance, props, key)
  } catch (thrown) {
    return JSON.parse(writeThrown(thrown))
  }
}
