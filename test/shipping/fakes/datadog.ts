import { Buffer } from 'node:buffer'
import { type FakeHttp, type FakeRequest, json, startFakeHttp } from './http.ts'

const MEGABYTE = 1_000_000
const MAX_BYTES = 5 * MEGABYTE
const MAX_LOG_BYTES = MEGABYTE
const MAX_COUNT = 1000
const HOUR_MS = 3_600_000

export interface FakeDatadog extends FakeHttp {
  /** The logs that were taken, in the order of arrival. */
  readonly logs: readonly Record<string, unknown>[]
  /** Logs that were over 1 MB and so lost their end without a word. */
  readonly truncated: number
  /** Logs that came more than 18 hours late and went nowhere. */
  readonly late: number
}

const failed = (status: number, detail: string) =>
  json(status, { errors: [{ status: String(status), title: 'Error', detail }] })

/**
 * Datadog's v2 intake by its documentation: 5 MB and 1,000 logs a request, 1 MB a log (more is cut and still accepted),
 * 18 hours back, DD-API-KEY, JSON.
 */
export async function fakeDatadog(apiKey: string, nowMs: () => number): Promise<FakeDatadog> {
  const logs: Record<string, unknown>[] = []
  let truncated = 0
  let late = 0

  function refusal({ method, path, headers, body }: FakeRequest) {
    if (path !== '/api/v2/logs') return failed(404, 'Not found')
    if (method !== 'POST') return failed(405, 'Method not allowed')
    if (headers['dd-api-key'] === undefined) return failed(401, 'Unauthorized')
    if (headers['dd-api-key'] !== apiKey) return failed(403, 'Forbidden')
    if (body.length > MAX_BYTES) return failed(413, 'Payload too large')
    if (!/^application\/json/.test(headers['content-type'] ?? ''))
      return failed(415, 'Unsupported media type')
    return undefined
  }

  function store(log: Record<string, unknown>): void {
    if (Buffer.byteLength(JSON.stringify(log)) > MAX_LOG_BYTES) truncated++
    else if (typeof log.timestamp === 'number' && nowMs() - log.timestamp > 18 * HOUR_MS) late++
    else logs.push(log)
  }

  const server = await startFakeHttp((request) => {
    const refused = refusal(request)
    if (refused !== undefined) return refused
    const batch = batchOf(request.body)
    if (typeof batch === 'string') return failed(400, batch)
    for (const log of batch) store(log)
    return json(202, {})
  })
  return Object.defineProperties({ logs } as unknown as FakeDatadog, {
    ...Object.getOwnPropertyDescriptors(server),
    truncated: { get: () => truncated },
    late: { get: () => late },
  })
}

/** The logs, or what is wrong with the body. */
function batchOf(body: Buffer): Record<string, unknown>[] | string {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch {
    return 'Invalid JSON'
  }
  const batch = Array.isArray(value) ? value : [value]
  if (batch.length === 0) return 'No logs'
  if (batch.length > MAX_COUNT) return `More than ${MAX_COUNT} logs`
  for (const log of batch) {
    if (typeof log !== 'object' || log === null || Array.isArray(log)) return 'A log must be an object'
    if (typeof (log as { message?: unknown }).message !== 'string') return 'A log must have a message'
    for (const name of ['ddsource', 'ddtags', 'hostname', 'service'])
      if (!['string', 'undefined'].includes(typeof log[name])) return `${name} must be a string`
  }
  return batch
}
