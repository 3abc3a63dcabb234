import type { WorkerOptions } from 'node:worker_threads'
import {
  type Check,
  checkOptions,
  isBoolean,
  isEither,
  isLevel,
  isListOf,
  isNumber,
  isObject,
  isOneOf,
  isRecordOf,
  isSize,
  isString,
  type OptionsSpec,
} from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import { type LevelOrSilent, parseLevel } from '../config/levels.ts'
import type { PinoRequest } from './pino-worker.ts'

/** A module that pino can use as a transport. */
export interface PinoTarget {
  /** The module's name, its absolute path, or one relative to the calling file. */
  target: string
  /** What the module is given; it goes to a worker, so no functions. */
  options?: object | undefined
  /** Lowest level that it gets. @default all */
  level?: string | undefined
}

/** Transports that feed each other, the last one writes. */
export interface PinoPipeline {
  pipeline: readonly PinoTarget[]
  /** Lowest level that it gets. @default all */
  level?: string | undefined
}

/** One of `target`, `targets` and `pipeline`, as `pino.transport` takes them. */
export interface PinoTransportOptions {
  /** The module's name, its absolute path, or one relative to the calling file. */
  target?: string | undefined
  /** What `target` is given; it goes to a worker, so no functions. */
  options?: object | undefined
  /** Several in one worker. */
  targets?: readonly (PinoTarget | PinoPipeline)[] | undefined
  /** Transports that feed each other, the last one writes. */
  pipeline?: readonly PinoTarget[] | undefined
  /** Numbers of levels of your own, for `targets`. */
  levels?: Readonly<Record<string, number>> | undefined
  /** A record goes to the highest of `targets` that takes it, and to no other. @default false */
  dedupe?: boolean | undefined
  /** For the worker: node:worker_threads' options. */
  worker?: WorkerOptions | undefined
  /** The transport's name in stats and on stderr. @default 'pino' */
  name?: string | undefined
  /** Lowest level handed over. @default all */
  level?: LevelOrSilent | undefined
  /**
   * What `level` and `time` are: 'pino' the number and epoch ms that pino's transports expect, 'spoor' what the
   * logger wrote. @default 'pino'
   */
  format?: 'pino' | 'spoor' | undefined
  /** How much is held while the worker is behind, in UTF-16 units or as '16MB'. @default '16MB' */
  bufferLimit?: number | string | undefined
}

const isTarget: Check = {
  expected: "an object with a 'target', the name or path of a module",
  accepts: (value) => {
    const { target, options, level } = value as Record<string, unknown>
    const whole = options === undefined || isObject.accepts(options)
    return isString.accepts(target) && whole && (level === undefined || isString.accepts(level))
  },
}
const isPipeline: Check = {
  expected: "one with a 'pipeline', an array of them",
  accepts: (value) => isTargets.accepts((value as PinoPipeline).pipeline),
}
const isTargets = notEmpty(isListOf(isTarget))
const SPEC: OptionsSpec<PinoTransportOptions> = {
  target: isString,
  options: isObject,
  targets: notEmpty(isListOf(isEither(isTarget, isPipeline))),
  pipeline: isTargets,
  levels: isRecordOf(isNumber()),
  dedupe: isBoolean,
  worker: isObject,
  name: isString,
  level: isLevel,
  format: isOneOf('pino', 'spoor'),
  bufferLimit: isSize,
}

function notEmpty(list: Check): Check {
  return {
    expected: `${list.expected}; at least one`,
    accepts: (value) => list.accepts(value) && (value as unknown[]).length > 0,
  }
}

/**
 * Checks the options, each and together.
 *
 * @throws TypeError ERR_SPOOR_OPTION
 */
export function checkPinoOptions(options: PinoTransportOptions): void {
  checkOptions(options, SPEC, 'pinoTransport')
  const given = [options?.target, options?.targets, options?.pipeline].filter((each) => each !== undefined)
  if (given.length !== 1) {
    const value = given.length === 0 ? undefined : `${given.length} of them`
    const expected = 'one of target, targets and pipeline'
    throw optionError({ option: 'pinoTransport(options)', value, expected })
  }
  if (options?.targets !== undefined && options.format === 'spoor') {
    const expected = "'pino' with targets: pino's worker compares their levels with the record's number"
    throw optionError({ option: 'pinoTransport({ format })', value: 'spoor', expected })
  }
}

/** What pino is asked for. */
export function requestOf(options: PinoTransportOptions, caller: readonly string[]): PinoRequest {
  const { target, targets, pipeline, levels, dedupe, worker } = options
  const request = { target, options: options.options, pipeline, levels, dedupe, worker, caller }
  if (targets === undefined) return request
  // Left out it would be info, and debug records would go nowhere without a word.
  const lowest = targets.length > 1 ? 'trace' : undefined
  const leveled = targets.map(({ level = lowest, ...rest }) => {
    if (level === undefined) return rest
    return { ...rest, level: options.levels?.[level] === undefined ? (parseLevel(level) ?? level) : level }
  })
  return { ...request, targets: leveled }
}

/** `the pino transport 'pino-roll'` */
export function labelOf({ target, targets, pipeline }: PinoTransportOptions): string {
  const all = targets?.flatMap((each) => ('pipeline' in each ? each.pipeline : [each])) ?? pipeline
  const names = all === undefined ? [target] : all.map((each) => each.target)
  return `the pino transport ${names.map((each) => `'${each}'`).join(', ')}`
}

/** What the operator can do about a transport that did not start. */
export function adviceOn(reason: string): string {
  const missing = /transport target for "([^"./][^"]*)"/.exec(reason)
  return missing === null ? 'Check its options.' : `Install it: npm install ${missing[1]}.`
}
