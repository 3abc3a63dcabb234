import { Buffer } from 'node:buffer'
import { type FakeAnswer, type FakeHttp, type FakeRequest, json, startFakeHttp } from './http.ts'

const MAX_BYTES = 1_000_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const ENVELOPE = ['time', 'host', 'source', 'sourcetype', 'index', 'event', 'fields']

/** Text and HTTP status of each code. */
const CODES: Readonly<Record<number, readonly [status: number, text: string]>> = {
  0: [200, 'Success'],
  1: [403, 'Token disabled'],
  2: [401, 'Token is required'],
  3: [401, 'Invalid authorization'],
  4: [403, 'Invalid token'],
  5: [400, 'No data'],
  6: [400, 'Invalid data format'],
  7: [400, 'Incorrect index'],
  8: [500, 'Internal server error'],
  9: [503, 'Server is busy'],
  10: [400, 'Data channel is missing'],
  11: [400, 'Invalid data channel'],
  12: [400, 'Event field is required'],
  13: [400, 'Event field cannot be blank'],
  14: [400, 'ACK is disabled'],
  15: [400, 'Error in handling indexed fields'],
  16: [400, 'Query string authorization is not enabled'],
  17: [200, 'HEC is healthy'],
  18: [503, 'HEC is unhealthy, queues are full'],
  19: [503, 'HEC is unhealthy, ack service unavailable'],
  20: [503, 'HEC is unhealthy, queues are full, ack service unavailable'],
  21: [400, 'Invalid token'],
  22: [400, 'Token disabled'],
  23: [503, 'Server is shutting down'],
  24: [200, 'Queue approaching capacity'],
  25: [200, 'Ack channel approaching capacity'],
  26: [429, 'Queue at capacity'],
  27: [429, 'Ack channel at capacity'],
}

/** Splunk's answer of that code. */
export function splunkAnswer(code: number, more: Readonly<Record<string, unknown>> = {}): FakeAnswer {
  const [status, text] = CODES[code] as readonly [number, string]
  return json(status, { text, code, ...more })
}

export interface FakeSplunkOptions {
  readonly token: string
  /** Whether the token has indexer acknowledgement. @default false */
  readonly useAck?: boolean | undefined
  /** The indexes that the token may write to. @default 'main' */
  readonly indexes?: readonly string[] | undefined
  /** Whether it indexes what stands before an event that it refuses. @default true */
  readonly keepsBefore?: boolean | undefined
}

export interface SplunkEvent {
  readonly time: number
  readonly event: unknown
  readonly fields: Readonly<Record<string, unknown>>
  readonly host?: string | undefined
  readonly source?: string | undefined
  readonly sourcetype?: string | undefined
  readonly index: string
}

export interface FakeSplunk extends FakeHttp {
  /** What was indexed, in the order of arrival. */
  readonly events: readonly SplunkEvent[]
  /** What `| dedup spoor_id` leaves of it. */
  deduplicated(): readonly SplunkEvent[]
  /** How often the next questions for an acknowledgement are answered with false. @default 0 */
  unacknowledged: number
}

/** An event that is refused: with which code. */
class Refused extends Error {
  constructor(readonly code: number) {
    super(`code ${code}`)
  }
}

