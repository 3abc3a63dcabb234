import pino from 'pino'
import { optionError } from '../config/errors.ts'
import { LEVELS } from '../config/levels.ts'
import { selfLog } from '../config/self-log.ts'
import { createFanout, type Fanout } from '../transports/fanout.ts'
import { isAsJsonRewritten } from './agents.ts'
import { asJson } from './as-json.ts'
import { customSerializers, isDirect, makeChild, setBindings, setOwnLevel } from './child.ts'
import { type AsJson, type Core, cellSym, type Pipeline, type Sink, voiceSym } from './core.ts'
import { type Head, headAt, makeHeads } from './head.ts'
import { levelNumber, makeLevelTree, SILENT } from './levels.ts'
import { writeLine } from './line.ts'
import { NO_ERROR } from './said.ts'
import { type LogMethodHook, type Method, makeMethod } from './methods.ts'
import { checkLoggerOptions, type LoggerOptions } from './options.ts'
import { groundPrefix } from './prefix.ts'
import { makeSchema, reservedNames } from './schema.ts'
import { type Resolved, resolveOptions } from './settings.ts'
import {
  asJsonSym,
  chindingsSym,
  getLevelSym,
  levelValSym,
  mixinSym,
  msgPrefixSym,
  serializersSym,
  setLevelSym,
  streamSym,
} from './slots.ts'
import { quote } from './text.ts'
import { mergeMixin } from './through-pino.ts'
import { startTimer, time } from './timer.ts'
import type { Fields, Logger } from './types.ts'

const WARN = LEVELS.warn

/** The transports of each logger's pipeline, for flush, stats and shutdown. */
const fanouts = new WeakMap<Pipeline, Fanout>()

/** A logger of its own, with its own transports; nothing is shared with the default one but the scope. */
export function createLogger(options: LoggerOptions = {}): Logger {
  checkLoggerOptions(options, 'createLogger')
  const core = makeCore(options)
  configurePipeline(core, options)
  return core as unknown as Logger
}

/** A logger that makes itself ready at its first use: nothing is read or opened before. */
export function createLazyLogger(): Logger {
  const core = makeCore({})
  const { pipeline } = core[voiceSym]
  pipeline.prepare = () => configurePipeline(core, {})
  return core as unknown as Logger
}

/** Replaces the configuration of a logger, of its components and of all their children, at once. */
export function reconfigure(logger: Logger, options: LoggerOptions): Promise<void> {
  checkLoggerOptions(options, 'configure')
  const core = logger as unknown as Core
  const before = fanouts.get(core[voiceSym].pipeline)
  configurePipeline(core, options)
  return before?.close() ?? Promise.resolve()
}

/** The transports of a logger; it is made ready where it was not. */
export function fanoutOf(logger: Logger): Fanout {
  const { pipeline } = (logger as unknown as Core)[voiceSym]
  pipeline.prepare?.()
  return fanouts.get(pipeline) as Fanout
}

function fail(what: string, thrown: unknown): void {
  let why = ''
  try {
    why = thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    why = 'unreadable error'
  }
  selfLog(`logger.${what}`, `${what}: ${why}`)
}

const noSink: Sink = { writeLine() {}, flushSync() {} }

function makePipeline(): Pipeline {
  const schema = makeSchema()
  return {
    schema,
    ground: groundPrefix(schema, [], {}),
    heads: {},
    sink: noSink,
    levels: makeLevelTree(0),
    sourceFrom: SILENT,
    direct: false,
    foreignAsJson: undefined,
    now: Date.now,
    prepare: undefined,
    fail,
  }
}

/** pino's destination: stays the same object, because agents wrap it; what lies behind may be replaced. */
function makeDestination(pipeline: Pipeline) {
  return {
    [Symbol.for('pino.metadata')]: true as const,
    lastLevel: LEVELS.info as number,
    write(line: string): void {
      pipeline.sink.writeLine(line, this.lastLevel)
    },
    flushSync(): void {
      pipeline.sink.flushSync()
    },
    flush(done?: (error?: Error) => void): void {
      const fanout = fanouts.get(pipeline)
      if (fanout === undefined) done?.()
      else fanout.flush(done)
    },
  }
}

/**
 * pino makes the instance, so that every agent that wraps its factory sees it; then its level methods, child
 * and line writer give way to ours.
 */
function makeCore(options: LoggerOptions): Core {
  const pipeline = makePipeline()
  const destination = makeDestination(pipeline)
  const made = pino(
    {
      base: null,
      level: 'trace',
      timestamp: () => pipeline.schema.time(pipeline.now()),
      formatters: {
        level: (label, value) => pipeline.schema.level(label, value) as object,
        ...options.formatters,
      },
      mixinMergeStrategy: mergeMixin,
      ...pick(options, ['serializers', 'mixin', 'redact', 'hooks', 'onChild', 'customLevels', 'msgPrefix']),
    } as pino.LoggerOptions,
    destination as unknown as pino.DestinationStream,
  )
  const base = made as unknown as Core
  const standardError = pino.stdSerializers.err
  pipeline.foreignAsJson = wrappedAsJson(base)
  pipeline.direct =
    pipeline.foreignAsJson === undefined &&
    base[mixinSym] === undefined &&
    base[streamSym] === destination &&
    options.hooks?.streamWrite === undefined
  base[asJsonSym] = asJson
  base[chindingsSym] = ''
  installMethods(base, options, makeChild(protoOf(base).child as never, standardError))
  // V8 keeps what pino makes as a slow dictionary; an object that merely inherits from it is fast (16 ns -> 1 ns
  // for a call below the threshold).
  const core = Object.create(base) as Core
  core[cellSym] = pipeline.levels.cell('')
  core[voiceSym] = {
    pipeline,
    prefix: undefined,
    serializers: customSerializers(core[serializersSym], standardError),
    msgPrefix: (core as unknown as Record<symbol, string | undefined>)[msgPrefixSym],
    callerSkip: 0,
    component: '',
    direct: true,
    redacts: options.redact !== undefined && options.redact !== null,
  }
  core[voiceSym].direct = isDirect(core, core[voiceSym])
  return core
}

