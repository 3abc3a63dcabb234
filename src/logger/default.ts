import { optionError } from '../config/errors.ts'
import { shared } from '../config/shared.ts'
import { parseDuration } from '../config/units.ts'
import { closeAudit } from './audit.ts'
import { type Core, cellSym, voiceSym } from './core.ts'
import { createLazyLogger, fanoutOf, reconfigure } from './create.ts'
import type { LoggerStats } from './gate-stats.ts'
import { levelNumber } from './levels.ts'
import { endLife } from './lifecycle.ts'
import type { LoggerOptions } from './options.ts'
import type { LevelOrSilent, Logger } from './types.ts'

interface DefaultState {
  readonly logger: Logger
  readonly components: Map<string, Logger>
  /** Levels that run out: the timer, and the level that was set before. */
  readonly expiries: Map<string, { readonly timer: NodeJS.Timeout; readonly before: number | undefined }>
}

const state = shared<DefaultState>('logger', 1, () => ({
  logger: createLazyLogger(),
  components: new Map(),
  expiries: new Map(),
}))

/** The default logger: made from the environment at its first use, the same one in every copy of spoor. */
export const logger: Logger = state.logger

const NAME = /^[^\s.]+(\.[^\s.]+)*$/

/**
 * The logger of a component, such as 'db.pool'. Its level is its own where LOG_LEVEL or setLevel gave it one,
 * else that of the nearest name above ('db'), else the root's. Asking twice gives the same logger.
 *
 * @throws TypeError ERR_SPOOR_OPTION where the name is empty or has empty parts
 */
export function getLogger(component: string): Logger {
  const known = state.components.get(component)
  if (known !== undefined) return known
  if (typeof component !== 'string' || !NAME.test(component)) {
    throw optionError({
      option: 'getLogger(component)',
      value: component,
      expected: "a name such as 'db.pool'",
    })
  }
  const made = logger.child({ component }) as unknown as Core
  const { levels, fail } = made[voiceSym].pipeline
  if (state.components.size >= MAX_COMPONENTS) {
    // Names made from data: such a logger works, with the level of the nearest name above, and is not kept.
    fail(`more than ${MAX_COMPONENTS} components; use a field for what comes from data`, component)
    made[cellSym] = levels.nearest(component)
    return made as unknown as Logger
  }
  made[cellSym] = levels.cell(component)
  made[voiceSym].component = component
  state.components.set(component, made as unknown as Logger)
  return made as unknown as Logger
}

const MAX_COMPONENTS = 1000

/**
 * Replaces the default logger's configuration at run time; loggers and children made before follow. What the
 * old transports held is flushed; the promise resolves when they are closed.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function configure(options: LoggerOptions = {}): Promise<void> {
  const closed = reconfigure(logger, options)
  for (const component of [...state.expiries.keys()]) forget(component)
  return closed
}

export interface SetLevelOptions {
  /** After this time (milliseconds, or '10m') the level is again what it was. @default never */
  readonly for?: number | string | undefined
}

/** What Node's timers can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Sets the level of the default logger, or of a component and all below it, at once.
 *
 * @throws TypeError ERR_SPOOR_OPTION for a level or a time that is none
 */
export function setLevel(level: LevelOrSilent, options?: SetLevelOptions): void
export function setLevel(component: string, level: LevelOrSilent | undefined, options?: SetLevelOptions): void
export function setLevel(first: string, second?: string | SetLevelOptions, third?: SetLevelOptions): void {
  // biome-ignore lint/complexity/noArguments: setLevel('db', undefined) is not setLevel('db')
  const short = arguments.length === 1 || typeof second === 'object'
  const component = short ? '' : first
  const options = short ? (second as SetLevelOptions | undefined) : third
  const level = short ? first : (second as string | undefined)
  const value = level === undefined ? undefined : levelNumber(level)
  if (level !== undefined && value === undefined) {
    throw optionError({
      option: 'setLevel(level)',
      value: level,
      expected: 'a level such as debug, or silent',
    })
  }
  const after = options?.for === undefined ? undefined : milliseconds(options.for)
  const { levels } = readyPipeline()
  const pending = state.expiries.get(component)
  // What a level was before the first of several that run out is what it is again after the last.
  const before = pending === undefined ? levels.own(component) : pending.before
  forget(component)
  levels.set(component, value)
  if (after !== undefined) expire(component, before, after)
}

function milliseconds(time: number | string): number {
  const value = typeof time === 'number' ? time : parseDuration(time)
  if (value !== undefined && value >= 0) return value
  throw optionError({
    option: 'setLevel({ for })',
    value: time,
    expected: "milliseconds, or a time such as '10m'",
  })
}

function expire(component: string, before: number | undefined, after: number): void {
  const timer = setTimeout(
    () => {
      if (after > LONGEST_TIMER) return expire(component, before, after - LONGEST_TIMER)
      state.expiries.delete(component)
      readyPipeline().levels.set(component, before)
    },
    Math.min(after, LONGEST_TIMER),
  )
  timer.unref()
  state.expiries.set(component, { timer, before })
}

function forget(component: string): void {
  clearTimeout(state.expiries.get(component)?.timer)
  state.expiries.delete(component)
}

function readyPipeline() {
  const { pipeline } = (logger as unknown as Core)[voiceSym]
  pipeline.prepare?.()
  return pipeline
}

/** Every level that is set: the root's under '', components by name. */
export function getLevels(): Readonly<Record<string, LevelOrSilent>> {
  const { labels } = logger.levels
  const entries = Object.entries(readyPipeline().levels.list())
  return Object.fromEntries(
    entries.map(([name, value]) => [name, (labels[value] ?? 'silent') as LevelOrSilent]),
  )
}

/**
 * What the transports of a logger took, wrote, hold and lost, and what came of its records before them.
 *
 * @param of default: the default logger
 */
export function stats(of: Logger = logger): LoggerStats {
  const counts = fanoutOf(of).stats()
  return { ...counts, ...(of as unknown as Core)[voiceSym].pipeline.gates?.stats() }
}

/** Flushes and closes a logger's transports. Not needed for a correct end of the process. */
export async function shutdown(of: Logger = logger): Promise<void> {
  const fanout = fanoutOf(of)
  const { pipeline } = (of as unknown as Core)[voiceSym]
  pipeline.gates?.close()
  endLife(pipeline, 'shutdown')
  await Promise.all([fanout.close(), closeAudit(pipeline)])
}
