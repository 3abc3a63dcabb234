import { tracingChannel } from 'node:diagnostics_channel'
import type { Scope } from '../context/scope.ts'
import { strayScope } from './bound.ts'
import { type Core, scopeSym, voiceSym } from './core.ts'
import { endCuts, startCuts } from './line/cuts.ts'
import { headAt, headFor, messageText } from './line/head.ts'
import { sourceField, writeLine } from './line/line.ts'
import { type Prefix, prefixHere, prefixIn } from './line/prefix.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { recordObject } from './objects.ts'
import { throughPino } from './through-pino.ts'
import type { Fields } from './types.ts'

// Sentry, and whoever else follows pino's own diagnostics, listens here; then records take pino's way.
const { start, end } = tracingChannel('pino_asJson')

const FATAL = 60

/** Records inside records: what is logged by a getter, a toJSON, a mixin or a transport of a record. */
const MAX_NESTED = 4
let nested = 0

/**
 * Makes one record of what a call said and hands it on. This is the hot path: with a warm prefix it is one
 * look-up for each field, string concatenations, and the sink's.
 *
 * @param source JSON text of the call's place, or ''
 * @param given the scope that the record belongs to, where it is not the running one
 */
export function record(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  given?: Scope,
): void {
  if (nested >= MAX_NESTED) {
    core[voiceSym].pipeline.fail('a record was dropped that logging itself made', 'records within records')
    return
  }
  nested++
  const outer = startCuts()
  try {
    const { gates } = core[voiceSym].pipeline
    if (gates === undefined) write(core, num, msg, fields, err, source, given)
    else gates.record(core, num, msg, fields, err, source, given, write)
  } finally {
    endCuts(outer)
    nested--
  }
}

function write(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  given: Scope | undefined,
): void {
  const scope = given === undefined && core[scopeSym] !== undefined ? strayScope(core) : given
  const voice = core[voiceSym]
  const { pipeline } = voice
  if (pipeline.direct && voice.direct && !end.hasSubscribers && !start.hasSubscribers) {
    const own = loggerPrefix(core, voice)
    const prefix: Prefix = scope === undefined ? prefixHere(own) : prefixIn(scope, own, undefined)
    const { schema, sink } = pipeline
    const head = pipeline.heads[num] ?? headFor(pipeline, core.levels.labels, num)
    const begin = headAt(head, schema, pipeline.now())
    const place = source === '' ? '' : sourceField(schema, source)
    const message = messageText(head, msg)
    sink.writeLine(
      writeLine(prefix, begin, message, fields, err, place, voice.serializers ?? pipeline.serializers),
      num,
    )
    if (num >= FATAL) sink.flushSync()
  } else {
    otherwise(core, num, msg, fields, err, source, scope)
    if (num >= FATAL) pipeline.sink.flushSync()
  }
}

/** Apart from `write`, so that what only some loggers need is not in the way of the others. */
function otherwise(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  scope: Scope | undefined,
): void {
  const { pipeline, direct } = core[voiceSym]
  const { records } = pipeline.sink
  const hooked = !pipeline.unhooked || !direct || end.hasSubscribers || start.hasSubscribers
  if (hooked || records === undefined) throughPino(core, num, msg, fields, err, source, scope)
  else recordObject(core, records, num, msg, fields, err, source, scope)
}
