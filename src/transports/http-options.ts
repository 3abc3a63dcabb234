import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import {
  bytesOf,
  type Check,
  checkOptions,
  isBoolean,
  isDuration,
  isEither,
  isLevel,
  isListOf,
  isNumber,
  isObject,
  isOneOf,
  isOptions,
  isRecordOf,
  isSize,
  isString,
  millisecondsOf,
  type OptionsSpec,
} from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import { HTTP_FORMATS, type HttpFormat } from '../config/formats.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { isFieldName, isFieldValue } from '../config/lists.ts'
import type { Destination } from '../shipping/destination.ts'
import { problemOf } from '../shipping/http-address.ts'
import type { DestinationOrders } from '../shipping/orders.ts'
import { assertOwn } from '../shipping/own.ts'
import type { Preset } from '../shipping/preset.ts'
import type { ShipperState, ShipperStats } from '../shipping/stats.ts'
import type { Transport, TransportStats } from './transport.ts'

/** When a batch is sent. */
export interface HttpBatchOptions {
  /** Bytes of its records, as a number or '1MB'. @default '1MB' */
  bytes?: number | string | undefined
  /** Records. @default 1000 */
  count?: number | undefined
  /** How long a record waits for others, in ms or '1s'. @default '1s' */
  ageMs?: number | string | undefined
}

export interface HttpTransportOptions {
  /**
   * Where to. The path may be left out where the format has a standard one. For fluentd and syslog also
   * `tcp://host:24224`, `tls://host`, `udp://host:514`, `unix:///dev/log`. otlp, dash0 and datadog can do without:
   * OTEL_EXPORTER_OTLP_ENDPOINT and its kin, DASH0_LOGS_HOST, DD_SITE.
   */
  url?: string | URL | undefined
  /**
   * What the endpoint is.
   *
   * @default by the URL's path where it is one that only one of them has (/loki/api/v1/push, /v1/logs, /_bulk,
   *   /services/collector, /api/v2/logs, /logs/ingest), else 'ndjson'
   */
  format?: HttpFormat | undefined
  /** A module (a URL, or an absolute path) that exports a preset of your own as `preset`; the thread loads it. */
  module?: string | undefined
  /** A preset or destination of your own, as an object; the main thread then ships. */
  preset?: Preset | Destination | undefined
  /** More options of the format: docs/shipping.md has each. */
  options?: Readonly<Record<string, unknown>> | undefined
  /** What the endpoint knows us by. It is in no message, and no process list. */
  token?: string | undefined
  /** More headers; they win over the format's own. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Names of constant fields that become labels, where the back end has labels. @default those of LOG_LABELS */
  labels?: readonly string[] | undefined
  /** Loki's tenant. @default none */
  tenant?: string | undefined
  /** Elasticsearch's or Splunk's index. */
  index?: string | undefined
  /** The transport's name in stats and on stderr, and its directory in the spool. @default 'http' */
  name?: string | undefined
  /** Lowest level shipped. @default all */
  level?: LevelOrSilent | undefined
  /** The directory in which records wait. @default LOG_SPOOL_DIR, else .spool beside LOG_FILE, else logs/.spool */
  spoolDir?: string | undefined
  /** How large that may be, for all processes together: bytes or '1GB'; 'off' for no bound. @default '1GB' */
  spoolMax?: number | string | undefined
  /** How long records wait at most, in ms or '7d'; 'off' for ever. @default '7d' */
  spoolAge?: number | string | undefined
  /** When the spool is made to survive a crash of the machine: see FileTransportOptions. @default 'interval' */
  fsync?: 'never' | 'interval' | 'always' | undefined
  /** For fsync 'interval', in ms or '1s'. @default '1s' */
  fsyncMs?: number | string | undefined
  /** How large the dead letters may be, in bytes or '64MB'. @default '64MB' */
  deadLetterMax?: number | string | undefined
  batch?: HttpBatchOptions | undefined
  /** How long a request may take, in ms or '30s'. @default '30s' */
  timeoutMs?: number | string | undefined
  /** Whether `http:` may be used towards hosts other than this machine. @default false */
  allowInsecure?: boolean | undefined
  /** Authorities that the endpoint's certificate is checked against: PEM, or a file of it. @default Node's */
  ca?: string | undefined
  /** Our certificate and its key, where the endpoint asks for one: PEM, or files of it. @default none */
  cert?: string | undefined
  key?: string | undefined
  /** Whether a thread of its own ships. @default true, unless a bundler has left its file behind */
  thread?: boolean | undefined
  /** How long an orderly end (not process.exit) and `shutdown` wait for deliveries, in ms or '2s'. @default 0 */
  exitWaitMs?: number | string | undefined
  /** Held in memory while the spool can't be written, in UTF-16 units or '8MB'. @default '8MB' */
  bufferLimit?: number | string | undefined
}

