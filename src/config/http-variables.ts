import { HTTP_FORMATS } from './formats.ts'
import * as kinds from './kinds.ts'
import type { Settings } from './settings.ts'
import type { Variable } from './variable.ts'

type HttpSetting = Extract<keyof Settings, `http${string}` | `spool${string}`>
type HttpVariables = { readonly [K in HttpSetting]-?: Variable<NonNullable<Settings[K]>> }

const GIBIBYTE = 1024 ** 3
const DAY_MS = 24 * 60 * 60 * 1000

/** The variables of the HTTP transport, by setting. */
export const HTTP_VARIABLES: HttpVariables = {
  http: {
    name: 'LOG_HTTP',
    option: 'transports',
    kind: kinds.boolean,
    fallback: true,
    default: 'on where LOG_HTTP_URL or LOG_HTTP_FORMAT asks',
    doc: 'Off switches shipping off without a change of anything else.',
  },
  httpDisabled: {
    name: 'DISABLE_FLUENT_BIT_LOGGING',
    option: 'transports',
    kind: kinds.boolean,
    fallback: false,
    default: 'off',
    doc: 'The same as `LOG_HTTP=off`, as deployments with a Fluent Bit side-car have it.',
  },
  httpUrl: {
    name: 'LOG_HTTP_URL',
    option: 'httpTransport({ url })',
    kind: kinds.address,
    fallback: undefined,
    default: 'nothing is shipped',
    doc: 'Where records are shipped to; for fluentd and syslog also `tcp://`, `tls://`, `udp://` and `unix:`.',
  },
  httpFormat: {
    name: 'LOG_HTTP_FORMAT',
    option: 'httpTransport({ format })',
    kind: kinds.oneOf(...HTTP_FORMATS),
    fallback: undefined,
    default: "by the URL's path where it is one that only one of them has, else ndjson",
    doc: 'What the endpoint is.',
  },
  httpToken: {
    name: 'LOG_HTTP_TOKEN',
    option: 'httpTransport({ token })',
    kind: kinds.text,
    fallback: undefined,
    default: 'none',
    doc: 'What the endpoint knows us by; each format sends it in its own way.',
  },
  httpHeaders: {
    name: 'LOG_HTTP_HEADERS',
    option: 'httpTransport({ headers })',
    kind: kinds.headers,
    fallback: Object.create(null),
    default: 'none',
    doc: 'More headers: `x-team=shop,x-key=a%20b`, percent-encoded as in OTEL_EXPORTER_OTLP_HEADERS.',
  },
  httpLevel: {
    name: 'LOG_HTTP_LEVEL',
    option: 'httpTransport({ level })',
    kind: kinds.level,
    fallback: undefined,
    default: 'all that LOG_LEVEL lets through',
    doc: 'The lowest level that is shipped.',
  },
  httpTenant: {
    name: 'LOG_HTTP_TENANT',
    option: 'httpTransport({ tenant })',
    kind: kinds.text,
    fallback: undefined,
    default: 'none',
    doc: "Loki's tenant (`X-Scope-OrgID`).",
  },
  httpIndex: {
    name: 'LOG_HTTP_INDEX',
    option: 'httpTransport({ index })',
    kind: kinds.text,
    fallback: undefined,
    default: 'the data stream logs-spoor-default',
    doc: "Elasticsearch's or Splunk's index, CloudWatch's log group; Elasticsearch's with `{yyyy.MM.dd}` in it: one for each day.",
  },
  httpInsecure: {
    name: 'LOG_HTTP_INSECURE',
    option: 'httpTransport({ allowInsecure })',
    kind: kinds.boolean,
    fallback: false,
    default: 'off',
    doc: 'Whether `http:` may be used towards hosts that are not this machine.',
  },
  httpCa: {
    name: 'LOG_HTTP_CA',
    option: 'httpTransport({ ca })',
    kind: kinds.path,
    fallback: undefined,
    default: "Node's authorities",
    doc: "A file of PEM certificates that the endpoint's is checked against.",
  },
  httpCert: {
    name: 'LOG_HTTP_CERT',
    option: 'httpTransport({ cert })',
    kind: kinds.path,
    fallback: undefined,
    default: 'none',
    doc: 'A PEM file: our own certificate, for endpoints that ask for one.',
  },
  httpKey: {
    name: 'LOG_HTTP_KEY',
    option: 'httpTransport({ key })',
    kind: kinds.path,
    fallback: undefined,
    default: 'none',
    doc: 'A PEM file: the key of LOG_HTTP_CERT.',
  },
  httpExitWait: {
    name: 'LOG_HTTP_EXIT_WAIT',
    option: 'httpTransport({ exitWaitMs })',
    kind: kinds.milliseconds,
    fallback: 0,
    default: '0',
    doc: 'How long an orderly end waits for what is not delivered yet; the rest is delivered by the next start.',
  },
  spoolDir: {
    name: 'LOG_SPOOL_DIR',
    option: 'httpTransport({ spoolDir })',
    kind: kinds.directory,
    fallback: undefined,
    default: '.spool beside LOG_FILE, else logs/.spool',
    doc: 'The directory in which records wait for their delivery.',
  },
  spoolMax: {
    name: 'LOG_SPOOL_MAX',
    option: 'httpTransport({ spoolMax })',
    kind: kinds.size,
    fallback: GIBIBYTE,
    default: '1GB',
    doc: 'How large that directory may be, over all processes; then the oldest records go, counted and told.',
  },
  spoolAge: {
    name: 'LOG_SPOOL_AGE',
    option: 'httpTransport({ spoolAge })',
    kind: kinds.milliseconds,
    fallback: 7 * DAY_MS,
    default: '7d',
    doc: 'How long records wait at most.',
  },
}
