import { readFileSync } from 'node:fs'
import type { EnvironmentProblem } from '../config/environment.ts'
import { optionError, unknownOptionError } from '../config/errors.ts'
import { HTTP_FORMATS } from '../config/formats.ts'
import { nearest } from '../config/nearest.ts'
import type { Destination } from './destination.ts'
import { cloudwatchDestination } from './destinations/cloudwatch.ts'
import { fluentdDestination } from './destinations/fluentd.ts'
import { splunkAckDestination } from './destinations/splunk-ack.ts'
import { syslogDestination } from './destinations/syslog.ts'
import { checkAddress } from './http-address.ts'
import { createHttpClient } from './http-client.ts'
import { httpDestination } from './http-destination.ts'
import type { DestinationOrders } from './orders.ts'
import { assertOwn } from './own.ts'
import type { Preset, PresetOptions } from './preset.ts'
import { dash0FromEnvironment, dash0Preset } from './presets/dash0.ts'
import { datadogPreset } from './presets/datadog.ts'
import { elasticsearchPreset } from './presets/elasticsearch.ts'
import { lokiPreset } from './presets/loki.ts'
import { ndjsonPreset } from './presets/ndjson.ts'
import { otlpPreset } from './presets/otlp.ts'
import { type OtlpEnvironment, otlpFromEnvironment } from './presets/otlp-environment.ts'
import { splunkPreset } from './presets/splunk.ts'

type Tell = (problem: EnvironmentProblem) => void

/**
 * Makes a destination of what the transport's options, or a command line, say.
 *
 * @param tell of variables that are not understood
 * @throws TypeError ERR_SPOOR_OPTION for what is wrong in them; an error of `import` for a module that can't be loaded
 */
export async function destinationOf(orders: DestinationOrders, tell: Tell = () => {}): Promise<Destination> {
  if (orders.module !== undefined) return overHttp(await presetOfModule(orders), orders)
  const make = MAKERS[orders.format]
  if (make === undefined)
    throw optionError({
      option: 'httpTransport({ format })',
      value: orders.format,
      expected: `one of ${HTTP_FORMATS.join(', ')}`,
    })
  checkOwn(orders)
  return make(orders, tell)
}

/** The options that each format has of its own, for `options`. */
const OWN: Readonly<Record<DestinationOrders['format'], readonly string[]>> = {
  loki: ['metadata'],
  elasticsearch: ['authorization', 'dataStream', 'ecs'],
  opensearch: ['authorization', 'dataStream', 'ecs'],
  otlp: ['asIs', 'compression'],
  dash0: ['dataset'],
  datadog: ['source', 'tags'],
  splunk: ['acknowledged', 'channel', 'source', 'sourcetype', 'pollMs'],
  ndjson: ['layout', 'contentType', 'compression', 'maxBytes', 'maxCount', 'concurrency'],
  cloudwatch: ['logGroup', 'logStream', 'createGroup', 'region', 'sdk', 'client', 'maxMessageBytes'],
  fluentd: [
    'tag',
    'sharedKey',
    'username',
    'password',
    'hostname',
    'gzip',
    'maxBytes',
    'maxCount',
    'concurrency',
    'tls',
  ],
  syslog: ['facility', 'content', 'maxMessageBytes', 'structuredData', 'confirmMs', 'tls'],
}
/** Those of httpTransport that a format may be given there too. */
const COMMON = ['token', 'headers', 'labels', 'tenant', 'index']

function checkOwn({ format, options = {} }: DestinationOrders): void {
  const known = [...OWN[format], ...COMMON]
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw unknownOptionError(`httpTransport({ options: { ${name} } })`, known, nearest(name, known))
}

/** A user's own: a preset goes over HTTP, a destination is one already. */
export function destinationFrom(own: Preset | Destination, orders: DestinationOrders): Destination {
  assertOwn('httpTransport({ preset })', own)
  return 'encode' in own ? overHttp(own, orders) : own
}

type Maker = (orders: DestinationOrders, tell: Tell) => Destination | Promise<Destination>

const MAKERS: Readonly<Record<DestinationOrders['format'], Maker>> = {
  loki: (orders) => overHttp(lokiPreset({ ...common(orders), tenant: orders.tenant }), orders),
  elasticsearch: (orders) =>
    overHttp(elasticsearchPreset({ ...common(orders), index: orders.index }), orders),
  opensearch: (orders) => overHttp(elasticsearchPreset({ ...common(orders), index: orders.index }), orders),
  otlp,
  dash0,
  datadog,
  splunk,
  ndjson: (orders) => overHttp(ndjsonPreset(common(orders)), orders),
  // The SDK is loaded when it is used; an index that is none is refused with what to write instead.
  cloudwatch: ({ index = '', options }) => cloudwatchDestination({ logGroup: index, ...options }),
  fluentd,
  syslog,
}

function overHttp(preset: Preset, orders: DestinationOrders, compression?: 'gzip' | 'none'): Destination {
  return httpDestination(preset, {
    ...clientOptions(orders),
    allowInsecure: orders.allowInsecure,
    compression,
  })
}

function clientOptions({ timeoutMs, ca, cert, key }: DestinationOrders) {
  return { timeoutMs, ca, cert, key }
}

/** The user's own options last: whoever gives one means it. */
function common(orders: DestinationOrders, url = orders.url): PresetOptions {
  const { token, headers, labels, options } = orders
  return { url: addressOf(url, orders), token, headers, labels, ...options }
}

