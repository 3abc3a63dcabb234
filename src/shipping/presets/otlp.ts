import type { Answer, Preset, PresetOptions, Verdict } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { at, bodyOf, judgeByStatus, reasonOf, shown } from './answers.ts'
import { accessOf } from './credentials.ts'
import { jsonText } from './fields.ts'
import { logRecordOf, resourceOf } from './otlp-record.ts'
import { textOf } from './record-parts.ts'

export interface OtlpOptions extends PresetOptions {
  /**
   * Where the Collector or the back end is: `https://collector.internal:4318`; `/v1/logs` is added where there is no
   * path, but for `asIs`.
   */
  readonly url: URL
  /** Sent as `authorization: Bearer …`. */
  readonly token?: string | undefined
  /** Takes the URL as it is, as OTEL_EXPORTER_OTLP_LOGS_ENDPOINT asks. @default false */
  readonly asIs?: boolean | undefined
  /** What bodies are compressed with. @default 'gzip', which every server must understand */
  readonly compression?: 'gzip' | 'none' | undefined
}

/** Servers take 20 MiB and more by default; this is what keeps four in flight cheap. */
const MAX_BYTES = 2 * 1024 * 1024
const MAX_COUNT = 2000
const CONCURRENCY = 4

/**
 * OTLP/HTTP with JSON (opentelemetry-proto, docs/specification.md; checked against the Collector 0.160). One resource
 * for each identity in the batch, one scope for each component. `log.record.uid` is the record's id, by which a
 * repetition can be told.
 */
export function otlpPreset(options: OtlpOptions): Preset {
  const { url, headers, hide } = accessOf('otlp', options, {
    path: options.asIs === true ? '/' : '/v1/logs',
    headers: { 'content-type': 'application/json' },
  })
  const labels = options.labels ?? []
  return {
    name: 'otlp',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: CONCURRENCY,
    compression: options.compression ?? 'gzip',
    encode: (records) => ({ url: url.href, headers, body: jsonText(requestOf(records, labels)) }),
    judge: (answer, records) => judgeOtlp(hide(answer), records.length),
  }
}

interface ScopeLogs {
  readonly scope: unknown
  readonly logRecords: unknown[]
}

interface ResourceLogs {
  readonly resource: unknown
  readonly scopes: Map<string | undefined, ScopeLogs>
}

/** An ExportLogsServiceRequest; resources and scopes in the order in which they come first. */
function requestOf(records: readonly Shipped[], labels: readonly string[]): unknown {
  const resources = new Map<string, ResourceLogs>()
  for (const shipped of records) {
    const { key, attributes, said } = resourceOf(shipped.record, labels)
    const { scopes } = entryOf(resources, key, () => ({ resource: { attributes }, scopes: new Map() }))
    const name = textOf(shipped.record, 'component')
    const { logRecords } = entryOf(scopes, name, () => ({
      scope: name === undefined ? {} : { name },
      logRecords: [],
    }))
    logRecords.push(logRecordOf(shipped, name === undefined ? said : [...said, 'component']))
  }
  const resourceLogs = [...resources.values()].map(({ resource, scopes }) => ({
    resource,
    scopeLogs: [...scopes.values()],
  }))
  return { resourceLogs }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const entry = map.get(key) ?? make()
  map.set(key, entry)
  return entry
}

const RETRIED = new Set([429, 502, 503, 504])
/** The Collector's 413 is a 400 that says so (0.160, confighttp). */
const TOO_LARGE = /request body too large/i

/**
 * "All other 4xx or 5xx response status codes MUST NOT be retried": a 400 is some record's fault and bisected, what
 * else there is takes the whole batch into the dead letters. Only who is not let in (401, 403) waits for its token, and
 * what is too large goes in halves, which are other requests.
 */
function judgeOtlp(answer: Answer, count: number): Verdict {
  if (answer.status >= 200 && answer.status <= 299) return judgeSuccess(answer, count)
  if (answer.status === 400 && TOO_LARGE.test(answer.body)) return { kind: 'halve', reason: reasonOf(answer) }
  return judgeByStatus(answer, {
    retry: (status) => RETRIED.has(status),
    // The address is wrong, not the records: the specification's "must not retry" would throw away what is fine.
    hold: [401, 403, 404, 405, 407, 415],
    bisect: [400],
  })
}

/** A partial success is never sent again, and does not say which it took. */
function judgeSuccess(answer: Answer, count: number): Verdict {
  if (/^\s*</.test(answer.body)) {
    return {
      kind: 'hold',
      reason: `${answer.status} with a page in place of an OTLP answer: ${shown(answer.body)}`,
    }
  }
  const parsed = bodyOf(answer)
  const partial = at(parsed, 'partialSuccess')
  const message = at(partial, 'errorMessage')
  const text = typeof message === 'string' && message !== '' ? shown(message) : undefined
  const rejected = rejectedIn(partial)
  if (rejected === 0) return { kind: 'delivered', warning: text ?? misunderstood(answer, parsed) }
  const reason = `${answer.status}, rejected ${rejected} of ${count}: ${text ?? 'no reason given'}`
  // Where all were rejected, it is known which.
  if (rejected >= count) return { kind: 'refuse', reason }
  return { kind: 'partly', lost: rejected, reason }
}

/** An int64, which JSON has as a text; a number is to be understood too. */
function rejectedIn(partial: unknown): number {
  const rejected = Number(at(partial, 'rejectedLogRecords') ?? 0)
  return Number.isFinite(rejected) ? Math.max(Math.trunc(rejected), 0) : 0
}

/** A server may answer in protobuf, whose partial success we don't read; JSON that is none was cut. */
function misunderstood({ body, headers }: Answer, parsed: unknown): string | undefined {
  const isJson = headers['content-type']?.includes('json') === true
  return isJson && body !== '' && parsed === undefined
    ? `an answer that is no JSON: ${shown(body)}`
    : undefined
}
