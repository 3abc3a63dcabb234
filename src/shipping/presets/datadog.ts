import type { Preset, PresetOptions } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { judgeByStatus } from './answers.ts'
import { accessOf } from './credentials.ts'
import { jsonWithin } from './cut.ts'
import { freeName, isCompletion, isObject } from './fields.ts'
import { ID_FIELD, textOf } from './record-parts.ts'

export interface DatadogOptions extends PresetOptions {
  /**
   * The site's intake: `https://http-intake.logs.datadoghq.eu`. The path `/api/v2/logs` is added where there is none,
   * so that an Observability Pipelines Worker or a proxy can stand in between.
   */
  readonly url: URL
  /** The API key, sent as DD-API-KEY. */
  readonly token?: string | undefined
  /** What `ddsource` says, by which Datadog chooses a pipeline. @default 'nodejs' */
  readonly source?: string | undefined
  /** More tags, beside env, version, region and the labels: `['team:shop']`. @default none */
  readonly tags?: readonly string[] | undefined
}

// A request has 5 MB of 1,000 logs at most; the mapping adds some 300 bytes to a line.
const MAX_BYTES = 4_250_000
const MAX_COUNT = 1000
/** A log has 1 MB at most. Datadog says MB; the smaller one is taken. */
const MAX_LOG_BYTES = 1_000_000
const HOUR_MS = 3_600_000
/** 18 hours, less what a request may take. */
const OLDEST_MS = 18 * HOUR_MS - 5 * 60_000
const TAG_LENGTH = 200
const NANOSECONDS = 1_000_000

/** Names of Datadog's standard attributes; the same as LOG_SCHEMA=datadog gives. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['component', 'logger.name'],
  ['user_id', 'usr.id'],
  ['duration_ms', 'duration'],
  ['err', 'error'],
])
/** Those of a request's completion; elsewhere such keys are the application's own. */
const COMPLETION_NAMES: ReadonlyMap<string, string> = new Map([
  ...NAMES,
  ['method', 'http.method'],
  ['path', 'http.url_details.path'],
  ['status', 'http.status_code'],
  ['user_agent', 'http.useragent'],
  ['remote_address', 'network.client.ip'],
])
/** What stands in a reserved attribute instead. */
const MOVED: readonly string[] = ['time', 'level']
const MOVED_TEXTS: readonly string[] = ['msg', 'service', 'host']

/**
 * Datadog's log intake, version 2 (docs: "Send logs", API reference). One array of JSON a request; the level is
 * `status`, the message `message`, env, version, region and the labels are `ddtags` and attributes both, trace_id and
 * span_id go as the hex digits that they are. A log over 1 MB would be cut by Datadog with a 2xx: it is cut here and
 * marked `truncated`. The intake knows no repetition: `spoor_id` tells one.
 */
export function datadogPreset(options: DatadogOptions): Preset {
  const { url, headers, hide } = accessOf(
    'datadog',
    { ...options, token: undefined },
    {
      path: '/api/v2/logs',
      headers: { 'content-type': 'application/json', 'dd-api-key': options.token?.trim() || undefined },
    },
  )
  const source = options.source ?? 'nodejs'
  const tagged = [...new Set(['env', 'version', 'region', ...(options.labels ?? [])])]

  function tagsOf(record: Shipped['record']): string {
    const tags = tagged.flatMap((name) => {
      const value = textOf(record, name)
      return value === undefined ? [] : [tag(name, value)]
    })
    return [...tags, ...(options.tags ?? [])].join(',')
  }

  function logOf({ record, timeMs, id }: Shipped): string {
    const log = new Map<string, unknown>([
      ['message', textOf(record, 'msg') ?? ''],
      ['status', record.level === 'fatal' ? 'critical' : record.level],
      ['timestamp', timeMs],
      ['service', textOf(record, 'service')],
      ['hostname', textOf(record, 'host')],
      ['ddsource', source],
      ['ddtags', tagsOf(record)],
      [ID_FIELD, id],
    ])
    const names = isCompletion(record) ? COMPLETION_NAMES : NAMES
    for (const [key, value] of Object.entries(record)) {
      if (isMoved(key, record)) continue
      log.set(freeName(names.get(key) ?? key, log), attributeOf(key, value))
    }
    return jsonWithin(Object.fromEntries(log), MAX_LOG_BYTES)
  }

  return {
    name: 'datadog',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: 4,
    compression: 'gzip',
    oldestMs: OLDEST_MS,
    encode: (records) => ({ url: url.href, headers, body: `[${records.map(logOf).join(',')}]` }),
    // 404, 405 and 415 say that this is no intake: no record's fault.
    judge: (answer) => judgeByStatus(hide(answer), { hold: [401, 402, 403, 404, 405, 407, 415] }),
  }
}

function isMoved(key: string, record: Shipped['record']): boolean {
  return MOVED.includes(key) || (MOVED_TEXTS.includes(key) && typeof record[key] !== 'object')
}

function attributeOf(key: string, value: unknown): unknown {
  if (key === 'duration_ms') return typeof value === 'number' ? Math.round(value * NANOSECONDS) : value
  return key === 'err' ? errorOf(value) : value
}

/** `type` is Datadog's `kind`. */
function errorOf(value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, said]) => (key === 'type' ? ['kind', said] : [key, said])),
  )
}

/** A comma begins the next tag, and Datadog makes '_' of what else it does not take. */
function tag(name: string, value: string): string {
  return `${name}:${value}`.replace(/[,\s]/g, '_').slice(0, TAG_LENGTH)
}