function addressOf(url: string | undefined, { format }: DestinationOrders): URL {
  if (url !== undefined && URL.canParse(url)) return new URL(url)
  throw optionError({
    option: 'httpTransport({ url })',
    value: url,
    expected: `the address of ${format === 'ndjson' ? 'where the lines go' : `the ${format} endpoint`}`,
    instead: format === 'dash0' ? 'DASH0_LOGS_HOST may say it too.' : undefined,
  })
}

/** What the code or LOG_HTTP_URL says wins over OTEL_EXPORTER_OTLP_*. */
function otlp(orders: DestinationOrders, tell: Tell): Destination {
  const found = otlpFromEnvironment(orders.environment)
  for (const problem of found.problems) tell(problem)
  const own = orders.url !== undefined
  const headers = { ...(own ? {} : found.headers), ...orders.headers }
  const url = own ? orders.url : found.url?.href
  const preset = otlpPreset({ ...common({ ...orders, headers }, url), asIs: !own })
  if (own) return overHttp(preset, orders)
  const { timeoutMs, compression } = found
  return overHttp(preset, { ...orders, timeoutMs, ...pemsOf(found), ...given(orders) }, compression)
}

/** The files that OTEL_EXPORTER_OTLP_CERTIFICATE and its kin name. @throws an errno error for one that can't be read */
function pemsOf({ ca, clientCertificate, clientKey }: OtlpEnvironment) {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  return { ca: read(ca), cert: read(clientCertificate), key: read(clientKey) }
}

function given({ ca, cert, key }: DestinationOrders) {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

function dash0(orders: DestinationOrders, tell: Tell): Destination {
  const found = dash0FromEnvironment(orders.environment)
  for (const problem of found.problems) tell(problem)
  const token = orders.token ?? found.token
  return overHttp(dash0Preset(common({ ...orders, token }, orders.url ?? found.url?.href)), orders)
}

function datadog(orders: DestinationOrders, tell: Tell): Destination {
  const { DD_SITE: site = 'datadoghq.com', DD_API_KEY: key } = orders.environment
  if (orders.token === undefined && key === undefined)
    tell({ variable: 'DD_API_KEY', value: '', accepted: 'an API key, or LOG_HTTP_TOKEN', used: 'none' })
  const url = orders.url ?? `https://http-intake.logs.${site}`
  return overHttp(datadogPreset(common({ ...orders, token: orders.token ?? key }, url)), orders)
}

function splunk(orders: DestinationOrders): Destination {
  const options = { ...common(orders), index: orders.index }
  if (orders.options?.acknowledged !== true) return overHttp(splunkPreset(options), orders)
  checkAddress(options.url.href, orders.allowInsecure)
  const client = createHttpClient({ ...clientOptions(orders), compression: 'gzip' })
  const made = splunkAckDestination({ ...options, exchange: client.exchange } as Parameters<
    typeof splunkAckDestination
  >[0])
  return { ...made, close: async () => client.close() }
}

/** `tcp://host:port`, `tls://host`, `unix:///path`. */
function peerOf(orders: DestinationOrders) {
  const url = addressOf(orders.url, orders)
  const protocol = url.protocol.slice(0, -1)
  const { ca, cert, key } = orders
  return {
    protocol,
    host: url.hostname === '' ? undefined : url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    path: protocol === 'unix' ? decodeURIComponent(url.pathname) : undefined,
    tls: protocol === 'tls' ? { ca, cert, key } : undefined,
  }
}

function fluentd(orders: DestinationOrders): Destination {
  const { protocol, ...peer } = peerOf(orders)
  if (!['tcp', 'tls', 'unix'].includes(protocol))
    throw optionError({
      option: 'httpTransport({ url })',
      value: orders.url,
      expected: 'tcp://host:24224, tls://host:24224 or unix:///path for fluentd',
    })
  return fluentdDestination({ ...peer, sharedKey: orders.token, ...orders.options })
}

function syslog(orders: DestinationOrders): Destination {
  const { protocol, ...peer } = peerOf(orders)
  if (protocol !== 'udp' && protocol !== 'tcp' && protocol !== 'tls' && protocol !== 'unix')
    throw optionError({
      option: 'httpTransport({ url })',
      value: orders.url,
      expected: 'udp://host:514, tcp://host:601, tls://host:6514 or unix:///path for syslog',
    })
  return syslogDestination({ transport: protocol, ...peer, ...orders.options })
}

/** `export const preset = …`, or a function that makes it of the options. */
async function presetOfModule(orders: DestinationOrders): Promise<Preset> {
  const { module = '' } = orders
  const loaded = (await import(module)) as { preset?: unknown; default?: unknown }
  const found = loaded.preset ?? loaded.default
  const preset = typeof found === 'function' ? await found(ownOptions(orders)) : found
  if (typeof preset === 'object' && preset !== null && 'encode' in preset && 'judge' in preset) {
    assertOwn("httpTransport({ module })'s preset", preset as Preset)
    return preset as Preset
  }
  throw optionError({
    option: 'httpTransport({ module })',
    value: module,
    expected: 'a module that exports `preset`: a Preset, or a function that makes one of the options',
  })
}

function ownOptions(orders: DestinationOrders) {
  const { token, headers, labels, options, url } = orders
  return { url: url === undefined ? undefined : new URL(url), token, headers, labels, ...options }
}
