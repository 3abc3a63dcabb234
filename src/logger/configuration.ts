import { LEVELS } from '../config/levels.ts'
import { selfLog } from '../config/self-log.ts'
import { propagateTo } from '../context/outbound.ts'
import { type AuditSettings, auditSettings } from '../policy/audit/settings.ts'
import { createFanout, type Fanout } from '../transports/fanout.ts'
import { configureAudit } from './audit.ts'
import { type Core, type Pipeline, voiceSym } from './core.ts'
import { type GateRules, makeGates } from './gates.ts'
import { guardOf } from './guarding.ts'
import { levelNumber, SILENT } from './levels.ts'
import { beginLife, hasLifecycle } from './lifecycle.ts'
import { type Guard, guarded } from './line/guard.ts'
import { headAt, headFor, makeHeads } from './line/head.ts'
import { writeLine } from './line/line.ts'
import { groundPrefix, type Prefix } from './line/prefix.ts'
import { NO_ERROR } from './line/said.ts'
import {
  defaultKeys,
  hasDefaultKeys,
  makeSchema,
  outputName,
  reservedNames,
  type Schema,
} from './line/schema.ts'
import { quote, quoteKey } from './line/text.ts'
import { spoorRecord } from './objects.ts'
import type { LoggerOptions } from './options.ts'
import { RATE_KEY } from './outlet.ts'
import { type Resolved, resolveOptions } from './settings.ts'
import { flushOnSignals, type ReopenSignal, reopenOnSignal } from './signals.ts'
import type { Fields } from './types.ts'

/** The transports behind each pipeline, for flush, stats and shutdown. */
const fanouts = new WeakMap<Pipeline, Fanout>()
/** Take back what a pipeline does at signals. */
const signals = new WeakMap<Pipeline, readonly (() => void)[]>()

/** The transports of a pipeline; undefined while it has never been configured. */
export function currentFanout(pipeline: Pipeline): Fanout | undefined {
  return fanouts.get(pipeline)
}

/** Puts a configuration in place: everything that loggers share changes at once. */
export function configurePipeline(core: Core, options: LoggerOptions): void {
  const { pipeline } = core[voiceSym]
  const { values } = core.levels
  const resolved = resolveOptions(options)
  const { settings, transports } = resolved
  const guard = guardOf(options, settings)
  const schema = schemaOf(options, resolved, guard)
  // What waits was made for the transports that there were.
  pipeline.gates?.close()
  pipeline.prepare = undefined
  pipeline.schema = schema
  pipeline.now = clockOf(options.now)
  pipeline.slowMs = resolved.slowMs
  const identity = identityFields(pipeline, options, resolved)
  const reserved = resolved.gates.sample === false ? [] : [RATE_KEY]
  pipeline.ground = groundOf(schema, reserved, identity)
  pipeline.recordGround = hasDefaultKeys(schema)
    ? pipeline.ground
    : groundOf(makeSchema({ guard }), reserved, identity)
  pipeline.heads = makeHeads(schema, values)
  pipeline.sourceFrom = sourceFrom(options.source ?? settings.source)
  configureLevels(pipeline, options, resolved, values)
  const fanout = createFanout(transports, {
    report: (event) => selfLog(event.code, event.message),
    line: (level, msg, fields) => spoorLine(core, level, msg, fields),
    record: (level, msg, fields) => spoorRecord(core, level, msg, fields),
    names: defaultKeys(schema),
    identity: resolved.identity === undefined ? {} : { ...resolved.identity },
    instrumented: pipeline.instrumented,
  })
  fanouts.set(pipeline, fanout)
  configureGates(core, resolved.gates, schema, fanout)
  pipeline.direct = pipeline.unhooked && fanout.records === undefined
  if (settings.propagate !== undefined) propagateTo(settings.propagate)
  configureAudit(pipeline, auditOf(options, resolved, pipeline.now))
  followSignals(pipeline, options.signals ?? settings.signals, options.reopenSignal ?? settings.reopenSignal)
  if (hasLifecycle(options.lifecycle ?? settings.lifecycle, transports)) {
    beginLife(core, transports, fanout.stats)
  }
}

/** @param keys in the default schema, that are reserved besides those that always are */
function groundOf(schema: Schema, keys: readonly string[], identity: Fields): Prefix {
  const names = keys.map((key) => outputName(schema, key))
  return groundPrefix(schema, [...reservedNames(schema), ...names], identity)
}

