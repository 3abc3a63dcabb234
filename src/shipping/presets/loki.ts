import type { Preset, PresetOptions } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { accessOf } from './credentials.ts'
import { instanceOf, nanosecondsOf } from './fields.ts'
import { judgeLoki } from './loki-answers.ts'
import { textOf } from './record-parts.ts'

export interface LokiOptions extends PresetOptions {
  /** Where Loki is: `https://loki.internal:3100`; `/loki/api/v1/push` is added where there is no path. */
  readonly url: URL
  /** Sent as `authorization: Bearer …`; Grafana Cloud wants user and password in the URL instead. */
  readonly token?: string | undefined
  /** Sent as X-Scope-OrgID. @default none, as for a Loki without tenants */
  readonly tenant?: string | undefined
  /**
   * Whether level, request_id, trace_id, span_id and user_id go as structured metadata. Loki has that since 3.0 where
   * its schema is 13 or later; one that has it turned off refuses every line. @default true
   */
  readonly metadata?: boolean | undefined
}

const PATH = '/loki/api/v1/push'
/**
 * Loki hands a push on inside in at most 4 MiB, decoded; the lines are most of that. Below its burst (6 MB) and rate
 * (4 MB/s) too.
 */
const MAX_BYTES = 1024 * 1024
const MAX_COUNT = 5000
/** `reject_old_samples_max_age` is 7 d; less what a push may have to wait. */
const OLDEST_MS = 7 * 86_400_000 - 5 * 60_000

/** `max_label_names_per_series`. */
const MAX_LABELS = 15
/** UTF-16 units; `max_label_value_length` is 2,048 bytes. */
const MAX_LABEL_VALUE = 512
/** UTF-16 units; `max_structured_metadata_size` is 64 KB for all of a line. */
const MAX_METADATA_VALUE = 1024
const METADATA = ['level', 'request_id', 'trace_id', 'span_id', 'user_id'] as const

type Labels = Readonly<Record<string, string>>

/**
 * Loki's push API, JSON (docs: "Loki HTTP API", checked against Loki 3.7.8). The line goes byte for byte as it was
 * written. Labels are service_name, env, region, instance (`instanceOf`) and the names in `labels`, 15 at most; nothing
 * else ever is one.
 *
 * One label set a push, since a 204 speaks for the last one only; one push at a time and the records of a push in the
 * order of their times, since Loki takes nothing that is an hour older than the newest of its stream. Times carry `nth`
 * as ns: Loki keeps one of two equal lines with equal times, which makes a repetition harmless.
 */
export function lokiPreset(options: LokiOptions): Preset {
  const { url, headers, hide } = accessOf('loki', options, {
    path: PATH,
    headers: { 'content-type': 'application/json', 'x-scope-orgid': options.tenant },
  })
  const extra = (options.labels ?? []).map((key) => [key, labelName(key)] as const)
  const withMetadata = options.metadata ?? true

  function labelsOf({ record }: Shipped): Labels {
    const labels: Record<string, string> = { service_name: textOf(record, 'service') ?? 'unknown_service' }
    const add = (name: string, value: string | undefined): void => {
      if (value === undefined || Object.hasOwn(labels, name) || Object.keys(labels).length === MAX_LABELS)
        return
      labels[name] = cut(value, MAX_LABEL_VALUE)
    }
    add('env', textOf(record, 'env'))
    add('region', textOf(record, 'region'))
    add('instance', instanceOf(record))
    for (const [key, name] of extra) add(name, textOf(record, key))
    return labels
  }

  function entryOf(shipped: Shipped): readonly unknown[] {
    const entry = [nanosecondsOf(shipped), shipped.line]
    return withMetadata ? [...entry, metadataOf(shipped.record)] : entry
  }

  return {
    name: 'loki',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: 1,
    compression: 'gzip',
    oldestMs: OLDEST_MS,
    group: (record) => JSON.stringify(labelsOf(record)),
    encode(records) {
      const [first] = records
      const values = inOrder(records).map(entryOf)
      const streams = first === undefined ? [] : [{ stream: labelsOf(first), values }]
      return { url: url.href, headers, body: JSON.stringify({ streams }) }
    },
    judge: (answer, records) => judgeLoki(hide(answer), records),
  }
}

/** Oldest first: a newer one before them would make what is an hour older too old. */
function inOrder(records: readonly Shipped[]): readonly Shipped[] {
  return [...records].sort((a, b) => a.timeMs - b.timeMs || a.nth - b.nth)
}

/** Texts only: one number among them, and Loki refuses the whole push. */
function metadataOf(record: Shipped['record']): Labels {
  const metadata: Record<string, string> = {}
  for (const key of METADATA) {
    const value = textOf(record, key)
    if (value !== undefined) metadata[key] = cut(value, MAX_METADATA_VALUE)
  }
  return metadata
}

/** A name that Prometheus allows; two underscores at the beginning are its own. */
function labelName(key: string): string {
  return key.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)|^_+/, '_')
}

/** No pair of surrogates is torn: what is left of one is U+FFFD on the wire. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '')
}
