import { LEVELS, type LevelName } from '../config/levels.ts'
import type { Scope } from '../context/scope.ts'
import { type Core, cellSym, voiceSym } from './core.ts'
import { NO_ERROR } from './line/said.ts'
import { record } from './record.ts'
import type { Fields, Logger } from './types.ts'

/** What a record of spoor's own carries besides its message. */
export interface Writing {
  readonly fields?: Fields | undefined
  /** The record's error, where there is one; anything that was thrown, undefined excepted. */
  readonly err?: unknown
  /** The scope that it belongs to, where that is not the running one: a response ends outside its request's. */
  readonly scope?: Scope | undefined
}

/** Writes a record that spoor itself makes: it says no source. Never throws. */
export function writeRecord(logger: Logger, level: LevelName, msg: string, writing: Writing = {}): void {
  const core = logger as unknown as Core
  const { pipeline } = core[voiceSym]
  try {
    pipeline.prepare?.()
    if (LEVELS[level] < core[cellSym].value) return
    const err = writing.err === undefined ? NO_ERROR : writing.err
    record(core, LEVELS[level], msg, writing.fields, err, '', writing.scope)
  } catch (thrown) {
    pipeline.fail('a record of spoor itself could not be written', thrown)
  }
}

/** True where a logger's rules need the route of a request. Never throws. */
export function asksForRoutes(logger: Logger): boolean {
  const { pipeline } = (logger as unknown as Core)[voiceSym]
  try {
    pipeline.prepare?.()
  } catch {
    // The first record tells.
  }
  return pipeline.gates?.routes === true
}

/** True for a logger that any copy of this version made; a pino logger is none. */
export function isSpoorLogger(value: unknown): value is Logger {
  return typeof value === 'object' && value !== null && voiceSym in value
}
