import { LEVELS, type LevelName, parseLevel } from '../../config/levels.ts'
import { parseTime } from './times.ts'

export type Fields = Record<string, unknown>

const isText = (value: unknown): boolean => typeof value === 'string'
const isTextOrNumber = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'
const isSaid = (value: unknown): boolean => value !== null && value !== undefined

const isLevelText = (value: unknown): boolean => typeof value === 'string' && knownLevel(value) !== undefined

interface Target {
  /** What other loggers call it; the first that is there and fits. */
  readonly names: readonly string[]
  /** Whether a value can be what is meant. */
  readonly fits: (value: unknown) => boolean
  /** The same of the default key's own value. @default as `fits` */
  readonly isRight?: (value: unknown) => boolean
}

/**
 * The default schema's keys, and what they are called by others: Elastic Common Schema, OpenTelemetry, Google Cloud,
 * Datadog, bunyan, winston, zap, zerolog, logrus, log4j, Python's logging and structlog, Serilog's compact form, GELF.
 */
const TARGETS: Readonly<Record<string, Target>> = {
  time: {
    names: ['@timestamp', 'timestamp', 'ts', '@t', 'asctime', 'datetime', 'timeMillis'],
    fits: (value) => parseTime(value, Date.now()) !== undefined,
  },
  level: {
    names: [
      'log.level',
      'severity',
      'levelname',
      'level_name',
      'loglevel',
      'lvl',
      '@l',
      'severityText',
      'status',
    ],
    fits: isLevelText,
    isRight: (value) => typeof value === 'number' || isLevelText(value),
  },
  msg: { names: ['message', '@m', '@mt', 'short_message', 'event'], fits: isText },
  service: { names: ['service.name'], fits: isText },
  version: { names: ['service.version'], fits: isText },
  env: {
    names: ['service.environment', 'deployment.environment.name', 'deployment.environment'],
    fits: isText,
  },
  region: { names: ['cloud.region'], fits: isText },
  host: { names: ['hostname', 'host.hostname', 'host.name'], fits: isText },
  pid: { names: ['process.pid'], fits: isTextOrNumber },
  machine_id: { names: ['host.id'], fits: isText },
  worker_id: { names: ['service.node.name'], fits: isTextOrNumber },
  component: { names: ['log.logger', 'logger', 'logger.name', 'logger_name'], fits: isText },
  request_id: { names: ['http.request.id', 'requestId', 'req_id'], fits: isTextOrNumber },
  user_id: { names: ['user.id', 'usr.id', 'userId'], fits: isTextOrNumber },
  trace_id: { names: ['trace.id', 'traceId', 'logging.googleapis.com/trace'], fits: isText },
  span_id: { names: ['span.id', 'spanId', 'logging.googleapis.com/spanId'], fits: isText },
  err: { names: ['error', 'exception'], fits: isSaid },
}

interface Rank {
  readonly target: string
  readonly rank: number
  readonly fits: Target['fits']
  readonly isRight: Target['fits']
}

const RANKS: ReadonlyMap<string, Rank> = new Map(
  Object.entries(TARGETS).flatMap(([target, { names, fits, isRight = fits }]) =>
    names.map((name, rank): [string, Rank] => [name, { target, rank, fits, isRight }]),
  ),
)

/**
 * A copy of a record with the default schema's keys, as far as it is known what its own are called. A key that is
 * there already stays, unless it can't be what is meant and another can; what nobody knows stays too. `level` becomes a
 * level's name, 'info' where there is none.
 */
export function withKnownNames(fields: Fields): Fields {
  const flat = isEcs(fields) ? flattened(fields) : fields
  const found = foundIn(flat)
  const record = renamed(flat, found)
  if (found.has('trace_id')) record.trace_id = traceOf(record.trace_id)
  if (found.has('err')) record.err = errorOf(record.err)
  record.level = levelName(record.level)
  return record
}

/** By target, the key that is meant. */
function foundIn(fields: Fields): Map<string, string> {
  const found = new Map<string, string>()
  const ranks = new Map<string, number>()
  for (const key of Object.keys(fields)) {
    const known = RANKS.get(key)
    if (known === undefined || has(fields, known.target, known.isRight) || !known.fits(fields[key])) continue
    if (known.rank >= (ranks.get(known.target) ?? Number.POSITIVE_INFINITY)) continue
    ranks.set(known.target, known.rank)
    found.set(known.target, key)
  }
  return found
}

