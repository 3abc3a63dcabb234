import { tracingChannel } from 'node:diagnostics_channel'
import { auditError } from '../config/errors.ts'
import { LEVELS } from '../config/levels.ts'
import { selfLog } from '../config/self-log.ts'
import { LINK_NAMES } from '../policy/audit/link.ts'
import { type AuditLog, createAuditLog } from '../policy/audit/log.ts'
import type { AuditSettings } from '../policy/audit/settings.ts'
import { strayScope } from './bound.ts'
import { sourceOf } from './call/source.ts'
import { type Core, type Pipeline, type Sink, scopeSym, serializersOf, voiceSym } from './core.ts'
import { endCuts, startCuts } from './line/cuts.ts'
import { fitted } from './line/fit.ts'
import { headAt, headFor, messageText } from './line/head.ts'
import { sourceField, writeLine } from './line/line.ts'
import { type Pair, splitPairs, textOfPairs } from './line/pairs.ts'
import { prefixHere, prefixIn } from './line/prefix.ts'
import { NO_ERROR } from './line/said.ts'
import { quote } from './line/text.ts'
import { isError } from './line/value.ts'
import { loggerPrefix } from './logger-prefix.ts'
import { throughPino } from './through-pino.ts'
import type { Fields } from './types.ts'

const { start, end } = tracingChannel('pino_asJson')
const INFO = LEVELS.info

/** An audit method as it stands on a logger. */
export type AuditMethod = (this: Core | undefined, action: string, fields?: Fields) => Promise<void>

interface Place {
  readonly settings: AuditSettings | undefined
  log: AuditLog | undefined
  toldMissing: boolean
}

const places = new WeakMap<Pipeline, Place>()

/** Gives a pipeline its audit log, which is made at the first record. */
export function configureAudit(pipeline: Pipeline, settings: AuditSettings | undefined): void {
  places.set(pipeline, { settings, log: undefined, toldMissing: false })
}

/** Resolves when a pipeline's audit records are durable, and its file is closed. */
export async function closeAudit(pipeline: Pipeline): Promise<void> {
  await places.get(pipeline)?.log?.close()
}

/** @param root writes for a method that was taken off its logger */
export function makeAudit(root: Core): AuditMethod {
  const audit: AuditMethod = function audit(this: Core | undefined, first, second) {
    const core = this?.[voiceSym] === undefined ? root : this
    const { pipeline } = core[voiceSym]
    try {
      const { action, fields } = inOrder(first, second)
      pipeline.prepare?.()
      const place = places.get(pipeline)
      if (place?.settings === undefined) return refused(missing(place))
      place.log ??= openLog(core, place.settings)
      const source = INFO >= pipeline.sourceFrom ? sourceOf(audit, core[voiceSym].callerSkip) : ''
      const line = apart(wholeLine(core, textOf(core, action), fields, source))
      return place.log.append(fitted(line, roomFor(pipeline.schema.guard.limits.record)))
    } catch (thrown) {
      return failed(thrown)
    }
  }
  return audit
}

/** An error in the place of the fields, and pino's order, are what they are for info(): an audit record loses nothing. */
function inOrder(first: unknown, second: unknown): { action: unknown; fields: Fields | undefined } {
  if (typeof second === 'string' && typeof first === 'object' && first !== null) return inOrder(second, first)
  return { action: first, fields: isError(second) ? { err: second } : (second as Fields | undefined) }
}

function textOf(core: Core, action: unknown): string {
  return `${core[voiceSym].msgPrefix ?? ''}${String(action)}`
}

/** Bytes of a record's line that its place in the log takes: seven hashes and numbers. */
const LINK_ROOM = 640

/** What is left for the rest of it; of a small limit half, because a record says what was done before how it is proved. */
function roomFor(limit: number): number {
  return Math.max(limit - LINK_ROOM, Math.floor(limit / 2))
}

/** A promise that rejects, and ends no process where nobody listens. */
function refused(error: Error): Promise<void> {
  const promise = Promise.reject(error)
  promise.catch(() => {})
  return promise
}

