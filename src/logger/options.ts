import type pino from 'pino'
import {
  bytesOf,
  type Check,
  checkOptions,
  isAnything,
  isBoolean,
  isDuration,
  isEither,
  isFunction,
  isLevel,
  isListOf,
  isNumber,
  isObject,
  isOneOf,
  isOptions,
  isRecordOf,
  isString,
  type OptionsSpec,
} from '../config/check.ts'
import {
  BUFFER_ACCEPTED,
  isShare,
  parseBuffer,
  parseRateLimit,
  parseSample,
  RATE_LIMIT_ACCEPTED,
  SAMPLE_ACCEPTED,
  sampleKey,
} from '../config/gates.ts'
import type { Identity } from '../config/identity.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import type { Parsed } from '../config/lists.ts'
import type { Settings } from '../config/settings.ts'
import { type AuditOptions, isAuditOptions } from '../policy/audit/settings.ts'
import type { Redact } from '../policy/redact/options.ts'
import type { Transport } from '../transports/transport.ts'
import type { GateRules } from './gates.ts'
import type { SchemaName } from './line/schema.ts'

/**
 * What a logger can be told. Every option is optional; the environment fills what is left out
 * (docs/configuration.md has the variable of each).
 */
export interface LoggerOptions {
  /** Lowest level that is written. @default LOG_LEVEL, else 'info' */
  readonly level?: LevelOrSilent | undefined
  /** Levels of components, inherited along the dots: `{ db: 'debug', 'http.client': 'warn' }`. @default LOG_LEVEL's */
  readonly levels?: Readonly<Record<string, LevelOrSilent>> | undefined
  /** Where records go. @default the console, and a file where LOG_FILE names one */
  readonly transports?: readonly Transport[] | undefined
  /** Names that records leave with. @default LOG_SCHEMA, else 'default' */
  readonly schema?: SchemaName | undefined
  /** Other names for single keys: `{ time: 'timestamp' }`. @default LOG_KEYS */
  readonly keys?: Readonly<Record<string, string>> | undefined
  /** Constant fields of every record. @default LOG_LABELS */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Which records say where they were made. @default LOG_SOURCE, else 'warn'; 'all' where NODE_ENV is development */
  readonly source?: 'off' | 'warn' | 'all' | undefined
  /** What the code knows better of the service's identity; false: records carry none. @default from the environment */
  readonly identity?: Readonly<Partial<Identity>> | false | undefined
  /** A record when the logger starts, and one at the process's orderly end. @default LOG_LIFECYCLE, else where there is a transport besides the console */
  readonly lifecycle?: boolean | undefined
  /** Time past which a timer's record is a warning: milliseconds, or '2s'. @default LOG_SLOW_MS, else 2000 */
  readonly slowMs?: number | string | undefined
  /**
   * How many records of one component and level may come, and of one place in the code: '1000/s',
   * '100/s,burst=500,site=50/s'. What is held back is counted, and told once a period. @default LOG_RATE_LIMIT, else
   * false
   */
  readonly rateLimit?: string | false | undefined
  /**
   * Share of the records that is kept, whole traces together: a number from 0 to 1, shares by level, component or
   * route (`{ debug: 0.01, db: 0.5, '/health': 0 }`), or LOG_SAMPLE's text. @default LOG_SAMPLE, else false
   */
  readonly sample?: number | Readonly<Record<string, number>> | string | false | undefined
  /**
   * Lowest level whose records, up to info, wait until their scope has ended, and are written only if it failed, was
   * slow or was asked for: 'debug', or LOG_BUFFER's text. @default LOG_BUFFER, else false
   */
  readonly buffer?: string | false | undefined
  /** 'flush': SIGTERM and SIGINT flush before they do what they would have done. @default LOG_SIGNALS, else 'off' */
  readonly signals?: 'flush' | 'off' | undefined
  /** The signal at which files are opened anew, for logrotate. @default LOG_REOPEN_SIGNAL, else 'off' */
  readonly reopenSignal?: 'SIGHUP' | 'SIGUSR2' | 'off' | undefined
  /** The audit log, which `logger.audit` writes. @default from the environment: LOG_AUDIT_FILE, or beside LOG_FILE */
  readonly audit?: AuditOptions | undefined
  /** Prefix of every message, as in pino. @default none */
  readonly msgPrefix?: string | undefined
  /** pino's serializers, by key. @default none; errors are written by spoor */
  readonly serializers?: Readonly<Record<string, pino.SerializerFn>> | undefined
  /** pino's formatters `bindings` and `log`. A `log` formatter takes records the slower way through pino. */
  readonly formatters?: Pick<NonNullable<pino.LoggerOptions['formatters']>, 'bindings' | 'log'> | undefined
  /** pino's mixin: fields for every record, asked at each. Slower than a scope; `withContext` costs nothing. */
  readonly mixin?: pino.LoggerOptions['mixin'] | undefined
  /**
   * What is hidden (docs/redaction.md): false for nothing, an object for rules of one's own; pino's forms, an array of
   * paths or `{ paths }`, hold besides and take records the slower way through pino. @default LOG_REDACT, else on
   */
  readonly redact?: Redact | undefined
  /** How much of what was logged is written. @default LOG_MAX_STRING, _KEYS, _DEPTH, _RECORD, else 16 KiB, 256, 10, 64,000 bytes */
  readonly limits?: LimitOptions | undefined
  /** pino's hooks. `streamWrite` takes records the slower way through pino. */
  readonly hooks?: pino.LoggerOptions['hooks'] | undefined
  /** Called with every child that is made. */
  readonly onChild?: ((child: pino.Logger) => void) | undefined
  /** Levels besides the six, by name and number, as in pino. */
  readonly customLevels?: Readonly<Record<string, number>> | undefined
  /** The environment to read. @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** The clock: milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined
}

/** Bounds of a record; what goes beyond is cut, says by how much, and sets `truncated: true`. Infinity is no bound. */
export interface LimitOptions {
  /** Characters of a text, 100 at least: a number, or '16KB'. @default 16384 */
  readonly string?: number | string | undefined
  /** Keys of an object, elements of a list. @default 256 */
  readonly keys?: number | undefined
  /** Levels of objects below a field, 1 to 100. @default 10 */
  readonly depth?: number | undefined
  /** Bytes of the line, 1000 at least: a number, or '64KB'. @default 64000 */
  readonly record?: number | string | undefined
}

const LEAST_STRING = 100
const LEAST_RECORD = 1000
const DEEPEST = 100

function isBound(least: number, what: string): Check {
  return {
    expected: `${what} from ${least}, or Infinity`,
    accepts: (value) =>
      value === Number.POSITIVE_INFINITY || (bytesOf(value as number | string) ?? -1) >= least,
  }
}

const isTransport: Check = {
  expected: 'a transport, with name, write() and stats(); streamTransport(stream) makes one of a stream',
  accepts: (value) => {
    const { name, write, stats } = (value ?? {}) as Partial<Transport>
    return typeof name === 'string' && typeof write === 'function' && typeof stats === 'function'
  },
}

function isText(accepted: string, parse: (text: string) => Parsed<unknown>): Check {
  return {
    expected: `false, or a text: ${accepted}`,
    accepts: (value) => value === false || (typeof value === 'string' && parse(value).wrong.length === 0),
  }
}
const isShares: Check = {
  expected: "a share from 0 to 1, or shares by level, component or '/route'",
  accepts: (value) =>
    isShare(value) || (isObject.accepts(value) && Object.values(value as object).every(isShare)),
}

const SPEC: OptionsSpec<LoggerOptions> = {
  level: isLevel,
  levels: isRecordOf(isLevel),
  transports: isListOf(isTransport),
  schema: isOneOf('default', 'ecs', 'gcp', 'datadog', 'pino'),
  keys: isRecordOf(isString),
  labels: isRecordOf(isString),
  source: isOneOf('off', 'warn', 'all'),
  identity: isEither(isObject, isOneOf(false)),
  lifecycle: isBoolean,
  slowMs: isDuration,
  rateLimit: isText(RATE_LIMIT_ACCEPTED, parseRateLimit),
  sample: isEither(isShares, isText(SAMPLE_ACCEPTED, parseSample)),
  buffer: isText(BUFFER_ACCEPTED, parseBuffer),
  signals: isOneOf('flush', 'off'),
  reopenSignal: isOneOf('SIGHUP', 'SIGUSR2', 'off'),
  audit: isAuditOptions,
  msgPrefix: isString,
  serializers: isRecordOf(isFunction),
  formatters: isObject,
  mixin: isFunction,
  redact: isAnything,
  limits: isOptions<LimitOptions>({
    string: isBound(LEAST_STRING, 'a number of characters or a size'),
    keys: isBound(1, 'a whole number'),
    depth: isNumber({ min: 1, max: DEEPEST, integer: true }),
    record: isBound(LEAST_RECORD, 'a size'),
  }),
  hooks: isObject,
  onChild: isFunction,
  customLevels: isObject,
  env: isObject,
  now: isFunction,
}

/** @throws TypeError ERR_SPOOR_OPTION for an unknown name or a wrong value */
export function checkLoggerOptions(options: LoggerOptions, where: string): void {
  checkOptions(options, SPEC, where)
}

/** The rules for records, from options that were checked, and from the environment for what they leave out. */
export function gatesOf({ rateLimit, sample, buffer }: LoggerOptions, settings: Settings): GateRules {
  return {
    rateLimit: textOr(rateLimit, parseRateLimit, settings.rateLimit),
    sample:
      typeof sample === 'number' || typeof sample === 'object'
        ? sharesOf(sample)
        : textOr(sample, parseSample, settings.sample),
    buffer: textOr(buffer, parseBuffer, settings.buffer),
  }
}

function textOr<T>(
  given: string | false | undefined,
  parse: (text: string) => Parsed<T | false>,
  otherwise: T | false,
): T | false {
  if (given === undefined) return otherwise
  return given === false ? false : (parse(given).value ?? false)
}

function sharesOf(sample: number | Readonly<Record<string, number>>): GateRules['sample'] {
  const entries = typeof sample === 'number' ? [['', sample] as const] : Object.entries(sample)
  const rates: Record<string, number> = Object.create(null)
  for (const [name, rate] of entries) rates[sampleKey(name)] = rate
  return { rates, traceFlags: false }
}
