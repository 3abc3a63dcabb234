import { heldError } from './socket.ts'

export interface InputLogEvent {
  /** Epoch ms. */
  timestamp: number
  message: string
}

export interface LogStreamName {
  logGroupName: string
  logStreamName: string
}

/** Which of the events, in the order of sending, were not taken: those behind or before an index. */
export interface RejectedLogEventsInfo {
  /** The first that is too new. */
  readonly tooNewLogEventStartIndex?: number | undefined
  /** Behind the last that is too old. */
  readonly tooOldLogEventEndIndex?: number | undefined
  /** Behind the last that is older than the group keeps. */
  readonly expiredLogEventEndIndex?: number | undefined
}

interface CallOptions {
  abortSignal?: AbortSignal
}

/** What is used of the SDK's client: `new CloudWatchLogs({ region, maxAttempts: 1 })`. */
export interface CloudWatchLogsClient {
  putLogEvents(
    input: LogStreamName & { logEvents: InputLogEvent[] },
    options?: CallOptions,
  ): Promise<{ rejectedLogEventsInfo?: RejectedLogEventsInfo | undefined }>
  createLogStream(input: LogStreamName, options?: CallOptions): Promise<unknown>
  createLogGroup(input: { logGroupName: string }, options?: CallOptions): Promise<unknown>
  destroy?(): void
}

const PACKAGE = '@aws-sdk/client-cloudwatch-logs'

interface Sdk {
  readonly CloudWatchLogs: new (options: Readonly<Record<string, unknown>>) => CloudWatchLogsClient
}

/**
 * The SDK's client, loaded when it is first needed. One attempt a call: the shipper does the repeating.
 *
 * @throws a HeldError where the package is not installed
 */
export async function loadClient(options: Readonly<Record<string, unknown>>): Promise<CloudWatchLogsClient> {
  let sdk: Sdk
  try {
    // By a variable, so that no bundler looks for a package that is not there.
    sdk = (await import(/* @vite-ignore */ PACKAGE)) as Sdk
  } catch (error) {
    if (!/MODULE_NOT_FOUND/.test(String((error as NodeJS.ErrnoException).code))) throw error
    throw heldError(`cloudwatch needs ${PACKAGE}: install it, or give its client as an option`)
  }
  return new sdk.CloudWatchLogs({ maxAttempts: 1, ...options })
}