function pick<T extends object>(from: T, names: readonly (keyof T)[]): Partial<T> {
  return Object.fromEntries(
    names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]),
  ) as Partial<T>
}

function protoOf(core: Core): Core {
  return Object.getPrototypeOf(Object.getPrototypeOf(core)) as Core
}

/** What an agent put over pino's asJson (Datadog), or pino's own where one rewrote its source (New Relic). */
function wrappedAsJson(core: Core): AsJson | undefined {
  if (Object.hasOwn(core, asJsonSym)) return core[asJsonSym]
  return isAsJsonRewritten() ? core[asJsonSym] : undefined
}

function installMethods(core: Core, options: LoggerOptions, child: unknown): void {
  const hook = options.hooks?.logMethod as LogMethodHook | undefined
  const methods: Record<string, Method> = {}
  for (const [name, num] of Object.entries(core.levels.values)) methods[name] = makeMethod(num, hook)
  methods.critical ??= methods.fatal as Method
  Object.assign(core, methods)
  define(core, { child, setBindings, isLevelEnabled, startTimer, time })
  Object.defineProperties(core, {
    [getLevelSym]: { value: getLevel },
    [setLevelSym]: { value: setLevel },
    [levelValSym]: { get: levelValue, set() {} },
  })
}

/** Not enumerable: Fastify copies an instance's own enumerable keys. */
function define(core: Core, members: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(core, name, { value, writable: true, configurable: true, enumerable: false })
  }
}

function levelValue(this: Core): number {
  this[voiceSym].pipeline.prepare?.()
  return this[cellSym].value
}

function getLevel(this: Core): string {
  const value = levelValue.call(this)
  return this.levels.labels[value] ?? (value === SILENT ? 'silent' : String(value))
}

function isLevelEnabled(this: Core, level: string): boolean {
  const value = this.levels.values[level] ?? levelNumber(level)
  return value !== undefined && value !== SILENT && value >= levelValue.call(this)
}

/** `logger.level = 'debug'`: for a component or the root its whole subtree follows, for a child its children. */
function setLevel(this: Core, level: string | number): void {
  const value = typeof level === 'string' ? (this.levels.values[level] ?? levelNumber(level)) : level
  if (value === undefined || Number.isNaN(value)) {
    throw optionError({
      option: 'logger.level',
      value: level,
      expected: `one of ${Object.keys(this.levels.values).join(', ')} or silent`,
    })
  }
  const before = levelValue.call(this)
  const { component, pipeline } = this[voiceSym]
  if (component !== undefined && Object.hasOwn(this, voiceSym)) pipeline.levels.set(component, value)
  else setOwnLevel(this, value)
  const { labels } = this.levels
  const emitter = this as unknown as { emit(event: string, ...args: unknown[]): void }
  emitter.emit('level-change', labels[value] ?? 'silent', value, labels[before] ?? 'silent', before, this)
}

/** Puts a configuration in place: everything that loggers share changes at once. */
function configurePipeline(core: Core, options: LoggerOptions): void {
  const { pipeline } = core[voiceSym]
  const resolved = resolveOptions(options)
  const { settings } = resolved
  const schema = makeSchema({
    schema: options.schema ?? settings.schema,
    keys: options.keys ?? settings.keys,
    project: settings.googleProject,
  })
  pipeline.prepare = undefined
  pipeline.schema = schema
  pipeline.now = options.now ?? Date.now
  pipeline.ground = groundPrefix(schema, reservedNames(schema), identityFields(options, resolved))
  pipeline.heads = makeHeads(schema, core.levels.values)
  pipeline.sourceFrom = sourceFrom(options.source ?? settings.source)
  configureLevels(pipeline, options, resolved)
  const fanout = createFanout(resolved.transports, {
    report: (event) => selfLog(event.code, event.message),
    line: (level, msg, fields) => spoorLine(pipeline, level, msg, fields),
  })
  fanouts.set(pipeline, fanout)
  pipeline.sink = fanout
}

function identityFields(options: LoggerOptions, { identity, settings }: Resolved): Fields {
  return { ...identity, ...(options.labels ?? settings.labels) }
}

function sourceFrom(source: 'off' | 'warn' | 'all'): number {
  if (source === 'off') return SILENT
  return source === 'warn' ? WARN : 0
}

function configureLevels(pipeline: Pipeline, options: LoggerOptions, { settings }: Resolved): void {
  const named = options.levels ?? (options.level === undefined ? settings.levels : {})
  const components: Record<string, number> = {}
  for (const [component, level] of Object.entries(named))
    components[component] = levelNumber(level) ?? LEVELS.info
  pipeline.levels.replace(levelNumber(options.level ?? settings.level) ?? LEVELS.info, components)
}

/** A line for what a transport has to say itself, past all that may be failing. */
function spoorLine(pipeline: Pipeline, level: number, msg: string, fields: Fields): string {
  const head = headAt(pipeline.heads[level] as Head, pipeline.schema, pipeline.now())
  return writeLine(pipeline.ground, head, quote(msg), fields, NO_ERROR, '', undefined)
}
