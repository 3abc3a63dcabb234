import { optionError } from '../../config/errors.ts'
import type { LevelName } from '../../config/levels.ts'
import type { ErrorNames } from './errors.ts'
import { type Guard, OPEN_GUARD } from './guard.ts'
import type { Fields } from './said.ts'
import { quoteKey } from './text.ts'
import { isoTime } from './time.ts'

/** The names that records leave with. */
export type SchemaName = 'default' | 'ecs' | 'gcp' | 'datadog' | 'pino'

/**
 * How a record's own keys are named and written on the way out, and what of a value may leave. Sources: Elastic Common Schema 8 and the
 * ecs-logging specification, Google Cloud's structured logging, Datadog's standard attributes, pino 10.
 */
export interface Schema {
  readonly name: SchemaName
  /** `,"time":"…"`: pino's form of a time, with its comma. */
  time(now: number): string
  readonly messageKey: string
  readonly errorKey: string
  readonly errorNames: ErrorNames
  /** What stands for the level. */
  level(label: string, value: number): Fields
  /** Output name of a key, where it has another. */
  readonly names: ReadonlyMap<string, string>
  /** Values that need another form under that name, by input key. */
  readonly convert: ReadonlyMap<string, (value: unknown) => unknown>
  /** `"key":` */
  readonly quoteKey: (key: string) => string
  /** Keys that every record of this schema carries. */
  readonly constant: Fields
  /** Another arrangement of the identity, where the schema has one. */
  identity(identity: Fields): Fields
  /** What of names and values may leave. */
  readonly guard: Guard
  /** Output names of TRACE_KEYS, in their order. */
  readonly traceNames: readonly string[]
}

/** What of a trace stands on records; a call can't set it, in a scope or outside. */
export const TRACE_KEYS = ['trace_id', 'span_id', 'trace_flags'] as const

const NANOSECONDS = 1_000_000
const nanoseconds = (value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * NANOSECONDS) : value
const same = (identity: Fields): Fields => identity

function isoSchema(timeKey: string): (now: number) => string {
  const head = `,${quoteKey(timeKey)}"`
  return (now) => `${head}${isoTime(now)}"`
}

const PLAIN: Omit<Schema, 'name' | 'time'> = {
  messageKey: 'msg',
  errorKey: 'err',
  errorNames: { type: 'type', message: 'message', stack: 'stack' },
  level: (label) => ({ level: label }),
  names: new Map(),
  convert: new Map(),
  quoteKey,
  constant: {},
  identity: same,
  guard: OPEN_GUARD,
  traceNames: TRACE_KEYS,
}

const ECS_NAMES = {
  service: 'service.name',
  version: 'service.version',
  env: 'service.environment',
  region: 'cloud.region',
  host: 'host.hostname',
  pid: 'process.pid',
  machine_id: 'host.id',
  worker_id: 'service.node.name',
  component: 'log.logger',
  request_id: 'http.request.id',
  user_id: 'user.id',
  trace_id: 'trace.id',
  span_id: 'span.id',
  source: 'log.origin',
  duration_ms: 'event.duration',
  method: 'http.request.method',
  path: 'url.path',
  status: 'http.response.status_code',
  request_bytes: 'http.request.body.bytes',
  response_bytes: 'http.response.body.bytes',
  remote_address: 'client.ip',
  user_agent: 'user_agent.original',
} as const

const DATADOG_NAMES = {
  component: 'logger.name',
  user_id: 'usr.id',
  duration_ms: 'duration',
  method: 'http.method',
  path: 'http.url_details.path',
  status: 'http.status_code',
  user_agent: 'http.useragent',
  remote_address: 'network.client.ip',
} as const

const GCP_SEVERITY: Readonly<Record<string, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
}

type Source = { file?: string; line?: number; function?: string }

function gcpIdentity(identity: Fields): Fields {
  const { service, version, ...rest } = identity
  const labels = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, String(value)]))
  return {
    ...(service === undefined ? {} : { serviceContext: { service, version } }),
    ...(Object.keys(labels).length === 0 ? {} : { 'logging.googleapis.com/labels': labels }),
  }
}

function gcp(project: string | undefined): Schema {
  const traceName = (value: unknown) =>
    project === undefined ? value : `projects/${project}/traces/${value}`
  return {
    ...PLAIN,
    name: 'gcp',
    time: isoSchema('time'),
    messageKey: 'message',
    level: (label) => ({ severity: GCP_SEVERITY[label] ?? 'DEFAULT' }),
    names: new Map([
      ['trace_id', 'logging.googleapis.com/trace'],
      ['span_id', 'logging.googleapis.com/spanId'],
      ['trace_flags', 'logging.googleapis.com/trace_sampled'],
      ['source', 'logging.googleapis.com/sourceLocation'],
    ]),
    convert: new Map<string, (value: unknown) => unknown>([
      ['trace_id', traceName],
      ['trace_flags', (value) => (Number.parseInt(String(value), 16) & 1) === 1],
      ['source', (value) => ({ ...(value as Source), line: String((value as Source).line) })],
    ]),
    identity: gcpIdentity,
  }
}

function ecsOrigin(value: unknown): unknown {
  const { file, line, function: name } = value as Source
  return { file: { name: file, line }, function: name }
}

