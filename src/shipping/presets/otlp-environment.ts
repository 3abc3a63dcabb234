import type { EnvironmentProblem } from '../../config/environment.ts'

/** What OpenTelemetry's own variables say of where logs go. */
export interface OtlpEnvironment {
  /** As it is to be used (`otlpPreset({ url, asIs: true })`); undefined where it is set and no URL. */
  readonly url: URL | undefined
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Ms for one request; 2,147,483,647 where the variable says 0, which is no limit. @default 10,000 */
  readonly timeoutMs: number
  /** @default 'none' */
  readonly compression: 'gzip' | 'none'
  /** Paths of PEM files. */
  readonly ca: string | undefined
  readonly clientKey: string | undefined
  readonly clientCertificate: string | undefined
  /** What was not understood, each with what is used instead. Values of headers are not in them. */
  readonly problems: readonly EnvironmentProblem[]
}

type Environment = Readonly<Record<string, string | undefined>>

interface Found {
  readonly variable: string
  readonly value: string
}

const TIMEOUT_MS = 10_000
const LONGEST_MS = 2 ** 31 - 1
const DEFAULT_ENDPOINT = 'http://localhost:4318'
const PATH = 'v1/logs'

/**
 * Reads the OTEL_EXPORTER_OTLP_* variables by the specification's rules (opentelemetry-specification,
 * protocol/exporter.md and configuration/sdk-environment-variables.md): empty is unset, a variable with LOGS in its name
 * beats the general one as a whole, its endpoint is used as it is, the general one gets `v1/logs`. For whoever has
 * asked for OTLP: it always has an answer. Never throws.
 */
export function otlpFromEnvironment(env: Environment): OtlpEnvironment {
  const problems: EnvironmentProblem[] = []
  const find = (name: string): Found | undefined =>
    variableOf(env, `OTEL_EXPORTER_OTLP_LOGS_${name}`) ?? variableOf(env, `OTEL_EXPORTER_OTLP_${name}`)
  checkProtocol(find('PROTOCOL'), problems)
  return {
    url: readEndpoint(env, problems),
    headers: readHeaders(find('HEADERS'), problems),
    timeoutMs: readTimeout(find('TIMEOUT'), problems),
    compression: readCompression(find('COMPRESSION'), problems),
    ca: find('CERTIFICATE')?.value,
    clientKey: find('CLIENT_KEY')?.value,
    clientCertificate: find('CLIENT_CERTIFICATE')?.value,
    problems,
  }
}

function variableOf(env: Environment, variable: string): Found | undefined {
  const value = env[variable]?.trim()
  return value === undefined || value === '' ? undefined : { variable, value }
}

function readEndpoint(env: Environment, problems: EnvironmentProblem[]): URL | undefined {
  const own = variableOf(env, 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT')
  if (own !== undefined) return readUrl(own, problems)
  const general = variableOf(env, 'OTEL_EXPORTER_OTLP_ENDPOINT')
  const url = general === undefined ? new URL(DEFAULT_ENDPOINT) : readUrl(general, problems)
  if (url !== undefined) url.pathname = `${url.pathname.replace(/\/+$/, '')}/${PATH}`
  return url
}

function readUrl({ variable, value }: Found, problems: EnvironmentProblem[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  const accepted = 'a URL with http or https, such as http://collector:4318'
  problems.push({ variable, value, accepted, used: 'no endpoint' })
  return undefined
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** `key=value,key=value`, percent-encoded as in W3C Baggage, but without its properties: a ';' is part of the value. */
function readHeaders(found: Found | undefined, problems: EnvironmentProblem[]): Record<string, string> {
  const headers: Record<string, string> = {}
  if (found === undefined) return headers
  const wrong: string[] = []
  for (const member of found.value.split(',')) {
    if (member.trim() === '') continue
    const header = headerOf(member)
    if (header === undefined) wrong.push(nameIn(member))
    else headers[header[0]] = header[1]
  }
  if (wrong.length > 0) {
    const accepted = 'key=value pairs separated by commas, percent-encoded'
    problems.push({ variable: found.variable, value: wrong.join(','), accepted, used: 'the other headers' })
  }
  return headers
}

function headerOf(member: string): [string, string] | undefined {
  const name = nameIn(member)
  if (!member.includes('=') || !NAME.test(name)) return undefined
  try {
    const value = decodeURIComponent(member.slice(member.indexOf('=') + 1).trim())
    return VALUE.test(value) ? [name.toLowerCase(), value] : undefined
  } catch {
    return undefined
  }
}

/** What stands before the '='. Without one it may be a secret that lost its name: nothing is told of it. */
function nameIn(member: string): string {
  return member.includes('=') ? member.slice(0, member.indexOf('=')).trim() : '[no =]'
}

function readTimeout(found: Found | undefined, problems: EnvironmentProblem[]): number {
  if (found === undefined) return TIMEOUT_MS
  const ms = /^\d+$/.test(found.value) ? Number(found.value) : Number.NaN
  if (ms <= LONGEST_MS) return ms === 0 ? LONGEST_MS : ms
  problems.push({ ...found, accepted: 'milliseconds, 0 for no limit', used: String(TIMEOUT_MS) })
  return TIMEOUT_MS
}

function readCompression(found: Found | undefined, problems: EnvironmentProblem[]): 'gzip' | 'none' {
  const name = found?.value.toLowerCase()
  if (found !== undefined && name !== 'gzip' && name !== 'none') {
    problems.push({ ...found, accepted: 'gzip or none', used: 'none' })
  }
  return name === 'gzip' ? 'gzip' : 'none'
}

/** A server takes JSON where it takes protobuf over HTTP; where it speaks gRPC it does not. */
function checkProtocol(found: Found | undefined, problems: EnvironmentProblem[]): void {
  const name = found?.value.toLowerCase()
  if (found === undefined || name === 'http/json' || name === 'http/protobuf') return
  problems.push({ ...found, accepted: 'http/json (on port 4318, where gRPC is on 4317)', used: 'http/json' })
}
