import { tracingChannel } from 'node:diagnostics_channel'
import type { Scope } from '../context/scope.ts'
import { type Core, voiceSym } from './core.ts'
import { sourceField, writeLine } from './line.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { type Prefix, prefixHere, prefixIn } from './prefix.ts'
import { throughPino } from './through-pino.ts'
import type { Fields } from './types.ts'

// Sentry, and whoever else follows pino's own diagnostics, listens here; then records take pino's way.
const { start, end } = tracingChannel('pino_asJson')

const FATAL = 60

/**
 * Makes one record of what a call said and hands it on. This is the hot path: with a warm prefix it is one
 * look-up for each field, string concatenations, and the sink's.
 *
 * @param source JSON text of the call's place, or ''
 * @param scope the scope that the record belongs to, where it is not the running one
 */
export function record(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  scope?: Scope,
): void {
  const voice = core[voiceSym]
  const { pipeline } = voice
  if (pipeline.direct && voice.direct && !end.hasSubscribers && !start.hasSubscribers) {
    const own = loggerPrefix(core, voice)
    const prefix: Prefix = scope === undefined ? prefixHere(own) : prefixIn(scope, own, undefined)
    const { schema, levelTexts, sink } = pipeline
    const time = schema.time(pipeline.now())
    const level = levelTexts[num] as string
    const place = source === '' ? '' : sourceField(schema, source)
    sink.writeLine(writeLine(prefix, time, level, msg, fields, err, place, voice.serializers), num)
    if (num >= FATAL) sink.flushSync()
  } else {
    throughPino(core, num, msg, fields, err, source, scope)
    if (num >= FATAL) pipeline.sink.flushSync()
  }
}
