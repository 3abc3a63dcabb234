import { Buffer } from 'node:buffer'
import { redacted, secretsOf, shownAddress } from './credentials.ts'
import type { Destination } from './destination.ts'
import { checkAddress, problemOf } from './http-address.ts'
import { createHttpClient, type HttpClientOptions } from './http-client.ts'
import type { Answered } from './outcome.ts'
import type { Answer, Preset, PresetRequest, Verdict } from './preset.ts'
import type { Shipped } from './shipped.ts'
import { understood } from './understood.ts'
import { messageOf } from './words.ts'

export interface HttpDestinationOptions extends HttpClientOptions {
  /** Whether http: may be used to a host that is not this machine. @default false */
  readonly allowInsecure?: boolean | undefined
  /** 'none' turns off what the preset allows. @default the preset's */
  readonly compression?: 'gzip' | 'none' | undefined
}

// Only to see where a preset sends to.
const SAMPLE: Shipped = {
  line: '{"time":"1970-01-01T00:00:00.000Z","level":"info","msg":""}',
  bytes: 59,
  record: { time: '1970-01-01T00:00:00.000Z', level: 'info', msg: '' },
  timeMs: 0,
  nth: 0,
  id: 'sample',
}

/** Errors of TLS that stay until somebody has done something about a certificate. */
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/

/**
 * An HTTP back end, by its preset.
 *
 * Redirects are not followed, since the token would go along. Certificates are verified. No token or password is in
 * any reason that it gives.
 *
 * @throws TypeError ERR_SPOOR_OPTION where the preset sends over http: to a host that is not this machine
 */
export function httpDestination(preset: Preset, options: HttpDestinationOptions = {}): Destination {
  const allowInsecure = options.allowInsecure ?? false
  const sample = sampleRequest(preset)
  if (sample !== undefined) checkAddress(sample.url, allowInsecure)
  const client = createHttpClient({ ...options, compression: compressionOf(preset, options) })

  async function send(records: readonly Shipped[], signal: AbortSignal): Promise<Answered> {
    let request: PresetRequest
    try {
      request = preset.encode(records)
    } catch (error) {
      // It is one of the records that it stumbles over.
      return { kind: 'bisect', reason: `the preset can't encode it: ${messageOf(error)}` }
    }
    if (!isRequest(request)) return NO_REQUEST
    const unsent = verdictBefore(request)
    if (unsent !== undefined) return unsent
    let answer: Answer
    try {
      answer = await client.exchange(request, signal)
    } catch (error) {
      return withoutSecrets(verdictOfError(error, request), request)
    }
    return { ...withoutSecrets(verdictOf(answer, request, records), request), status: answer.status }
  }

  function verdictBefore(request: PresetRequest): Verdict | undefined {
    const { url, body } = request
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    if (bytes > preset.maxBytes)
      return {
        kind: 'halve',
        reason: `the request has ${bytes} bytes, ${preset.name} takes ${preset.maxBytes}`,
      }
    // Where it depends on the records, the sample has not shown it.
    const problem = problemOf(url, allowInsecure)
    if (problem === undefined) return undefined
    return { kind: 'hold', reason: `its address is not ${problem.expected}. ${problem.instead}` }
  }

  function verdictOf(answer: Answer, request: PresetRequest, records: readonly Shipped[]): Verdict {
    if (answer.status >= 300 && answer.status <= 399)
      return { kind: 'hold', reason: redirectOf(answer, request) }
    try {
      return understood(preset.judge(answer, records))
    } catch (error) {
      return {
        kind: 'hold',
        reason: `the preset can't judge its answer ${answer.status}: ${messageOf(error)}`,
      }
    }
  }

  return {
    name: preset.name,
    maxBytes: preset.maxBytes,
    maxCount: preset.maxCount,
    concurrency: preset.concurrency,
    oldestMs: preset.oldestMs,
    ...(preset.group === undefined ? {} : { group: (record) => preset.group?.(record) ?? '' }),
    send,
    close: async () => client.close(),
  }
}

const NO_REQUEST: Verdict = {
  kind: 'hold',
  reason: 'its preset gave no request: an object with url, headers, and a body that is a text or bytes',
}

/** Presets are also written by users. */
function isRequest(given: unknown): boolean {
  const { url, body } = (given ?? {}) as Partial<PresetRequest>
  return url !== undefined && (typeof body === 'string' || body instanceof Uint8Array)
}

function sampleRequest(preset: Preset): PresetRequest | undefined {
  try {
    return preset.encode([SAMPLE])
  } catch {
    // One that can't do with it is checked at each request.
    return undefined
  }
}

function compressionOf(preset: Preset, { compression }: HttpDestinationOptions): 'gzip' | 'none' {
  return preset.compression === 'gzip' && compression !== 'none' ? 'gzip' : 'none'
}

function verdictOfError(error: unknown, request: PresetRequest): Verdict {
  const { code } = error as NodeJS.ErrnoException
  const reason = `${new URL(request.url).host}: ${messageOf(error)}`
  if (code === undefined || !CERTIFICATE.test(code)) return { kind: 'retry', reason }
  return {
    kind: 'hold',
    reason: `${reason}. Its certificate is not trusted here: give the authority's by the option ca or NODE_EXTRA_CA_CERTS`,
  }
}

function redirectOf({ status, headers }: Answer, request: PresetRequest): string {
  const { location } = headers
  const target =
    location !== undefined && URL.canParse(location, request.url) ? new URL(location, request.url) : undefined
  const where = target === undefined ? 'elsewhere' : `to ${shownAddress(target)}`
  return `it answers ${status} and sends ${where}, which is not followed since the token would go along; if that is right, set LOG_HTTP_URL to it`
}

function withoutSecrets(verdict: Verdict, request: PresetRequest): Verdict {
  if (verdict.kind === 'delivered' && verdict.warning === undefined) return verdict
  const secrets = secretsOf(request)
  const clean = (text: string): string => redacted(text, secrets)
  if (verdict.kind === 'delivered') return { ...verdict, warning: clean(verdict.warning ?? '') }
  if (verdict.kind !== 'partly') return { ...verdict, reason: clean(verdict.reason) }
  const refused = verdict.refused?.map((one) => ({ ...one, reason: clean(one.reason) }))
  return { ...verdict, reason: clean(verdict.reason), refused }
}