export interface HttpTransport extends Transport {
  /** Resolves true when all that was logged before is delivered (or refused, and told), false after `waitMs`. */
  delivered(waitMs: number): Promise<boolean>
  stats(): HttpStats
}

export interface HttpStats extends TransportStats {
  /** What the shipper counts; undefined until it has begun. */
  readonly shipper: ShipperStats | undefined
  readonly state: ShipperState | 'starting'
  /** Bytes in the spool, of all processes. */
  readonly spoolBytes: number
  /** Records that were given up because the spool was full or they had waited too long. */
  readonly spoolDropped: number
}

/** What the transport is made of. */
export interface HttpSettings {
  readonly name: string
  readonly level: LevelOrSilent | undefined
  readonly own: Preset | Destination | undefined
  readonly destination: DestinationOrders
  /** Absolute, the destination's own. */
  readonly directory: string
  readonly budgetBytes: number
  readonly maxAgeMs: number
  readonly fsync: 'never' | 'interval' | 'always'
  readonly fsyncMs: number
  readonly deadLetterBytes: number
  readonly batch: { bytes: number; count: number; ageMs: number }
  readonly thread: boolean
  readonly exitWaitMs: number
  readonly bufferLimit: number
}

const MEGABYTE = 1024 ** 2
const NAME = /^[A-Za-z0-9_-]{1,64}$/
const isName: Check = {
  expected: "a name of letters, digits, '_' and '-', at most 64",
  accepts: (value) => typeof value === 'string' && NAME.test(value),
}
const isOff: Check = {
  expected: "'off'",
  accepts: (value) =>
    value === Number.POSITIVE_INFINITY || (typeof value === 'string' && value.toLowerCase() === 'off'),
}
const isUrl: Check = {
  expected: 'a URL such as https://logs.example.com/loki/api/v1/push',
  accepts: (value) => value instanceof URL || (typeof value === 'string' && URL.canParse(value)),
}

const SPEC: OptionsSpec<HttpTransportOptions> = {
  url: isUrl,
  format: isOneOf(...HTTP_FORMATS),
  module: isString,
  preset: isObject,
  options: isObject,
  token: isString,
  headers: isRecordOf(isString),
  labels: isListOf(isString),
  tenant: isString,
  index: isString,
  name: isName,
  level: isLevel,
  spoolDir: isString,
  spoolMax: isEither(isSize, isOff),
  spoolAge: isEither(isDuration, isOff),
  fsync: isOneOf('never', 'interval', 'always'),
  fsyncMs: isDuration,
  deadLetterMax: isSize,
  batch: isOptions<HttpBatchOptions>({
    bytes: isSize,
    count: isNumber({ min: 1, integer: true }),
    ageMs: isDuration,
  }),
  timeoutMs: isDuration,
  allowInsecure: isBoolean,
  ca: isString,
  cert: isString,
  key: isString,
  thread: isBoolean,
  exitWaitMs: isDuration,
  bufferLimit: isSize,
}

/** The formats that find their endpoint in the environment. */
const FINDS_ITSELF: readonly HttpFormat[] = ['otlp', 'dash0', 'datadog', 'cloudwatch']
const ENVIRONMENT = /^(?:OTEL_EXPORTER_OTLP_|DASH0_|DD_(?:SITE|API_KEY)$|AWS_REGION$)/

/**
 * Checks the options and fills in what was left out.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong, or a PEM file that can't be read
 */
