import pino from 'pino'
import { optionError } from '../config/errors.ts'
import { LEVELS } from '../config/levels.ts'
import { isAsJsonRewritten, sendsToOtel } from './agents.ts'
import { asJson } from './as-json.ts'
import { makeAudit } from './audit.ts'
import { customSerializers, makeChild, setBindings, setOwnLevel } from './child.ts'
import { currentFanout } from './configuration.ts'
import { type AsJson, type Core, cellSym, type Pipeline, voiceSym } from './core.ts'
import { pinoRedact } from './guarding.ts'
import { levelNumber, SILENT } from './levels.ts'
import { type LogMethodHook, type Method, makeMethod } from './methods.ts'
import type { LoggerOptions } from './options.ts'
import {
  asJsonSym,
  chindingsSym,
  formattersSym,
  getLevelSym,
  levelValSym,
  mixinSym,
  serializersSym,
  setLevelSym,
  streamSym,
} from './slots.ts'
import { mergeMixin } from './through-pino.ts'
import { startTimer, time } from './timer.ts'

const { err: standardError } = pino.stdSerializers

/** What is handed on to pino as it was given. */
const PINO_OPTIONS = ['serializers', 'onChild', 'customLevels', 'msgPrefix'] as const

/**
 * The instance that loggers inherit from. pino makes it, so that every agent that wraps pino's factory sees it;
 * then its level methods, child and line writer give way to ours. Tells the pipeline which way records take.
 */
export function makeBase(options: LoggerOptions, pipeline: Pipeline, root: Core): Core {
  const destination = makeDestination(pipeline)
  const given = PINO_OPTIONS.filter((name) => options[name] !== undefined).map((name) => [
    name,
    options[name],
  ])
  const redact = pinoRedact(options.redact)
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
      ...Object.fromEntries(given),
      ...(redact === undefined ? {} : { redact }),
      ...guarded(options, pipeline),
    } as pino.LoggerOptions,
    destination as unknown as pino.DestinationStream,
  )
  const base = made as unknown as Core
  const { messageKey } = pipeline.schema
  pipeline.serializers = customSerializers(base[serializersSym], standardError)
  pipeline.redacts = redact !== undefined
  pipeline.foreignAsJson = wrappedAsJson(base)
  pipeline.instrumented = sendsToOtel(base[streamSym])
  pipeline.unhooked =
    pipeline.foreignAsJson === undefined &&
    !pipeline.redacts &&
    base[formattersSym].log === undefined &&
    pipeline.serializers?.[messageKey] === undefined &&
    base[mixinSym] === undefined &&
    base[streamSym] === destination &&
    options.hooks?.streamWrite === undefined
  base[asJsonSym] = asJson
  base[chindingsSym] = ''
  installMembers(base, options, root)
  return base
}

/** A user's functions on a record's way through pino: what they throw must not cost the record. */
function guarded({ mixin, hooks }: LoggerOptions, { fail }: Pipeline): Partial<pino.LoggerOptions> {
  const streamWrite = hooks?.streamWrite
  const guards: Partial<pino.LoggerOptions> = { hooks: { ...hooks } }
  if (mixin !== undefined) {
    guards.mixin = (...args) =>
      attempt(
        () => mixin(...args),
        {},
        (thrown) => fail('mixin threw; the record is written without it', thrown),
      )
  }
  if (streamWrite !== undefined) {
    guards.hooks = {
      ...hooks,
      streamWrite: (line) =>
        attempt(
          () => streamWrite(line),
          line,
          (thrown) => fail('hooks.streamWrite threw; the line is written as it was', thrown),
        ),
    }
  }
  return guards
}

function attempt<T>(act: () => T, otherwise: T, failed: (thrown: unknown) => void): T {
  try {
    return act()
  } catch (thrown) {
    failed(thrown)
    return otherwise
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
      const fanout = currentFanout(pipeline)
      if (fanout === undefined) done?.()
      else fanout.flush(done)
    },
  }
}

/** What an agent put over pino's asJson (Datadog), or pino's own where one rewrote its source (New Relic). */
function wrappedAsJson(base: Core): AsJson | undefined {
  return Object.hasOwn(base, asJsonSym) || isAsJsonRewritten() ? base[asJsonSym] : undefined
}

function installMembers(base: Core, options: LoggerOptions, root: Core): void {
  const pinoPrototype = Object.getPrototypeOf(Object.getPrototypeOf(base)) as Core
  const hook = options.hooks?.logMethod as LogMethodHook | undefined
  const addLevels = (to: object, levels: Readonly<Record<string, number>>): void => {
    for (const [name, num] of Object.entries(levels))
      Object.assign(to, { [name]: makeMethod(num, hook, root) })
  }
  addLevels(base, base.levels.values)
  const own = base as unknown as Record<string, Method>
  own.critical ??= own.fatal as Method
  const child = makeChild(pinoPrototype.child as never, standardError, addLevels)
  // Not enumerable: Fastify copies an instance's own enumerable keys.
  const members = { child, setBindings, isLevelEnabled, startTimer, time, audit: makeAudit(root) }
  for (const [name, value] of Object.entries(members)) {
    // A level that a user has called audit stays one.
    if (name === 'audit' && Object.hasOwn(base.levels.values, name)) continue
    Object.defineProperty(base, name, { value, writable: true, configurable: true, enumerable: false })
  }
  Object.defineProperties(base, {
    [getLevelSym]: { value: getLevel },
    [setLevelSym]: { value: setLevel },
    [levelValSym]: { get: levelValue, set() {} },
  })
}

function levelValue(this: Core): number {
  this[voiceSym].pipeline.prepare?.()
  return this[cellSym].value
}

/** What was set, where `levelValue` may be lower. */
function ownLevel(core: Core): number {
  core[voiceSym].pipeline.prepare?.()
  return core[cellSym].level
}

function getLevel(this: Core): string {
  const value = ownLevel(this)
  return this.levels.labels[value] ?? (value === SILENT ? 'silent' : String(value))
}

/** Number of a level by name or number; custom names first, and none that every object has. */
function valueOfLevel({ levels }: Core, level: unknown): number | undefined {
  if (typeof level === 'number') return level
  if (typeof level !== 'string') return undefined
  return Object.hasOwn(levels.values, level) ? levels.values[level] : levelNumber(level)
}

function isLevelEnabled(this: Core, level: string): boolean {
  const value = valueOfLevel(this, level)
  return value !== undefined && value !== SILENT && value >= levelValue.call(this)
}

/** `logger.level = 'debug'`: for a component or the root its whole subtree follows, for a child its children. */
function setLevel(this: Core, level: string | number): void {
  const value = valueOfLevel(this, level)
  if (value === undefined || Number.isNaN(value)) {
    throw optionError({
      option: 'logger.level',
      value: level,
      expected: `one of ${Object.keys(this.levels.values).join(', ')} or silent`,
    })
  }
  const before = ownLevel(this)
  const { component, pipeline } = this[voiceSym]
  if (component !== undefined && Object.hasOwn(this, voiceSym)) pipeline.levels.set(component, value)
  else setOwnLevel(this, value)
  const { labels } = this.levels
  const emitter = this as unknown as { emit(event: string, ...args: unknown[]): void }
  emitter.emit('level-change', labels[value] ?? 'silent', value, labels[before] ?? 'silent', before, this)
}