function preset(name: SchemaName, project: string | undefined): Schema {
  switch (name) {
    case 'ecs':
      return {
        ...PLAIN,
        name,
        time: isoSchema('@timestamp'),
        messageKey: 'message',
        errorKey: 'error',
        errorNames: { type: 'type', message: 'message', stack: 'stack_trace' },
        level: (label) => ({ 'log.level': label }),
        names: new Map(Object.entries(ECS_NAMES)),
        convert: new Map([
          ['duration_ms', nanoseconds],
          ['source', ecsOrigin],
        ]),
        constant: { 'ecs.version': '8.17.0' },
      }
    case 'gcp':
      return gcp(project)
    case 'datadog':
      return {
        ...PLAIN,
        name,
        time: isoSchema('timestamp'),
        messageKey: 'message',
        errorKey: 'error',
        errorNames: { type: 'kind', message: 'message', stack: 'stack' },
        level: (label) => ({ status: label === 'fatal' ? 'critical' : label }),
        names: new Map(Object.entries(DATADOG_NAMES)),
        convert: new Map([['duration_ms', nanoseconds]]),
      }
    case 'pino':
      return { ...PLAIN, name, time: (now) => `,"time":${now}`, level: (_label, value) => ({ level: value }) }
    default:
      return { ...PLAIN, name, time: isoSchema('time') }
  }
}

/** The names of the time, the level and the message in a schema, for what reads records again. */
const OWN_KEYS: Readonly<Record<SchemaName, { time: string; level: string }>> = {
  default: { time: 'time', level: 'level' },
  ecs: { time: '@timestamp', level: 'log.level' },
  gcp: { time: 'time', level: 'severity' },
  datadog: { time: 'timestamp', level: 'status' },
  pino: { time: 'time', level: 'level' },
}

export interface SchemaOptions {
  /** @default 'default' */
  readonly schema?: SchemaName | undefined
  /** Other names for single keys: `{ time: 'timestamp', msg: 'message' }`. */
  readonly keys?: Readonly<Record<string, string>> | undefined
  /** Google Cloud project, for gcp's trace names. */
  readonly project?: string | undefined
  /** What of names and values may leave. @default all */
  readonly guard?: Guard | undefined
}

/**
 * The schema of a logger: a preset with single keys renamed on top.
 *
 * @throws TypeError ERR_SPOOR_OPTION where two keys would leave under one name
 */
export function makeSchema(options: SchemaOptions = {}): Schema {
  const { guard = OPEN_GUARD } = options
  const base = { ...preset(options.schema ?? 'default', options.project), guard }
  const keys = Object.entries(options.keys ?? {})
  if (keys.length === 0) return withTraceNames(base)
  const names = new Map(base.names)
  let schema: Schema = { ...base, names }
  for (const [key, name] of keys) {
    if (key === 'time') schema = { ...schema, time: renamedTime(base, name) }
    else if (key === 'level') schema = { ...schema, level: renamedLevel(base, name) }
    else if (key === 'msg') schema = { ...schema, messageKey: name }
    else if (key === 'err') schema = { ...schema, errorKey: name }
    else names.set(key, name)
  }
  assertDistinct(schema, names)
  return withTraceNames(schema)
}

function withTraceNames(schema: Schema): Schema {
  return { ...schema, traceNames: TRACE_KEYS.map((key) => outputName(schema, key)) }
}

function renamedTime(base: Schema, name: string): (now: number) => string {
  const from = `,${quoteKey(OWN_KEYS[base.name].time)}`
  const to = `,${quoteKey(name)}`
  return (now) => to + base.time(now).slice(from.length)
}

function renamedLevel(base: Schema, name: string): Schema['level'] {
  const from = OWN_KEYS[base.name].level
  return (label, value) => ({ [name]: base.level(label as LevelName, value)[from] })
}

function assertDistinct(schema: Schema, names: ReadonlyMap<string, string>): void {
  const used = [...reservedNames(schema), schema.errorKey, ...names.values()]
  const twice = used.find((name, index) => used.indexOf(name) !== index)
  if (twice === undefined) return
  throw optionError({ option: 'keys', value: twice, expected: 'a name that no other key has' })
}

/** Output names of the time, the level and the message. */
export function reservedNames(schema: Schema): string[] {
  const time = JSON.parse(`{${schema.time(0).slice(1)}}`) as Fields
  return [...Object.keys(time), ...Object.keys(schema.level('info', 30)), schema.messageKey]
}

/** The default schema's key of each output name, where they differ; not for values that have another form. */
export function defaultKeys(schema: Schema): ReadonlyMap<string, string> {
  const [time = 'time', level = 'level'] = reservedNames(schema)
  const keys = new Map([
    [time, 'time'],
    [level, 'level'],
    [schema.messageKey, 'msg'],
    [schema.errorKey, 'err'],
  ])
  for (const [key, name] of schema.names) if (!schema.convert.has(key)) keys.set(name, key)
  for (const [name, key] of keys) if (name === key) keys.delete(name)
  return keys
}

/** True where keys and what stands before a call's fields are the default schema's; times and levels may differ. */
export function hasDefaultKeys(schema: Schema): boolean {
  return schema.names.size === 0 && schema.convert.size === 0 && defaultKeys(schema).size === 0
}

/** The name that a record's own key leaves with. */
export function outputName(schema: Schema, key: string): string {
  return schema.names.get(key) ?? key
}

/** A value in the form that it leaves with; where a conversion does not fit what it is, as it is. */
export function outputValue(schema: Schema, key: string, value: unknown): unknown {
  const converter = schema.convert.get(key)
  if (converter === undefined) return value
  try {
    return converter(value)
  } catch {
    return value
  }
}

/** True where another key leaves under this name: a field called so must step aside. */
export function isRenameTarget(schema: Schema, name: string): boolean {
  for (const [from, to] of schema.names) if (to === name && from !== name) return true
  return false
}