/** The HTTP Event Collector by its documentation: tokens, channels, acknowledgement, its table of codes. */
export async function fakeSplunk(options: FakeSplunkOptions): Promise<FakeSplunk> {
  const { token, useAck = false, indexes = ['main'], keepsBefore = true } = options
  const events: SplunkEvent[] = []
  const acks = new Map<string, Set<number>>()
  let nextAck = 0

  function authorise({ headers, query }: FakeRequest): number | undefined {
    if (query.has('token')) return 16
    if (headers.authorization === undefined) return 2
    const [scheme, given] = headers.authorization.split(' ')
    if (scheme !== 'Splunk' || given === undefined) return 3
    return given === token ? undefined : 4
  }

  function channelOf({ headers, query }: FakeRequest): string | number {
    const channel = headers['x-splunk-request-channel'] ?? query.get('channel')
    if (typeof channel !== 'string') return 10
    return UUID.test(channel) ? channel : 11
  }

  function take(request: FakeRequest): FakeAnswer {
    if (request.body.length > MAX_BYTES) {
      const text = `Content-Length of ${request.body.length} too large (maximum is ${MAX_BYTES})`
      return { status: 413, body: text }
    }
    const channel = useAck ? channelOf(request) : ''
    if (typeof channel === 'number') return splunkAnswer(channel)
    const batch: SplunkEvent[] = []
    try {
      for (const value of valuesIn(request.body)) batch.push(eventOf(value, indexes))
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (keepsBefore) events.push(...batch)
      const number = error.code === 7 ? batch.length + 1 : batch.length
      return splunkAnswer(error.code, { 'invalid-event-number': number })
    }
    if (batch.length === 0) return splunkAnswer(5)
    events.push(...batch)
    if (!useAck) return splunkAnswer(0)
    const ackId = nextAck++
    acks.set(channel, (acks.get(channel) ?? new Set()).add(ackId))
    return splunkAnswer(0, { ackId })
  }

  function acknowledge(request: FakeRequest): FakeAnswer {
    if (!useAck) return splunkAnswer(14)
    const channel = channelOf(request)
    if (typeof channel === 'number') return splunkAnswer(channel)
    const asked = (JSON.parse(request.body.toString()) as { acks: number[] }).acks
    const isIndexed = fake.unacknowledged === 0
    if (!isIndexed) fake.unacknowledged--
    // What was said once is forgotten.
    const said = asked.map((id) => [id, isIndexed && acks.get(channel)?.delete(id) === true])
    return json(200, { acks: Object.fromEntries(said) })
  }

  const server = await startFakeHttp((request) => {
    const refused = authorise(request)
    if (refused !== undefined) return splunkAnswer(refused)
    if (request.method !== 'POST') return { status: 405, body: 'Method Not Allowed' }
    if (/^\/services\/collector(\/event(\/1\.0)?)?$/.test(request.path)) return take(request)
    if (request.path === '/services/collector/ack') return acknowledge(request)
    if (request.path === '/services/collector/health') return splunkAnswer(17)
    return { status: 404, body: '{"text":"The requested URL was not found on this server.","code":404}' }
  })
  const fake: FakeSplunk = Object.defineProperties(
    {
      events,
      unacknowledged: 0,
      deduplicated: () => [...new Map(events.map((event) => [event.fields.spoor_id, event])).values()],
    } as unknown as FakeSplunk,
    Object.getOwnPropertyDescriptors(server),
  )
  return fake
}

/** The JSON objects of a body, one behind the other with or without space in between. */
function* valuesIn(body: Buffer): Generator<string> {
  const text = body.toString()
  if (Buffer.byteLength(text) !== body.length) throw new Refused(6)
  let depth = 0
  let begin = -1
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]|[^{}"\s]+/g)) {
    if (token === '{' && depth++ === 0) begin = index
    else if (token === '}' && --depth === 0) yield text.slice(begin, index + 1)
    else if (depth <= 0) throw new Refused(6)
  }
  if (depth !== 0) throw new Refused(6)
}

function eventOf(text: string, indexes: readonly string[]): SplunkEvent {
  // An exponent is what Splunk can't read, though JSON has it.
  if (/^\{"time":-?[0-9.]*e/i.test(text)) throw new Refused(15)
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refused(6)
  }
  if (Object.keys(value).some((key) => !ENVELOPE.includes(key))) throw new Refused(6)
  if (!('event' in value)) throw new Refused(12)
  if (value.event === '' || value.event === null) throw new Refused(13)
  if (value.time !== undefined && !/^\d+(\.\d{1,9})?$/.test(String(value.time))) throw new Refused(6)
  for (const key of ['host', 'source', 'sourcetype', 'index'])
    if (!['string', 'undefined'].includes(typeof value[key])) throw new Refused(6)
  const fields = (value.fields ?? {}) as Record<string, unknown>
  if (Object.values(fields).some((field) => typeof field === 'object')) throw new Refused(15)
  const index = (value.index as string | undefined) ?? 'main'
  if (!indexes.includes(index)) throw new Refused(7)
  return { ...value, fields, index } as unknown as SplunkEvent
}
