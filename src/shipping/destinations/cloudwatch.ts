import { Buffer } from 'node:buffer'
import { hostname } from 'node:os'
import { optionError } from '../../config/errors.ts'
import type { Destination } from '../destination.ts'
import type { Verdict } from '../preset.ts'
import { jsonWithin } from '../presets/cut.ts'
import { jsonOf } from '../presets/record-parts.ts'
import type { Shipped } from '../shipped.ts'
import {
  type CloudWatchLogsClient,
  type InputLogEvent,
  type LogStreamName,
  loadClient,
} from './cloudwatch-client.ts'
import { verdictOfAnswer, verdictOfError } from './cloudwatch-verdict.ts'
import { heldError } from './socket.ts'

export interface CloudWatchOptions {
  /** The log group. */
  readonly logGroup: string
  /** The log stream; made when it is not there. @default the host's name */
  readonly logStream?: string | undefined
  /** Whether a log group that is not there is made too. @default false */
  readonly createGroup?: boolean | undefined
  /** @default what the SDK finds: AWS_REGION, its configuration files */
  readonly region?: string | undefined
  /** More options of the SDK's client (`credentials`, `endpoint`, …). @default none */
  readonly sdk?: Readonly<Record<string, unknown>> | undefined
  /** A client that is there already, such as `new CloudWatchLogs({ maxAttempts: 1 })`. @default one is made */
  readonly client?: CloudWatchLogsClient | undefined
  /** Most bytes of an event's message; in China 262,118. @default 1,048,500 */
  readonly maxMessageBytes?: number | undefined
}

/** Of a batch: the messages in UTF-8, and 26 bytes for each event. */
const MAX_BATCH_BYTES = 1_048_576
const EVENT_BYTES = 26
const MAX_COUNT = 5000
const MAX_MESSAGE_BYTES = 1_048_500
const DAY_MS = 86_400_000
/** 14 days, less what a request may take. */
const OLDEST_MS = 14 * DAY_MS - 5 * 60_000
const GROUP_NAME = /^[.\-_/#A-Za-z0-9]{1,512}$/
const STREAM_NAME = /^[^:*]{1,512}$/

/**
 * Amazon CloudWatch Logs by PutLogEvents (API reference), with the AWS SDK's client, which is loaded when it is first
 * used. An event's message is the line; one that is too long is cut as JSON and marked `truncated`. Events go sorted
 * by time, and those of one UTC day in one request, since a request may span 24 hours; several requests may be in
 * flight. CloudWatch knows no repetition.
 *
 * @throws TypeError ERR_SPOOR_OPTION for names that CloudWatch does not take
 */
export function cloudwatchDestination(options: CloudWatchOptions): Destination {
  const name: LogStreamName = namesOf(options)
  const { createGroup = false, maxMessageBytes = MAX_MESSAGE_BYTES } = options
  const region = options.region === undefined ? {} : { region: options.region }
  let client: Promise<CloudWatchLogsClient> | undefined

  function loaded(): Promise<CloudWatchLogsClient> {
    client ??= loadClient({ ...region, ...options.sdk }).catch((error: unknown) => {
      client = undefined
      throw error
    })
    return client
  }

  async function put(
    by: CloudWatchLogsClient,
    events: readonly Event[],
    abortSignal: AbortSignal,
  ): Promise<Verdict> {
    const logEvents = events.map(({ timestamp, message }) => ({ timestamp, message }))
    const answer = await by.putLogEvents({ ...name, logEvents }, { abortSignal })
    return verdictOfAnswer(
      answer?.rejectedLogEventsInfo,
      events.map(({ index }) => index),
    )
  }

  async function makeStream(by: CloudWatchLogsClient, abortSignal: AbortSignal): Promise<void> {
    const { logGroupName } = name
    try {
      await unlessThere(by.createLogStream(name, { abortSignal }))
    } catch (error) {
      if (!isNamed(error, NOT_FOUND)) throw error
      if (!createGroup)
        throw heldError(`there is no log group ${logGroupName}: create it, or set createGroup to true`)
      await unlessThere(by.createLogGroup({ logGroupName }, { abortSignal }))
      await unlessThere(by.createLogStream(name, { abortSignal }))
    }
  }

  return {
    name: 'cloudwatch',
    maxBytes: MAX_BATCH_BYTES - MAX_COUNT * EVENT_BYTES,
    maxCount: MAX_COUNT,
    concurrency: 4,
    oldestMs: OLDEST_MS,
    group: ({ timeMs }) => String(Math.floor(timestampOf(timeMs) / DAY_MS)),
    async send(records, signal): Promise<Verdict> {
      const events = eventsOf(records, maxMessageBytes)
      if (bytesOf(events) > MAX_BATCH_BYTES && events.length > 1)
        return { kind: 'halve', reason: `more than ${MAX_BATCH_BYTES} bytes` }
      try {
        const by = options.client ?? (await loaded())
        try {
          return await put(by, events, signal)
        } catch (error) {
          if (!isNamed(error, NOT_FOUND)) throw error
          await makeStream(by, signal)
          return await put(by, events, signal)
        }
      } catch (error) {
        signal.throwIfAborted()
        return verdictOfError(error)
      }
    },
    async close() {
      const own = await client?.catch(() => undefined)
      own?.destroy?.()
    },
  }
}

const NOT_FOUND = 'ResourceNotFoundException'

function isNamed(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | null)?.name === name
}

/** Somebody else may have made it a moment before. */
async function unlessThere(made: Promise<unknown>): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!isNamed(error, 'ResourceAlreadyExistsException')) throw error
  }
}

interface Event extends InputLogEvent {
  /** Which of the records it is. */
  readonly index: number
}

/** By time, as it must be; those of one millisecond as they were written. */
function eventsOf(records: readonly Shipped[], maxMessageBytes: number): readonly Event[] {
  return records
    .map((shipped, index) => ({
      index,
      timestamp: timestampOf(shipped.timeMs),
      message: messageOf(shipped, maxMessageBytes),
    }))
    .sort((a, b) => a.timestamp - b.timestamp)
}

/** A time before 1970 would have the whole request refused. */
function timestampOf(timeMs: number): number {
  return Math.max(Math.floor(timeMs), 0) || 0
}

function messageOf(shipped: Shipped, maxBytes: number): string {
  // An empty message is refused.
  const message = shipped.line === '' ? jsonOf(shipped) : shipped.line
  return Buffer.byteLength(message) <= maxBytes ? message : jsonWithin(shipped.record, maxBytes)
}

function bytesOf(events: readonly Event[]): number {
  return events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + EVENT_BYTES, 0)
}

function namesOf({
  logGroup,
  logStream = hostname().replace(/[:*]/g, '_'),
}: CloudWatchOptions): LogStreamName {
  const check = (isRight: boolean, name: string, value: unknown, expected: string): void => {
    if (!isRight) throw optionError({ option: `cloudwatchDestination({ ${name} })`, value, expected })
  }
  check(
    GROUP_NAME.test(logGroup ?? ''),
    'logGroup',
    logGroup,
    "a log group's name: letters, digits and ._-/#",
  )
  check(STREAM_NAME.test(logStream), 'logStream', logStream, "a log stream's name, without ':' and '*'")
  return { logGroupName: logGroup, logStreamName: logStream }
}