function missing(place: Place | undefined): Error {
  const message =
    'logger.audit() has no file: set LOG_AUDIT_FILE, or LOG_FILE beside which it lies, or the option audit: { path }'
  if (place?.toldMissing !== true) selfLog('audit.missing', `${message}. The record is not written.`)
  if (place !== undefined) place.toldMissing = true
  return auditError(message)
}

function failed(thrown: unknown): Promise<void> {
  const message = thrown instanceof Error ? thrown.message : 'something that is no Error was thrown'
  const isOurs = (thrown as { code?: unknown } | null | undefined)?.code === 'ERR_SPOOR_AUDIT'
  selfLog('audit.failed', `${message.replace(/^spoor: /, '')}. The audit record is not written.`)
  return refused(isOurs ? (thrown as Error) : auditError(`an audit record can't be made: ${message}`, thrown))
}

function openLog(core: Core, settings: AuditSettings): AuditLog {
  return createAuditLog({
    ...settings,
    report: (code, message) => selfLog(`audit.${code}`, message),
    line(msg, fields) {
      const { pipeline } = core[voiceSym]
      const head = headAt(headFor(pipeline, core.levels.labels, INFO), pipeline.schema, pipeline.now())
      return writeLine(pipeline.ground, head, quote(msg), fields, NO_ERROR, '', undefined)
    },
  })
}

/** What is cut in it is marked on it, and not on a record around it. */
function wholeLine(core: Core, msg: string, fields: Fields | undefined, source: string): string {
  const outer = startCuts()
  try {
    return lineOf(core, msg, fields, source)
  } finally {
    endCuts(outer)
  }
}

/** The record as the logger writes any other, by the way that its records take. */
function lineOf(core: Core, msg: string, fields: Fields | undefined, source: string): string {
  const voice = core[voiceSym]
  const { pipeline } = voice
  const scope = core[scopeSym] === undefined ? undefined : strayScope(core)
  if (!pipeline.unhooked || !voice.direct || end.hasSubscribers || start.hasSubscribers)
    return captured(pipeline, () => throughPino(core, INFO, msg, fields, NO_ERROR, source, scope))
  const own = loggerPrefix(core, voice)
  const prefix = scope === undefined ? prefixHere(own) : prefixIn(scope, own, undefined)
  const head = headFor(pipeline, core.levels.labels, INFO)
  const begin = headAt(head, pipeline.schema, pipeline.now())
  const place = source === '' ? '' : sourceField(pipeline.schema, source)
  return writeLine(prefix, begin, messageText(head, msg), fields, NO_ERROR, place, serializersOf(core))
}

/** What passes through pino comes out at the sink: the last line is the record's, those before it a mixin's or a getter's. */
function captured(pipeline: Pipeline, write: () => void): string {
  const { sink } = pipeline
  const lines: { line: string; level: number }[] = []
  const catching: Sink = {
    writeLine: (line, level) => void lines.push({ line, level }),
    flushSync: () => sink.flushSync(),
  }
  pipeline.sink = catching
  try {
    write()
  } finally {
    pipeline.sink = sink
  }
  const record = lines.pop()
  for (const { line, level } of lines) sink.writeLine(line, level)
  if (record === undefined || !/^\{[^\n]*\}\n$/.test(record.line))
    throw new Error('a hook of the logger left no record of it')
  return record.line
}

/** Names of the link's own fields, of a binding, a scope or the call, step aside to `_name`. */
function apart(line: string): string {
  if (!line.includes('"audit_')) return line
  const pairs = splitPairs(`,${line.slice(1, -2)}`)
  const names = new Set(pairs.map(({ name }) => name))
  const moved = pairs.map((pair): Pair => {
    if (!LINK_NAMES.includes(pair.name)) return pair
    let free = `_${pair.name}`
    while (names.has(free)) free = `_${free}`
    names.add(free)
    return { name: free, value: pair.value }
  })
  return `{${textOfPairs(moved).slice(1)}}\n`
}
