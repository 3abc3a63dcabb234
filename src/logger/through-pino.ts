import { tracingChannel } from 'node:diagnostics_channel'
import { runInScope, type Scope } from '../context/scope.ts'
import { type AsJson, type Core, voiceSym } from './core.ts'
import { writeFields } from './fields.ts'
import { type Head, headOf } from './head.ts'
import { sourceField, writeLine } from './line.ts'
import { NO_ERROR } from './said.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { type Prefix, prefixHere } from './prefix.ts'
import type { Schema } from './schema.ts'
import { asJsonSym, chindingsSym, formattersSym, serializersSym, writeSym } from './slots.ts'
import { quote, quoteKey } from './text.ts'
import type { Fields } from './types.ts'

const TRACE_KEYS = ['trace_id', 'span_id', 'trace_flags'] as const

const channel = tracingChannel('pino_asJson')

/** The place of the record that is on its way through pino, whose functions have no room for it. */
let source = ''
/** Trace keys that an agent's mixin gave the record on its way. */
let agentTrace: Fields | undefined

/**
 * The way of a record where others take part: pino's write (mixin, hooks, metadata, the stream that
 * OpenTelemetry wraps) and its asJson, which Datadog wraps and Sentry listens to. Slower, the same line.
 */
export function throughPino(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  place: string,
  scope: Scope | undefined,
): void {
  source = place
  agentTrace = undefined
  try {
    const obj = withError(core, fields, err)
    const write = (): void => core[writeSym](obj, msg, num)
    if (scope === undefined) write()
    else runInScope(scope, write)
  } finally {
    source = ''
    agentTrace = undefined
  }
}

/** The object that pino merges a mixin into: a copy, because the caller's must not be written to. */
function withError(core: Core, fields: Fields | undefined, err: unknown): Fields {
  if (fields === undefined && err === NO_ERROR) return {}
  const { errorKey } = core[voiceSym].pipeline.schema
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(fields ?? {})) {
    const name = err !== NO_ERROR && (key === errorKey || key === 'err') ? `_${key}` : key
    copy[name] = readSafely(fields as Fields, key)
  }
  if (err !== NO_ERROR) copy[errorKey] = err
  return copy
}

function readSafely(fields: Fields, key: string): unknown {
  try {
    return fields[key]
  } catch (thrown) {
    return `[Throws: ${thrown instanceof Error ? thrown.message : 'unreadable error'}]`
  }
}

/**
 * How a mixin's keys join the call's: the call's win, as in pino, but for the trace keys: a mixin's trace
 * can't be forged by a call. (OpenTelemetry's instrumentation sets its mixin after we are made.)
 */
export function mergeMixin(obj: object, mixin: object): object {
  const given = mixin as Record<string, unknown>
  if (TRACE_KEYS.some((key) => key in given)) {
    agentTrace = Object.fromEntries(TRACE_KEYS.filter((key) => key in given).map((key) => [key, given[key]]))
    for (const key of TRACE_KEYS) delete given[key]
  }
  return Object.assign(given, obj)
}

/** The prefix here, with the trace that an agent gave where we have none. */
function agentPrefix(prefix: Prefix): Prefix {
  if (agentTrace === undefined || prefix.text.includes(',"trace_id":')) return prefix
  let { text } = prefix
  for (const key of Object.keys(agentTrace)) text += `,${quoteKey(key)}${quote(String(agentTrace[key]))}`
  return { text, shape: prefix.shape }
}

/** Our asJson: pino's signature and tracing channel, our line. */
export const asJson: AsJson = function asJson(this: Core, obj, msg, num, time): string {
  const foreign = foreignAsJson(this)
  // pino's own asJson publishes by itself.
  if (foreign !== undefined) return foreignLine(this, foreign, obj, msg, num, time)
  if (!channel.start.hasSubscribers && !channel.end.hasSubscribers) return ourLine(this, obj, msg, num, time)
  // biome-ignore lint/complexity/noArguments: subscribers compare the arguments object of start and end
  const store = { instance: this, arguments }
  return channel.traceSync(ourLine, store, null, this, obj, msg, num, time) as string
}

function foreignAsJson(core: Core): AsJson | undefined {
  const { pipeline, redacts } = core[voiceSym]
  return pipeline.foreignAsJson ?? (redacts ? pinoAsJson(core) : undefined)
}

/** The asJson of pino's prototype, below all that was put on the instance. */
export function pinoAsJson(core: Core): AsJson {
  let proto: object = core
  let found: AsJson = core[asJsonSym]
  for (let next = Object.getPrototypeOf(proto); next !== null; next = Object.getPrototypeOf(proto)) {
    proto = next
    if (Object.hasOwn(proto, asJsonSym)) found = (proto as Core)[asJsonSym]
  }
  return found
}

function ourLine(core: Core, obj: Fields, msg: string | undefined, num: number, time: string): string {
  const { pipeline, serializers } = core[voiceSym]
  const prefix = agentPrefix(prefixHere(loggerPrefix(core, core[voiceSym])))
  const head = headOf(pipeline.heads[num] as Head, time)
  const fields = formatFields(core, obj)
  const message = quote(serializeMessage(core, msg))
  return writeLine(prefix, head, message, fields, NO_ERROR, placeText(pipeline.schema), serializers)
}

/**
 * A line by an asJson that is not ours. It gets a view of the logger whose bindings are the whole prefix, and
 * values that are already safe, serialised and under unique keys: what it writes is valid whatever was logged.
 */
function foreignLine(
  core: Core,
  foreign: AsJson,
  obj: Fields,
  msg: string | undefined,
  num: number,
  time: string,
): string {
  const voice = core[voiceSym]
  const prefix = agentPrefix(prefixHere(loggerPrefix(core, voice)))
  const message = serializeMessage(core, msg)
  const text = writeFields('', prefix, formatFields(core, obj), quote(message), false, voice.serializers)
  const view = Object.create(core, {
    [chindingsSym]: { value: prefix.text + placeText(voice.pipeline.schema) },
    [serializersSym]: { value: Object.create(null) },
    [formattersSym]: { value: { ...core[formattersSym], log: undefined } },
  }) as Core
  return foreign.call(view, JSON.parse(`{${text.slice(1)}}`) as Fields, message, num, time)
}

function placeText(schema: Schema): string {
  return source === '' ? '' : sourceField(schema, source)
}

function formatFields(core: Core, obj: Fields): Fields {
  const { log } = core[formattersSym]
  if (log === undefined) return obj
  try {
    return log(obj) ?? {}
  } catch (thrown) {
    core[voiceSym].pipeline.fail('formatters.log threw; the fields are written unformatted', thrown)
    return obj
  }
}

function serializeMessage(core: Core, msg: string | undefined): string {
  const { pipeline, serializers } = core[voiceSym]
  const serializer = serializers?.[pipeline.schema.messageKey]
  if (serializer === undefined) return msg ?? ''
  try {
    return String(serializer(msg ?? ''))
  } catch (thrown) {
    pipeline.fail('the serializer of the message threw; the message is written as it is', thrown)
    return msg ?? ''
  }
}