/** Puts the rules of the configuration before its transports; without any there is nothing in between. */
function configureGates(core: Core, rules: GateRules, schema: Schema, fanout: Fanout): void {
  const { pipeline } = core[voiceSym]
  const { rateLimit, sample, buffer } = rules
  const before = pipeline.gates
  pipeline.gates = undefined
  pipeline.sink = fanout
  // Children that have a level of their own keep the threshold that they got while there was a buffer.
  if (before === undefined && rateLimit === false && sample === false && buffer === false) return
  const made = makeGates(core, rules, fanout, quoteKey(outputName(schema, RATE_KEY)))
  pipeline.gates = made.gates
  pipeline.sink = made.sink
}

/** Neither a wrong path nor a wrong placeholder in the environment stops a logger; then there is no audit log. */
function auditOf(
  options: LoggerOptions,
  { settings }: Resolved,
  now: () => number,
): AuditSettings | undefined {
  try {
    return auditSettings(options.audit ?? {}, settings, options.env ?? process.env, now)
  } catch (thrown) {
    if (options.audit !== undefined) throw thrown
    selfLog(
      'audit.settings',
      `the audit log can't be set up: ${(thrown as Error).message.replace(/^spoor: /, '')}`,
    )
    return undefined
  }
}

/** A clock of the user's that throws or goes wrong must not take records with it. */
function clockOf(now: (() => number) | undefined): () => number {
  // Not Date.now itself: a test that replaces it later means our records too.
  if (now === undefined) return () => Date.now()
  return () => {
    try {
      const time = now()
      if (Number.isFinite(time)) return time
    } catch {
      // The system's clock stands in.
    }
    return Date.now()
  }
}

function followSignals(pipeline: Pipeline, told: 'flush' | 'off', reopen: ReopenSignal | 'off'): void {
  for (const takeBack of signals.get(pipeline) ?? []) takeBack()
  const followed: (() => void)[] = []
  if (told !== 'off') followed.push(flushOnSignals(() => pipeline.sink.flushSync()))
  if (reopen !== 'off') followed.push(reopenOnSignal(reopen, () => fanouts.get(pipeline)?.reopen()))
  signals.set(pipeline, followed)
}

/** What the environment renames wrongly is told about and left out; what the code does is an error. */
function schemaOf(options: LoggerOptions, { settings }: Resolved, guard: Guard): Schema {
  const base = { schema: options.schema ?? settings.schema, project: settings.googleProject, guard }
  if (options.keys !== undefined) return makeSchema({ ...base, keys: options.keys })
  try {
    return makeSchema({ ...base, keys: settings.keys })
  } catch (thrown) {
    selfLog('config.LOG_KEYS', `LOG_KEYS: ${(thrown as Error).message} Used: no other names.`)
    return makeSchema(base)
  }
}

/** pino's `formatters.bindings` is asked about the identity, which stands where pino's base does. */
function identityFields(
  { fail }: Pipeline,
  options: LoggerOptions,
  { identity, settings }: Resolved,
): Fields {
  const format = options.formatters?.bindings
  const labels = options.labels ?? settings.labels
  if (identity === undefined || format === undefined) return { ...identity, ...labels }
  try {
    return { ...format({ ...identity }), ...labels }
  } catch (thrown) {
    fail('formatters.bindings threw; the identity is written as it is', thrown)
    return { ...identity, ...labels }
  }
}

function sourceFrom(source: 'off' | 'warn' | 'all'): number {
  if (source === 'off') return SILENT
  return source === 'warn' ? LEVELS.warn : 0
}

function configureLevels(
  pipeline: Pipeline,
  options: LoggerOptions,
  { settings, gates }: Resolved,
  levels: Readonly<Record<string, number>>,
): void {
  const named = options.levels ?? (options.level === undefined ? settings.levels : {})
  const numberOf = (level: string): number => levels[level] ?? levelNumber(level) ?? LEVELS.info
  const components = Object.entries(named).map(([component, level]) => [component, numberOf(level)] as const)
  const floor = gates.buffer === false ? SILENT : LEVELS[gates.buffer.level]
  pipeline.levels.replace(numberOf(options.level ?? settings.level), components, floor)
}

/** A line for what a transport has to say itself, past all that may be failing. */
function spoorLine(core: Core, level: number, msg: string, fields: Fields): string {
  const { pipeline } = core[voiceSym]
  const head = headAt(headFor(pipeline, core.levels.labels, level), pipeline.schema, pipeline.now())
  const message = quote(guarded(pipeline.schema.guard, msg, ''))
  return writeLine(pipeline.ground, head, message, fields, NO_ERROR, '', undefined)
}
