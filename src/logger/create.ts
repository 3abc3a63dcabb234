import { readEnvironment } from '../config/environment.ts'
import type { Fanout } from '../transports/fanout.ts'
import { closeAudit } from './audit.ts'
import { makeBase } from './base.ts'
import { configurePipeline, currentFanout } from './configuration.ts'
import { type Core, cellSym, type Pipeline, voiceSym } from './core.ts'
import { checkRedactOption, guardOf } from './guarding.ts'
import { makeSchema } from './line/schema.ts'
import { checkLoggerOptions, type LoggerOptions } from './options.ts'
import { makePipeline } from './pipeline.ts'
import { msgPrefixSym } from './slots.ts'
import type { Logger } from './types.ts'

/**
 * A logger of its own, with its own transports; nothing is shared with the default one but the scope.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  checkLoggerOptions(options, 'createLogger')
  checkRedactOption(options, 'createLogger')
  const core = makeRoot(options, {})
  configurePipeline(core, options)
  return core as unknown as Logger
}

/**
 * A logger that is made at its first touch and configured at its first use: importing spoor makes, reads and
 * opens nothing. Until then a proxy stands in for what it inherits from; afterwards nothing of that is left.
 */
export function createLazyLogger(): Logger {
  const logger = {}
  const made = (): object => {
    const core = makeRoot({}, logger)
    // Children that are made before the first use have their bindings written now.
    const settings = readEnvironment(process.env, () => {})
    core[voiceSym].pipeline.schema = makeSchema({ guard: guardOf({}, settings) })
    core[voiceSym].pipeline.prepare = () => configurePipeline(core, {})
    return logger
  }
  const standIn = new Proxy(
    {},
    {
      get: (_target, key, receiver) => Reflect.get(made(), key, receiver),
      has: (_target, key) => Reflect.has(made(), key),
      // What inherits from the logger, a request's view of it, keeps what is set on it to itself.
      set: (_target, key, value, receiver) => Reflect.set(made(), key, value, receiver),
      getPrototypeOf: () => Object.getPrototypeOf(made()),
    },
  )
  return Object.setPrototypeOf(logger, standIn) as Logger
}

/** Replaces the configuration of a logger, of its components and of all their children, at once. */
export function reconfigure(logger: Logger, options: LoggerOptions): Promise<void> {
  checkLoggerOptions(options, 'configure')
  checkRedactOption(options, 'configure')
  // Whatever can be wrong is found before anything is replaced.
  if (options.keys !== undefined) makeSchema({ schema: options.schema, keys: options.keys })
  const core = logger as unknown as Core
  const { pipeline } = core[voiceSym]
  const before = currentFanout(pipeline)
  // What was said before stands before what is said afterwards, also where both go to one file.
  before?.flushSync()
  const audited = closeAudit(pipeline)
  inherit(core, options, pipeline)
  configurePipeline(core, options)
  return before === undefined ? audited : closeUnused(before, fanoutOf(logger)).then(() => audited)
}

/** Closes what the new configuration has no use for: a transport may be in both. */
async function closeUnused(before: Fanout, now: Fanout): Promise<void> {
  const unused = before.transports.filter((transport) => !now.transports.includes(transport))
  // The contract says that close never rejects; a transport of somebody else's may not keep it.
  await Promise.allSettled(unused.map(async (transport) => transport.close?.()))
}

/** The transports of a logger; it is made ready where it was not. */
export function fanoutOf(logger: Logger): Fanout {
  const { pipeline } = (logger as unknown as Core)[voiceSym]
  pipeline.prepare?.()
  return currentFanout(pipeline) as Fanout
}

/**
 * V8 keeps what pino makes as a slow dictionary; an object that merely inherits from it is fast (16 ns -> 1 ns
 * for a call below the threshold). It is also what lets a base be replaced under loggers that exist.
 */
function makeRoot(options: LoggerOptions, root: object): Core {
  const pipeline = makePipeline()
  const core = root as Core
  inherit(core, options, pipeline)
  core[cellSym] = pipeline.levels.cell('')
  return core
}

function inherit(core: Core, options: LoggerOptions, pipeline: Pipeline): void {
  Object.setPrototypeOf(core, makeBase(options, pipeline, core))
  core[voiceSym] = {
    pipeline,
    prefix: undefined,
    serializers: undefined,
    msgPrefix: (core as unknown as Record<symbol, string | undefined>)[msgPrefixSym],
    callerSkip: 0,
    component: '',
    direct: true,
    redacts: false,
  }
}