function has(fields: Fields, key: string, fits: Target['fits']): boolean {
  return Object.hasOwn(fields, key) && fits(fields[key])
}

function renamed(fields: Fields, found: ReadonlyMap<string, string>): Fields {
  const targets = new Map([...found].map(([target, key]) => [key, target]))
  // Without a prototype, so that `__proto__` is a key like any other.
  const record: Fields = Object.create(null)
  for (const [key, value] of Object.entries(fields)) {
    const name = targets.get(key) ?? (found.has(key) ? freeName(key, fields) : key)
    record[name] = value
  }
  return record
}

/** As docs/record.md has it for names that are taken. */
export function freeName(key: string, ...taken: readonly Fields[]): string {
  let name = `_${key}`
  while (taken.some((fields) => Object.hasOwn(fields, name))) name = `_${name}`
  return name
}

/** Objects in which ECS may nest what others write with dots. */
const NESTED = ['service', 'host', 'log', 'process', 'trace', 'span', 'cloud', 'user', 'http'] as const

function isEcs(fields: Fields): boolean {
  return Object.hasOwn(fields, '@timestamp') && NESTED.some((key) => isObject(fields[key]))
}

function flattened(fields: Fields): Fields {
  const flat: Fields = Object.create(null)
  for (const [key, value] of Object.entries(fields)) {
    if ((NESTED as readonly string[]).includes(key) && isObject(value)) addLeaves(flat, key, value)
    else flat[key] = value
  }
  return flat
}

// Nobody nests deeper; what a stranger's line does must not make us.
const DEEPEST = 8

function addLeaves(flat: Fields, prefix: string, value: Fields, depth = DEEPEST): void {
  for (const [key, inner] of Object.entries(value)) {
    const name = `${prefix}.${key}`
    if (isObject(inner) && depth > 0) addLeaves(flat, name, inner, depth - 1)
    else flat[name] = inner
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Google Cloud's has the project before it. */
function traceOf(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^projects\/[^/]+\/traces\//, '') : value
}

/** ECS calls the stack stack_trace, Datadog the type kind. */
function errorOf(value: unknown): unknown {
  if (!isObject(value)) return value
  return renamed(value, foundError(value))
}

function foundError(error: Fields): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, key] of [
    ['stack_trace', 'stack'],
    ['kind', 'type'],
  ] as const) {
    if (Object.hasOwn(error, name) && !Object.hasOwn(error, key)) found.set(key, name)
  }
  return found
}

const LEVEL_NUMBERS = Object.entries(LEVELS).reverse() as [LevelName, number][]

/** RFC 5424's severities, as GELF and syslog's numbers have them; pino's begin at 10. */
const SEVERITIES: readonly LevelName[] = ['fatal', 'fatal', 'fatal', 'error', 'warn', 'info', 'info', 'debug']

const OTHER_LEVELS: Readonly<Record<string, LevelName>> = {
  ...{ verbose: 'debug', fine: 'debug', finer: 'trace', finest: 'trace', silly: 'trace', http: 'info' },
  ...{ information: 'info', informational: 'info', notice: 'info', default: 'info', log: 'info' },
  ...{ severe: 'error', err: 'error', panic: 'fatal', dpanic: 'fatal' },
  ...{ crit: 'fatal', alert: 'fatal', emerg: 'fatal', emergency: 'fatal' },
}

function knownLevel(text: string): LevelName | undefined {
  const name = text.trim().toLowerCase()
  const level = parseLevel(name)
  if (level !== undefined && level !== 'silent') return level
  return Object.hasOwn(OTHER_LEVELS, name) ? OTHER_LEVELS[name] : undefined
}

/** A number between two of pino's is the lower one's; a name that nobody knows stays, in lower case. */
export function levelName(level: unknown): string {
  if (typeof level === 'number') {
    return SEVERITIES[level] ?? LEVEL_NUMBERS.find(([, number]) => level >= number)?.[0] ?? 'trace'
  }
  if (typeof level !== 'string' || level.trim() === '') return 'info'
  return knownLevel(level) ?? level.trim().toLowerCase()
}
