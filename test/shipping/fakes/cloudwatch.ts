import { Buffer } from 'node:buffer'
import type {
  CloudWatchLogsClient,
  InputLogEvent,
  LogStreamName,
  RejectedLogEventsInfo,
} from '../../../src/shipping/destinations/cloudwatch-client.ts'

const MAX_BATCH_BYTES = 1_048_576
const MAX_EVENT_BYTES = 1_048_576
const EVENT_BYTES = 26
const MAX_COUNT = 10_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface FakeCloudWatchOptions {
  readonly now: () => number
  /** Days that groups keep. @default for ever */
  readonly retentionDays?: number | undefined
  /** Groups that are there, with their streams. */
  readonly groups?: Readonly<Record<string, readonly string[]>> | undefined
}

/** The SDK's client with the service behind it. */
export interface FakeCloudWatch extends CloudWatchLogsClient {
  /** What was taken, by `group:stream`, in the order of arrival. */
  readonly streams: ReadonlyMap<string, readonly InputLogEvent[]>
  /** The calls that came, by name. */
  readonly calls: readonly string[]
  failNext(count: number, error: Error): void
}

/** An exception as the SDK throws it. */
export function serviceError(name: string, status: number, message = name): Error {
  return Object.assign(new Error(message), {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status, requestId: 'r', attempts: 1 },
  })
}

const invalid = (message: string): Error => serviceError('InvalidParameterException', 400, message)
const missing = (what: string): Error =>
  serviceError('ResourceNotFoundException', 400, `The specified log ${what} does not exist.`)

/** CloudWatch Logs by its API reference: order, span, sizes and counts of PutLogEvents, and what it rejects singly. */
export function fakeCloudWatch(options: FakeCloudWatchOptions): FakeCloudWatch {
  const streams = new Map<string, InputLogEvent[]>()
  const groups = new Set<string>()
  const calls: string[] = []
  let failures: Error[] = []
  for (const [group, names] of Object.entries(options.groups ?? {})) {
    groups.add(group)
    for (const name of names) streams.set(`${group}:${name}`, [])
  }

  function called(name: string, signal: AbortSignal | undefined): void {
    // What the SDK throws, whatever the signal's reason is.
    if (signal?.aborted) throw Object.assign(new Error('Request aborted'), { name: 'AbortError' })
    calls.push(name)
    const failure = failures.shift()
    if (failure !== undefined) throw failure
  }

  function rejected(events: readonly InputLogEvent[]): RejectedLogEventsInfo | undefined {
    const now = options.now()
    const before = (ms: number): number | undefined =>
      events.findLastIndex(({ timestamp }) => timestamp < now - ms) + 1 || undefined
    const tooNew = events.findIndex(({ timestamp }) => timestamp > now + 2 * HOUR_MS)
    const info = {
      tooNewLogEventStartIndex: tooNew === -1 ? undefined : tooNew,
      tooOldLogEventEndIndex: before(14 * DAY_MS),
      expiredLogEventEndIndex: before((options.retentionDays ?? Number.POSITIVE_INFINITY) * DAY_MS),
    }
    return Object.values(info).some((index) => index !== undefined) ? info : undefined
  }

  return {
    streams,
    calls,
    failNext(count, error) {
      failures = Array.from({ length: count }, () => error)
    },
    async putLogEvents({ logGroupName, logStreamName, logEvents }, { abortSignal } = {}) {
      called('putLogEvents', abortSignal)
      checkEvents(logEvents)
      if (!groups.has(logGroupName)) throw missing('group')
      const stream = streams.get(`${logGroupName}:${logStreamName}`)
      if (stream === undefined) throw missing('stream')
      const info = rejected(logEvents)
      const begin = Math.max(info?.tooOldLogEventEndIndex ?? 0, info?.expiredLogEventEndIndex ?? 0)
      stream.push(...logEvents.slice(begin, info?.tooNewLogEventStartIndex))
      return { nextSequenceToken: '1', rejectedLogEventsInfo: info, $metadata: { httpStatusCode: 200 } }
    },
    async createLogStream({ logGroupName, logStreamName }: LogStreamName, { abortSignal } = {}) {
      called('createLogStream', abortSignal)
      if (!/^[^:*]{1,512}$/.test(logStreamName)) throw invalid('logStreamName')
      if (!groups.has(logGroupName)) throw missing('group')
      const name = `${logGroupName}:${logStreamName}`
      if (streams.has(name)) throw serviceError('ResourceAlreadyExistsException', 400)
      streams.set(name, [])
    },
    async createLogGroup({ logGroupName }, { abortSignal } = {}) {
      called('createLogGroup', abortSignal)
      if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(logGroupName)) throw invalid('logGroupName')
      if (groups.has(logGroupName)) throw serviceError('ResourceAlreadyExistsException', 400)
      groups.add(logGroupName)
    },
  }
}

function checkEvents(events: readonly InputLogEvent[]): void {
  if (events.length < 1 || events.length > MAX_COUNT) throw invalid(`${events.length} log events`)
  let bytes = 0
  for (const [i, { timestamp, message, ...others }] of events.entries()) {
    if (Object.keys(others).length > 0) throw serviceError('SerializationException', 400)
    if (!Number.isInteger(timestamp) || timestamp < 0) throw invalid(`timestamp ${timestamp}`)
    if (typeof message !== 'string' || message.length < 1) throw invalid('message: length less than 1')
    if (timestamp < (events[i - 1]?.timestamp ?? 0))
      throw invalid('Log events in a single PutLogEvents request must be in chronological order.')
    const size = Buffer.byteLength(message) + EVENT_BYTES
    if (size > MAX_EVENT_BYTES) throw invalid(`Log event too large: ${size} bytes exceeds limit of 1048576`)
    bytes += size
  }
  if (bytes > MAX_BATCH_BYTES) throw invalid(`Upload too large: ${bytes} bytes exceeds limit of 1048576`)
  const span = (events.at(-1)?.timestamp ?? 0) - (events[0]?.timestamp ?? 0)
  if (span > DAY_MS)
    throw invalid('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.')
}
