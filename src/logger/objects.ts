import type { Scope } from '../context/scope.ts'
import type { RecordSink } from '../transports/fanout.ts'
import { type Core, serializersOf, voiceSym } from './core.ts'
import { CUT_KEY, hasCuts } from './line/cuts.ts'
import { fittedObject } from './line/fit.ts'
import { guarded } from './line/guard.ts'
import { headAt, headFor, messageText } from './line/head.ts'
import { sourceField, writeLine } from './line/line.ts'
import { addFields, type Made, plainFields, put } from './line/plain.ts'
import {
  type LoggerPrefix,
  type Prefix,
  prefixBeside,
  prefixHere,
  prefixIn,
  renewLoggerPrefix,
} from './line/prefix.ts'
import { type Fields, NO_ERROR, type Said } from './line/said.ts'
import { isoTime } from './line/time.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { redactPrefix, redacts, redactValue } from './redaction.ts'
import { chindingsSym } from './slots.ts'
import { withAgentTrace } from './through-pino.ts'

/**
 * What stands on every record of a logger, or of a logger in a scope. It is read once from the prefix that lines have,
 * not for each record.
 */
interface Common {
  /** In the default schema: which names are taken. */
  readonly prefix: Prefix
  readonly fields: Fields
}

const commons = new WeakMap<Prefix, Common>()

/** @param prefix what the line of this record has, `own` itself outside of any scope */
function commonOf(core: Core, own: LoggerPrefix, prefix: Prefix, given: Scope | undefined): Common {
  let common = commons.get(prefix)
  if (common === undefined) {
    common = commonIn(prefixByDefault(core, own, prefix, given))
    commons.set(prefix, common)
  }
  return common
}

function prefixByDefault(core: Core, own: LoggerPrefix, prefix: Prefix, given: Scope | undefined): Prefix {
  const { recordGround, ground } = core[voiceSym].pipeline
  if (recordGround === ground) return prefix
  const beside = renewLoggerPrefix(undefined, recordGround, core[chindingsSym])
  return prefix === own ? beside : prefixBeside(beside, given)
}

function commonIn(prefix: Prefix): Common {
  return { prefix, fields: prefix.text === '' ? {} : JSON.parse(`{${prefix.text.slice(1)}}`) }
}

/** What a record says, ready to be put under its names. */
interface Saying extends Said {
  readonly time: string
  readonly num: number
  /** JSON text of the call's place, or ''. */
  readonly source: string
}

function markCut(record: Made): void {
  let name = CUT_KEY
  while (Object.hasOwn(record, name) && record[name] !== true) name = `_${name}`
  record[name] = true
}

/** A record as an object: the keys of the default schema in the order of a line, the values that a line has. */
function makeRecord(core: Core, common: Common, saying: Saying): Made {
  const { time, num, source, fields, err } = saying
  const { errorKey, guard } = core[voiceSym].pipeline.schema
  const msg = guarded(guard, saying.msg, '')
  const record: Made = { time, level: core.levels.labels[num] ?? String(num), msg, ...common.fields }
  if (source !== '') record.source = JSON.parse(source)
  if (fields !== undefined || err !== NO_ERROR) {
    addFields(record, common.prefix, fields ?? {}, msg, err, errorKey)
  }
  if (hasCuts()) markCut(record)
  return fittedObject(record, guard.limits.record)
}

/**
 * Makes one record as an object for the transports that want it so, and as a line for the others. The object is made
 * only where one of them wants it, and the fields are read once for both.
 *
 * @param source JSON text of the call's place, or ''
 */
export function recordObject(
  core: Core,
  records: RecordSink,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  scope: Scope | undefined,
): void {
  const voice = core[voiceSym]
  const { pipeline } = voice
  const own = loggerPrefix(core, voice)
  const prefix = scope === undefined ? prefixHere(own) : prefixIn(scope, own, undefined)
  const now = pipeline.now()
  const common = commonOf(core, own, prefix, scope)
  let read: Fields | undefined
  records.write(common.fields, num, () => {
    if (fields !== undefined) read = plainFields(fields, pipeline.schema, serializersOf(core))
    return makeRecord(core, common, { time: isoTime(now), num, msg, fields: read, err, source })
  })
  if (!records.lines) return
  const head = headFor(pipeline, core.levels.labels, num)
  const line = writeLine(
    prefix,
    headAt(head, pipeline.schema, now),
    messageText(head, msg),
    read ?? fields,
    err,
    source === '' ? '' : sourceField(pipeline.schema, source),
    read === undefined ? serializersOf(core) : undefined,
  )
  pipeline.sink.writeLine(line, num)
}

/**
 * Hands over the object of a record that passes through pino, and returns what is left to say in its line: the same,
 * with its fields read where the object was made of them.
 *
 * @param prefix what the line has, without an agent's trace
 * @param time pino's form of it: `,"time":"…"`
 */
export function handOver(
  core: Core,
  own: LoggerPrefix,
  prefix: Prefix,
  said: Said,
  num: number,
  time: string,
  source: string,
): { readonly said: Said; readonly serialized: boolean } {
  const { sink, schema } = core[voiceSym].pipeline
  if (sink.records === undefined) return { said, serialized: false }
  const hidden = redacts(core)
  const traced = withAgentTrace(prefixByDefault(core, own, prefix, undefined))
  const { shape, text } = traced
  const common = commonIn(hidden ? { shape, text: redactPrefix(core, text) } : traced)
  let read: Fields | undefined
  sink.records.write(common.fields, num, () => {
    read = said.fields === undefined ? undefined : plainFields(said.fields, schema, serializersOf(core))
    const record = makeRecord(core, common, { ...said, fields: read, time: isoOf(time), num, source })
    return hidden ? redacted(core, record, common.fields) : record
  })
  return { said: read === undefined ? said : { ...said, fields: read }, serialized: read !== undefined }
}

function isoOf(time: string): string {
  const [value] = Object.values(JSON.parse(`{${time.slice(1)}}`) as Fields)
  return typeof value === 'number' ? isoTime(value) : String(value)
}

/** What the prefix has is redacted already, and pino never redacts what it says itself. */
function redacted(core: Core, record: Made, common: Fields): Made {
  const kept = new Set(['time', 'level', 'source', ...Object.keys(common)])
  for (const key of Object.keys(record)) {
    if (kept.has(key)) continue
    const value = redactValue(core, key, record[key])
    // A record has a message, if only an empty one.
    if (value === undefined && key === 'msg') record.msg = ''
    else if (value === undefined) delete record[key]
    else put(record, key, value)
  }
  return record
}

/** A record for what a transport has to say itself, past all that may be failing. */
export function spoorRecord(core: Core, num: number, msg: string, fields: Fields): Made {
  const { pipeline } = core[voiceSym]
  const read = plainFields(fields, pipeline.schema, undefined)
  const saying = { time: isoTime(pipeline.now()), num, msg, fields: read, err: NO_ERROR, source: '' }
  return makeRecord(core, commonIn(pipeline.recordGround), saying)
}