export function httpSettings(options: HttpTransportOptions): HttpSettings {
  checkOptions(options, SPEC, 'httpTransport')
  const { url, module, preset } = options
  const format = options.format ?? formatOf(url)
  if (url === undefined && module === undefined && preset === undefined && !FINDS_ITSELF.includes(format))
    throw optionError({
      option: 'httpTransport({ url })',
      value: undefined,
      expected: isUrl.expected,
      instead: `Formats that find their endpoint in the environment: ${FINDS_ITSELF.join(', ')}.`,
    })
  if (preset !== undefined) assertOwn('httpTransport({ preset })', preset)
  checkWayOut(options)
  const name = options.name ?? 'http'
  const spool = options.spoolDir ?? defaultSpool(process.env)
  return {
    name,
    level: options.level,
    own: preset,
    destination: {
      format,
      module,
      url: url === undefined ? undefined : String(url),
      token: options.token,
      headers: options.headers,
      labels: options.labels,
      tenant: options.tenant,
      index: options.index,
      options: options.options,
      allowInsecure: options.allowInsecure ?? false,
      timeoutMs: millisecondsOf(options.timeoutMs ?? 30_000) ?? 0,
      ca: pemOf('ca', options.ca),
      cert: pemOf('cert', options.cert),
      key: pemOf('key', options.key),
      environment: environmentOf(process.env),
    },
    directory: join(resolve(spool), name),
    budgetBytes: boundOf(options.spoolMax ?? 1024 * MEGABYTE, bytesOf),
    maxAgeMs: boundOf(options.spoolAge ?? '7d', millisecondsOf),
    fsync: options.fsync ?? 'interval',
    fsyncMs: millisecondsOf(options.fsyncMs ?? 1000) ?? 0,
    deadLetterBytes: bytesOf(options.deadLetterMax ?? 64 * MEGABYTE) ?? 0,
    batch: {
      bytes: bytesOf(options.batch?.bytes ?? MEGABYTE) ?? 0,
      count: options.batch?.count ?? 1000,
      ageMs: millisecondsOf(options.batch?.ageMs ?? 1000) ?? 0,
    },
    thread: options.thread ?? true,
    exitWaitMs: millisecondsOf(options.exitWaitMs ?? 0) ?? 0,
    bufferLimit: bytesOf(options.bufferLimit ?? 8 * MEGABYTE) ?? 0,
  }
}

/** What would be found out only when the first batch is to go. */
function checkWayOut({ url, allowInsecure, token, headers, module }: HttpTransportOptions): void {
  const address = url === undefined ? undefined : String(url)
  if (address !== undefined && /^https?:/i.test(address)) {
    const problem = problemOf(address, allowInsecure ?? false)
    if (problem !== undefined)
      throw optionError({ option: 'httpTransport({ url })', value: address, ...problem })
  }
  if (token !== undefined && !isFieldValue(token))
    throw optionError({
      option: 'httpTransport({ token })',
      value: token,
      expected: 'a text without line breaks and other control characters',
    })
  for (const [header, value] of Object.entries(headers ?? {}))
    if (!isFieldName(header) || !isFieldValue(value))
      throw optionError({
        option: `httpTransport({ headers: { ${header} } })`,
        value,
        expected: 'a name and a value that HTTP can carry (RFC 9110)',
      })
  if (module !== undefined && !URL.canParse(module) && !isAbsolute(module))
    throw optionError({
      option: 'httpTransport({ module })',
      value: module,
      expected: "a URL or an absolute path, such as new URL('./my-preset.js', import.meta.url).href",
    })
}

function boundOf(value: number | string, read: (value: number | string) => number | undefined): number {
  return isOff.accepts(value) ? Number.POSITIVE_INFINITY : (read(value) ?? 0)
}

const PATHS: readonly (readonly [RegExp, HttpFormat])[] = [
  [/\/loki\/api\/v1\/push\/?$/, 'loki'],
  [/\/v1\/logs\/?$/, 'otlp'],
  [/\/_bulk\/?$/, 'elasticsearch'],
  [/\/services\/collector(?:\/event)?\/?$/, 'splunk'],
  [/\/api\/v2\/logs\/?$/, 'datadog'],
  [/\/logs\/ingest\/?$/, 'dash0'],
]

function formatOf(url: string | URL | undefined): HttpFormat {
  if (url === undefined) return 'ndjson'
  const { pathname } = new URL(url)
  return PATHS.find(([path]) => path.test(pathname))?.[1] ?? 'ndjson'
}

/** Never a temporary folder: what waits there must outlive the machine's start. */
function defaultSpool({ LOG_SPOOL_DIR, LOG_FILE }: NodeJS.ProcessEnv): string {
  if (LOG_SPOOL_DIR) return LOG_SPOOL_DIR
  return LOG_FILE ? join(dirname(LOG_FILE), '.spool') : join('logs', '.spool')
}

function environmentOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const chosen: Record<string, string> = {}
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && ENVIRONMENT.test(name)) chosen[name] = value
  return chosen
}

/** What is a PEM already is taken as it is. */
function pemOf(option: string, value: string | undefined): string | undefined {
  if (value === undefined || value.includes('-----BEGIN')) return value
  try {
    return readFileSync(value, 'utf8')
  } catch (error) {
    // Not the value, nor the message that repeats it: it may be a key without its first line.
    throw optionError({
      option: `httpTransport({ ${option} })`,
      value: '[hidden]',
      expected: 'PEM, or the path of a file of it',
      instead: `As a file it could not be read (${(error as NodeJS.ErrnoException).code}).`,
    })
  }
}
