import type { EnvironmentProblem } from '../../config/environment.ts'
import type { Preset, PresetOptions } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { judgeByStatus } from './answers.ts'
import { accessOf } from './credentials.ts'
import { jsonText, withTimeAs } from './fields.ts'

export interface Dash0Options extends PresetOptions {
  /** Where the logs go: `https://ingest.example.dash0.com`; `/logs/ingest` is added where there is no path. */
  readonly url: URL
  /** The auth token (DASH0_API_KEY), sent as `authorization: Bearer …`. */
  readonly token?: string | undefined
  /** The dataset, sent as Dash0-Dataset. @default none: Dash0 takes its default one */
  readonly dataset?: string | undefined
}

const MAX_BYTES = 1024 * 1024
const MAX_COUNT = 1000
const CONCURRENCY = 4

/**
 * JSON lines to `/logs/ingest`, as the Fluent Bit side-cars in front of Dash0 send them (out_http, json_lines,
 * json_date_key timestamp, json_date_format iso8601): the record by the default schema's names, with `timestamp` in
 * place of `time`. For Dash0's OTLP endpoint there is `otlpPreset`. The answer's status decides, as of any HTTP sink.
 */
export function dash0Preset(options: Dash0Options): Preset {
  const { url, headers, hide } = accessOf('dash0', options, {
    path: '/logs/ingest',
    headers: { 'content-type': 'application/x-ndjson', 'dash0-dataset': options.dataset },
  })
  return {
    name: 'dash0',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: CONCURRENCY,
    compression: 'gzip',
    encode: (records) => ({ url: url.href, headers, body: records.map(lineOf).join('') }),
    judge: (answer) => judgeByStatus(hide(answer)),
  }
}

function lineOf(shipped: Shipped): string {
  return `${jsonText(withTimeAs('timestamp', shipped))}\n`
}

/** What Dash0's variables say. */
export interface Dash0Environment {
  /** Undefined where there is no DASH0_LOGS_HOST, or none that is a host. */
  readonly url: URL | undefined
  readonly token: string | undefined
  /** What was not understood. The key is never in them. */
  readonly problems: readonly EnvironmentProblem[]
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i

/**
 * Reads DASH0_LOGS_HOST (a name, or a URL for plain http to a collector near by), DASH0_LOGS_PORT and DASH0_API_KEY.
 * Without a scheme it is https, http towards loopback. Empty is unset. Never throws.
 */
export function dash0FromEnvironment(env: Readonly<Record<string, string | undefined>>): Dash0Environment {
  const read = (name: string): string | undefined => env[name]?.trim() || undefined
  const host = read('DASH0_LOGS_HOST')
  const port = read('DASH0_LOGS_PORT')
  const token = read('DASH0_API_KEY')
  if (host === undefined) return { url: undefined, token, problems: [] }
  const problems: EnvironmentProblem[] = []
  const url = hostUrl(host)
  if (url === undefined) {
    const accepted = 'a host such as ingest.example.dash0.com, or a URL with http or https'
    problems.push({ variable: 'DASH0_LOGS_HOST', value: host, accepted, used: 'no endpoint' })
  } else if (port !== undefined) {
    if (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535) url.port = port
    else {
      const used = url.port === '' ? "the scheme's port" : url.port
      problems.push({ variable: 'DASH0_LOGS_PORT', value: port, accepted: 'a port, 1 to 65535', used })
    }
  }
  return { url, token, problems }
}

function hostUrl(host: string): URL | undefined {
  const hasScheme = host.includes('://')
  const text = hasScheme ? host : `https://${host}`
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (!hasScheme && LOOPBACK.test(url.hostname)) url.protocol = 'http:'
  return url
}
