import pino from 'pino'
import { bytesOf } from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import { selfLog } from '../config/self-log.ts'
import type { Settings } from '../config/settings.ts'
import { visible } from '../config/visible.ts'
import type { Limits } from '../policy/limits.ts'
import {
  checkRedact,
  isHashKey,
  type Redact,
  redactOptions,
  uselessExceptions,
} from '../policy/redact/options.ts'
import { makeRedactor, type Redactor } from '../policy/redact/redactor.ts'
import { type Guard, makeGuard } from './line/guard.ts'
import type { LimitOptions, LoggerOptions } from './options.ts'

/** What of values may leave, after code, environment and defaults have had their say. */
export function guardOf({ redact, limits }: LoggerOptions, settings: Settings): Guard {
  return makeGuard(redactorOf(redact, settings), limitsOf(limits, settings))
}

function redactorOf(redact: LoggerOptions['redact'], settings: Settings): Redactor | undefined {
  const { keys, except, values = [], ...given } = redactOptions(redact)
  const wanted = given.mode ?? (redact === true ? 'on' : settings.redact)
  if (wanted === 'off') return undefined
  const hashKey = given.hashKey ?? settings.redactKey
  const hashed = isHashKey(hashKey)
  const ids = given.ids ?? settings.redactIds
  if (!hashed && (wanted === 'hash' || ids === 'hash')) {
    const used = wanted === 'hash' ? '[redacted]' : 'the ids as they are'
    selfLog(
      'config.LOG_REDACT_KEY',
      `LOG_REDACT_KEY is not set or shorter than 16 characters, so that nothing can be hashed; used: ${used}`,
    )
  }
  if (except === undefined) warnOfExceptions(settings.redactExcept, keys ?? settings.redactKeys)
  return makeRedactor({
    keys: keys ?? settings.redactKeys,
    except: except ?? settings.redactExcept,
    values,
    mode: wanted === 'hash' && !hashed ? 'on' : wanted,
    hashKey: hashed ? hashKey : undefined,
    hashIds: hashed && ids === 'hash',
  })
}

/** What would be an error in code is told of the environment. */
function warnOfExceptions(except: readonly string[], keys: readonly (string | RegExp)[]): void {
  for (const name of uselessExceptions(except, keys)) {
    selfLog(
      'config.LOG_REDACT_EXCEPT',
      `LOG_REDACT_EXCEPT: "${visible(name)}" is hidden by no rule, so that excepting it does nothing`,
    )
  }
}

function limitsOf(limits: LimitOptions | undefined, settings: Settings): Limits {
  const size = (given: number | string | undefined, otherwise: number): number =>
    given === undefined ? otherwise : typeof given === 'number' ? given : (bytesOf(given) as number)
  return {
    string: size(limits?.string, settings.maxString),
    keys: limits?.keys ?? settings.maxKeys,
    depth: limits?.depth ?? settings.maxDepth,
    record: size(limits?.record, settings.maxRecord),
  }
}

/** What pino is told: its paths alone; undefined where there are none. */
export function pinoRedact(redact: LoggerOptions['redact']): pino.LoggerOptions['redact'] {
  const { paths, censor, remove } = redactOptions(redact)
  if (paths === undefined || paths.length === 0) return undefined
  return {
    paths: [...paths],
    ...(censor === undefined ? {} : { censor: censor as string }),
    ...(remove === undefined ? {} : { remove }),
  }
}

/** @throws TypeError ERR_SPOOR_OPTION for what is wrong with `redact`, also for a rule that can never match */
export function checkRedactOption(options: LoggerOptions, where: string): void {
  const { LOG_REDACT_KEY: key } = options.env ?? process.env
  checkRedact(options.redact, where, isHashKey(key?.trim()), canMatch)
}

/** @throws TypeError ERR_SPOOR_OPTION as above; a child takes pino's paths and no rules of its own */
export function checkChildRedact(redact: unknown): void {
  if (redact === undefined || redact === null) return
  const { paths, censor: _censor, remove: _remove, ...others } = redactOptions(redact as Redact)
  if (paths === undefined || Object.keys(others).length > 0) {
    const instead = 'Give keys, values and mode to createLogger or configure: they hold for all children.'
    const option = 'child(bindings, { redact })'
    throw optionError({
      option,
      value: redact,
      expected: "pino's paths, or { paths, censor, remove }",
      instead,
    })
  }
  checkRedact(redact, 'child', true, canMatch)
}

const PROBE = 'spoor probes this path'
const matching = new Set<string>()
const MAX_MATCHING = 1000

/** Whether pino's redaction finds what a path names: it is tried on an object that has it. */
function canMatch(path: string): boolean {
  if (matching.has(path)) return true
  const segments = segmentsOf(path)
  if (segments.length === 0 || segments.some((each) => each.includes('*') && each !== '*')) return false
  if (!hidesProbe(path, segments)) return false
  if (matching.size < MAX_MATCHING) matching.add(path)
  return true
}

function segmentsOf(path: string): string[] {
  const segments: string[] = []
  for (const [whole, bracketed] of path.matchAll(/[^.[\]]+|\[([^[\]]*)\]/g)) {
    segments.push((bracketed ?? whole).replace(/^(["'`])(.*)\1$/, '$2'))
  }
  return segments
}

function hidesProbe(path: string, segments: readonly string[]): boolean {
  const object = segments.reduceRight<unknown>(
    (inner, segment) => ({ [segment === '*' ? 'any' : segment]: inner }),
    PROBE,
  )
  let line = ''
  const stream = {
    write(written: string) {
      line = written
    },
  }
  try {
    pino({ base: null, timestamp: false, redact: [path] }, stream).info(object)
  } catch {
    return false
  }
  return line !== '' && !line.includes(PROBE)
}
