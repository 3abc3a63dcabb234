import type { Verdict } from '../preset.ts'
import { shown } from '../presets/answers.ts'
import type { RejectedLogEventsInfo } from './cloudwatch-client.ts'
import { heldOrThrown } from './socket.ts'

/** What the SDK throws: the service's exception by name, with the status it came with. */
interface ServiceError {
  readonly name: string
  readonly message: string
  readonly $metadata?: { readonly httpStatusCode?: number | undefined } | undefined
}

type Kind = 'delivered' | 'retry' | 'hold' | 'halve' | 'bisect'

/** Exceptions of PutLogEvents, and those that every AWS service may throw ("Common Errors" of its API reference). */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  // Of the time of sequence tokens.
  ['DataAlreadyAcceptedException', 'delivered'],
  ['InvalidSequenceTokenException', 'retry'],
  ...names('retry', [
    'ThrottlingException',
    'Throttling',
    'ThrottledException',
    'TooManyRequestsException',
    'RequestLimitExceeded',
    'LimitExceededException',
    'ServiceUnavailableException',
    'ServiceUnavailable',
    'ServiceQuotaExceededException',
    'InternalFailure',
    'InternalServerException',
    'InternalServerError',
    'OperationAbortedException',
    'RequestTimeout',
    'RequestTimeoutException',
    'RequestTimeTooSkewed',
    'RequestExpired',
  ]),
  ...names('hold', [
    'AccessDeniedException',
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
    'ExpiredTokenException',
    'ExpiredToken',
    'InvalidClientTokenId',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'NotAuthorized',
    'OptInRequired',
    'CredentialsProviderError',
    'ResourceNotFoundException',
  ]),
  ...names('bisect', ['InvalidParameterException', 'ValidationException', 'SerializationException']),
  ['RequestEntityTooLargeException', 'halve'],
])

function names(kind: Kind, all: readonly string[]): (readonly [string, Kind])[] {
  return all.map((name) => [name, kind])
}

/**
 * What an error of the SDK's means. An unknown one of the service's that blames us is held: nothing of it says that
 * a record is at fault, and one that is held is told and kept.
 *
 * @throws the error again where there was no answer
 */
export function verdictOfError(error: unknown): Verdict {
  const { name, message, $metadata } = error as ServiceError
  const reason = `${name}: ${shown(String(message))}`
  const status = $metadata?.httpStatusCode
  const kind = KINDS.get(name) ?? kindOfStatus(status)
  if (kind === 'delivered') return { kind }
  if (kind !== undefined) return { kind, reason }
  if (/^Region is missing/.test(message)) return { kind: 'hold', reason: `${message}: give a region` }
  return heldOrThrown(error)
}

function kindOfStatus(status: number | undefined): Kind | undefined {
  if (status === undefined || status < 400) return undefined
  if (status === 413) return 'halve'
  return status === 429 || status >= 500 ? 'retry' : 'hold'
}

/**
 * What a success says. `order` has the record's index for each event as it was sent; of the ranges "End" is exclusive
 * and "Start" inclusive (API reference, RejectedLogEventsInfo).
 */
export function verdictOfAnswer(info: RejectedLogEventsInfo | undefined, order: readonly number[]): Verdict {
  const reasons = new Map<number, string>()
  const mark = (from: number, to: number, reason: string): void => {
    for (let i = Math.max(from, 0); i < Math.min(to, order.length); i++)
      reasons.set(order[i] as number, reason)
  }
  mark(0, info?.expiredLogEventEndIndex ?? 0, 'older than the log group keeps')
  mark(0, info?.tooOldLogEventEndIndex ?? 0, 'older than 14 days')
  mark(info?.tooNewLogEventStartIndex ?? order.length, order.length, 'more than 2 hours in the future')
  if (reasons.size === 0) return { kind: 'delivered' }
  const refused = [...reasons].map(([index, reason]) => ({ index, reason }))
  return { kind: 'partly', refused, reason: `CloudWatch rejected ${refused.length} for their time` }
}
