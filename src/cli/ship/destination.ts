import { createHash } from 'node:crypto'
import type { HttpFormat } from '../../config/formats.ts'
import { parseHeaders } from '../../config/lists.ts'
import type { Settings } from '../../config/settings.ts'
import type { DestinationOrders } from '../../shipping/orders.ts'
import { type HttpSettings, httpSettings } from '../../transports/http-options.ts'
import type { Arguments } from './arguments.ts'
import { PATH_FIELD } from './labels.ts'
import { targetOf } from './target.ts'
import { usageError } from './usage.ts'

/**
 * What the command line and, for what that leaves out, the environment say of the destination.
 *
 * @param labels names of constant fields
 * @throws a usage error, or ERR_SPOOR_OPTION
 */
export function destinationSettings(
  args: Arguments,
  settings: Settings,
  env: NodeJS.ProcessEnv,
  labels: readonly string[],
): HttpSettings {
  const { url, format } = targetOf(args.one('to'), settings)
  // A token that was meant for another address must not go to this one.
  const ours = url === undefined || settings.httpUrl === undefined || sameOrigin(url, settings.httpUrl)
  const count = args.one('batch-count')
  const headers = { ...(ours ? settings.httpHeaders : {}), ...headersOf(args.all('header')) }
  const http = asCommandLine(() =>
    httpSettings({
      url,
      format,
      token: tokenOf(args.one('token-env'), env) ?? (ours ? settings.httpToken : undefined),
      headers,
      labels: labels.filter((name) => !IDENTITY.includes(name)),
      tenant: args.one('tenant') ?? (ours ? settings.httpTenant : undefined),
      index: args.one('index') ?? (ours ? settings.httpIndex : undefined),
      options: optionsOf(args.all('option')),
      spoolDir: settings.spoolDir,
      batch: {
        bytes: args.one('batch-bytes'),
        count: count === undefined ? undefined : Number(count),
        ageMs: args.one('batch-age'),
      },
      timeoutMs: args.one('timeout'),
      allowInsecure: args.is('insecure') || settings.httpInsecure,
      ca: args.one('ca') ?? settings.httpCa,
      cert: args.one('cert') ?? settings.httpCert,
      key: args.one('key') ?? settings.httpKey,
    }),
  )
  return { ...http, destination: withPathLabel(http.destination) }
}

/**
 * To Loki each log is a stream of its own: it takes no record that is an hour older than the newest of its stream, which
 * may be another log's.
 */
function withPathLabel(orders: DestinationOrders): DestinationOrders {
  return orders.format === 'loki' ? { ...orders, labels: [...(orders.labels ?? []), PATH_FIELD] } : orders
}

/** Keys that every format has a place for by itself. */
const IDENTITY = ['service', 'version', 'env', 'region', 'host', 'machine_id', 'worker_id']

function sameOrigin(a: string, b: string): boolean {
  const [first, second] = [new URL(a), new URL(b)]
  return first.protocol === second.protocol && first.host === second.host
}

function tokenOf(name: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (name === undefined) return undefined
  const token = env[name]?.trim()
  if (token === undefined || token === '')
    throw usageError(
      // Who mistakes it for --token has written the token here.
      '--token-env names a variable that is not set, expected the name of one that holds the token, such as --token-env LOKI_TOKEN.',
    )
  return token
}

const SECRET_HEADER = /auth|token|key|secret|cookie|session|pass/i

function headersOf(all: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const one of all) {
    const [, name = '', value = ''] = /^([^=:]*)[=:](.*)$/s.exec(one) ?? []
    if (SECRET_HEADER.test(name))
      throw usageError(
        `--header has ${name.trim().toLowerCase()}, whose value everybody on this machine can read in the process list. Put it into the variable LOG_HTTP_HEADERS: name=value, percent-encoded.`,
      )
    const { value: read, wrong } = parseHeaders(`${name}=${encodeURIComponent(value.trim())}`)
    if (wrong.length > 0 || read === undefined || name.trim() === '')
      throw usageError('--header is no header, expected --header name=value, such as --header x-team=shop.')
    Object.assign(headers, read)
  }
  return headers
}

function optionsOf(all: readonly string[]): Record<string, unknown> | undefined {
  if (all.length === 0) return undefined
  return Object.fromEntries(
    all.map((one) => {
      const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9]*)=(.*)$/s.exec(one) ?? []
      if (name === undefined)
        throw usageError('--option is none, expected --option name=value, such as --option logGroup=shop.')
      return [name, /^(?:true|false|\d+)$/.test(value) ? JSON.parse(value) : value]
    }),
  )
}

/** Variables that decide where records go for formats that find their endpoint themselves. */
const ENDPOINTS = [
  'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'DASH0_LOGS_HOST',
  'DASH0_LOGS_PORT',
  'DD_SITE',
  'AWS_REGION',
]

/** Of what says which records are there already: not of the token, which is changed now and then. */
export function destinationId(orders: DestinationOrders): string {
  const { format, url, tenant, index, environment } = orders
  const place = url === undefined ? ENDPOINTS.map((name) => environment[name]) : withoutSecrets(new URL(url))
  const text = JSON.stringify([format, place, tenant, index])
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function withoutSecrets(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** For messages. */
export function destinationText({ format, url }: { format: HttpFormat; url?: string | undefined }): string {
  return url === undefined ? format : `${format} at ${withoutSecrets(new URL(url))}`
}

const ON_COMMAND_LINE: Readonly<Record<string, string>> = {
  url: '--to',
  format: '--to',
  token: '--token-env',
  headers: '--header',
  timeoutMs: '--timeout',
  allowInsecure: '--insecure',
  options: '--option',
  bytes: '--batch-bytes',
  count: '--batch-count',
  ageMs: '--batch-age',
}

/** Lets errors speak of the command line's options instead of the code's. */
export function asCommandLine<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw onCommandLine(error)
  }
}

/** The same for an error that was caught. */
export function onCommandLine(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  error.message = error.message
    .replace(/^spoor: /, '')
    .replace(
      /httpTransport\(\{ (?:\w+: \{ )?(\w+)(?: \})? \}\)/g,
      (_, name: string) => ON_COMMAND_LINE[name] ?? `--${name}`,
    )
    .replace(
      /\b\w+(?:Preset|Destination)\(\{ (\w+) \}\)/g,
      (_, name: string) => ON_COMMAND_LINE[name] ?? `--option ${name}`,
    )
    .replace('httpDestination(): the url', '--to')
    .replace('say allowInsecure: true', 'say --insecure')
  return error
}
