import { tracingChannel } from 'node:diagnostics_channel'
import { safeLine } from '../config/safe-json.ts'
import { type AsJson, type Core, serializersOf, voiceSym } from './core.ts'
import { writeFields } from './line/fields.ts'
import { cutMark, fitted } from './line/fit.ts'
import { guarded } from './line/guard.ts'
import { type Head, headFor, headOf } from './line/head.ts'
import { sourceField, writeLine } from './line/line.ts'
import { prefixHere } from './line/prefix.ts'
import { copyKey, NO_ERROR, type Said } from './line/said.ts'
import type { Schema } from './line/schema.ts'
import { quote } from './line/text.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { handOver } from './objects.ts'
import { redactorsOf, redactPrefix, redacts, redactText } from './redaction.ts'
import {
  asJsonSym,
  chindingsSym,
  formattersSym,
  lsCacheSym,
  messageKeySym,
  serializersSym,
  stringifiersSym,
} from './slots.ts'
import { currentPassage, withAgentTrace } from './through-pino.ts'
import type { Fields } from './types.ts'

const channel = tracingChannel('pino_asJson')

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
  return core[voiceSym].pipeline.foreignAsJson ?? (redacts(core) ? pinoAsJson(core) : undefined)
}

/** The asJson of pino's prototype, below all that was put on the instance. */
function pinoAsJson(core: Core): AsJson {
  let found: AsJson = core[asJsonSym]
  for (let proto = core; proto !== null; proto = Object.getPrototypeOf(proto) as Core) {
    if (Object.hasOwn(proto, asJsonSym)) found = proto[asJsonSym]
  }
  return found
}

function headHere(core: Core, num: number): Head {
  return headFor(core[voiceSym].pipeline, core.levels.labels, num)
}

function ourLine(core: Core, obj: Fields, msg: string | undefined, num: number, time: string): string {
  const voice = core[voiceSym]
  const { schema } = voice.pipeline
  const own = loggerPrefix(core, voice)
  const bare = prefixHere(own)
  const { said, serialized } = handOver(core, own, bare, unpack(core, obj, msg), num, time, placeHere())
  return writeLine(
    withAgentTrace(bare),
    headOf(headHere(core, num), time),
    quote(said.msg),
    said.fields,
    said.err,
    placeText(schema),
    serialized ? undefined : serializersOf(core),
  )
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
  const { schema, fail } = voice.pipeline
  const own = loggerPrefix(core, voice)
  const bare = prefixHere(own)
  const { said, serialized } = handOver(core, own, bare, unpack(core, obj, msg), num, time, placeHere())
  const traced = withAgentTrace(bare)
  const prefix = redacts(core) ? { text: redactPrefix(core, traced.text), shape: traced.shape } : traced
  const { messageKey, guard } = schema
  // Here and not by the other asJson: pino writes nothing for a message that is removed, and the line is none.
  const message =
    (redacts(core) ? redactText(core, 'msg', quote(said.msg), messageKey) : quote(said.msg)) ?? '""'
  const text = JSON.parse(message) as string
  const serializers = serialized ? undefined : serializersOf(core)
  const written = writeFields('', prefix, said.fields ?? {}, message, said.err, serializers)
  const pairs = written + cutMark(prefix, written)
  const fields = JSON.parse(`{${pairs.slice(1)}}`) as Fields
  const view = Object.create(core, {
    [stringifiersSym]: { value: redactorsOf(core, Object.keys(fields), messageKey) },
    [chindingsSym]: { value: prefix.text + placeText(schema) },
    [serializersSym]: { value: Object.create(null) },
    [formattersSym]: { value: { ...core[formattersSym], log: undefined } },
    [lsCacheSym]: { value: { [num]: headHere(core, num).begin } },
    [messageKeySym]: { value: quote(messageKey).slice(1, -1) },
  }) as Core
  try {
    // pino and agents leave C1, bidi controls and their like as they are; escaped they are longer.
    return fitted(safeLine(foreign.call(view, fields, text, num, time)), guard.limits.record)
  } catch (thrown) {
    fail("another's asJson, or redact's censor, threw; the record is written without its fields", thrown)
    const head = headOf(headHere(core, num), time)
    return writeLine(prefix, head, message, undefined, NO_ERROR, placeText(schema), undefined)
  }
}

function placeHere(): string {
  return currentPassage()?.source ?? ''
}

function placeText(schema: Schema): string {
  const source = placeHere()
  return source === '' ? '' : sourceField(schema, source)
}

/** What was said, without secrets in its message, from what pino and its hooks made of it. */
function unpack(core: Core, obj: Fields, msg: string | undefined): Said {
  const formatted = formatFields(core, obj)
  const message = guarded(core[voiceSym].pipeline.schema.guard, serializeMessage(core, msg), '')
  const passage = currentPassage()
  const { errorKey } = core[voiceSym].pipeline.schema
  if (passage === undefined || passage.err === NO_ERROR || !holds(formatted, errorKey, passage.err)) {
    return { msg: message, fields: formatted, err: NO_ERROR }
  }
  const fields = {}
  for (const key of Object.keys(formatted)) {
    if (key !== errorKey) copyKey(fields, passage.renamed.get(key) ?? key, formatted, key)
  }
  return { msg: message, fields, err: passage.err }
}

function holds(fields: Fields, key: string, value: unknown): boolean {
  try {
    return Object.is(fields[key], value)
  } catch {
    return false
  }
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
  const { pipeline } = core[voiceSym]
  const serializer = serializersOf(core)?.[pipeline.schema.messageKey]
  if (serializer === undefined) return msg ?? ''
  try {
    return String(serializer(msg ?? ''))
  } catch (thrown) {
    pipeline.fail('the serializer of the message threw; the message is written as it is', thrown)
    return msg ?? ''
  }
}
