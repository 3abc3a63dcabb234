import { beforeExit } from '../config/exit.ts'
import { LEVELS } from '../config/levels.ts'
import { exemptScope } from '../context/scope.ts'
import type { FanoutStats } from '../transports/fanout.ts'
import type { Transport } from '../transports/transport.ts'
import { type Core, cellSym, type Pipeline, voiceSym } from './core.ts'
import { SILENT } from './levels.ts'
import { NO_ERROR } from './line/said.ts'
import { record } from './record.ts'
import type { Fields } from './types.ts'
import { VERSION } from './version.ts'

/** Transports whose records outlive the process, by the name that they have unless they are given another. */
const LASTING = new Set(['file', 'http', 'stream', 'pino'])

interface Life {
  readonly core: Core
  readonly stats: () => FanoutStats
  readonly forget: () => void
}

/** The loggers that have said that they started and not yet that they ended. */
const lives = new Map<Pipeline, Life>()

/** Whether a logger says that it starts and ends: as told, else where there is a transport besides the console. */
export function hasLifecycle(told: boolean | undefined, transports: readonly Transport[]): boolean {
  return told ?? transports.some(({ name }) => LASTING.has(name))
}

/**
 * Writes the record of a service's start, once for each logger, and sees to the one of its end: at the process's
 * exit, at shutdown, or before a signal that LOG_SIGNALS=flush takes.
 */
export function beginLife(core: Core, transports: readonly Transport[], stats: () => FanoutStats): void {
  const { pipeline } = core[voiceSym]
  const known = lives.get(pipeline)
  if (known !== undefined) {
    lives.set(pipeline, { ...known, stats })
    return
  }
  const forget = beforeExit(() => endLife(pipeline, exitReason()))
  lives.set(pipeline, { core, stats, forget })
  tell(core, 'service started', {
    spoor_version: VERSION,
    node_version: process.versions.node,
    transports: transports.map(({ name }) => name),
    levels: levelsOf(core),
  })
}

/** Writes the record of an orderly end, once, and flushes. Nothing happens for a logger without a lifecycle. */
export function endLife(pipeline: Pipeline, reason: string): void {
  const life = lives.get(pipeline)
  if (life === undefined) return
  lives.delete(pipeline)
  life.forget()
  // What waits for the end of its request was made before.
  pipeline.gates?.close()
  tell(life.core, 'service ended', {
    reason,
    uptime_ms: Math.round(process.uptime() * 1000),
    transports: countsOf(life.stats()),
  })
  pipeline.sink.flushSync()
}

/** The same for all loggers that have one. */
export function endAllLives(reason: string): void {
  for (const pipeline of [...lives.keys()]) endLife(pipeline, reason)
}

function exitReason(): string {
  const code = process.exitCode ?? 0
  return code === 0 ? 'exit' : `exit code ${code}`
}

function tell(core: Core, msg: string, fields: Fields): void {
  if (LEVELS.info < core[cellSym].value) return
  try {
    // The scope of the call that happened to come first has no part in it.
    record(core, LEVELS.info, msg, fields, NO_ERROR, '', exemptScope())
  } catch (thrown) {
    core[voiceSym].pipeline.fail('the record of start or end could not be written', thrown)
  }
}

function levelsOf(core: Core): Fields {
  const { labels } = core.levels
  const entries = Object.entries(core[voiceSym].pipeline.levels.list())
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name === '' ? 'default' : name,
      value === SILENT ? 'silent' : (labels[value] ?? value),
    ]),
  )
}

function countsOf(stats: FanoutStats): Fields {
  const entries = Object.entries(stats.transports)
  return Object.fromEntries(entries.map(([name, { records, dropped }]) => [name, { records, dropped }]))
}
