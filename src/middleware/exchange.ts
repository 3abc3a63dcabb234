import type { IncomingMessage, ServerResponse } from 'node:http'
import { selfLog } from '../config/self-log.ts'
import type { RejectedRequestId } from '../context/request-id.ts'
import type { Scope } from '../context/scope.ts'
import type { RequestLog } from './options.ts'

/** What a framework knows and node:http does not. */
export interface Framework<Req> {
  /** The request's target as it came, with its query. */
  target(req: Req): string
  /** The pattern that matched. */
  route(req: Req): string | undefined
  remoteAddress(req: Req, log: RequestLog<Req>): string | undefined
  body(req: Req): unknown
  responseHeaders(req: Req, res: ServerResponse): Readonly<Record<string, unknown>>
}

/** Who a request is: its scope, and what was wrong with the id that it came with. */
export interface Identity {
  readonly scope: Scope
  readonly rejected: RejectedRequestId | undefined
}

/** One request on its way to its record. */
export interface Exchange<Req> extends Identity {
  readonly log: RequestLog<Req>
  readonly framework: Framework<Req>
  /** The framework's request, for the user's functions. */
  readonly req: Req
  readonly raw: IncomingMessage
  readonly res: ServerResponse
  /** By the clock of the options. */
  readonly start: number
  /** Bytes that the connection had sent before; undefined where another response was still going out. */
  readonly sentBefore: number | undefined
  /** The first error that was told of; NOTHING where there was none. */
  error: unknown
  done: boolean
  /** What is at req.log, where that is made when it is asked for. */
  logger: unknown
  /** Express's route, and the path at which its router is mounted. */
  route: { readonly path?: unknown } | undefined
  mount: string
}

export const NOTHING: unique symbol = Symbol.for('spoor.v0.nothing.1')

// One slot for both: every property that is added to a request costs a slow transition of its shape.
const trackSym: unique symbol = Symbol.for('spoor.v0.exchange.1')
interface Tracked {
  [trackSym]?: Exchange<unknown> | Identity
}

/** Makes an exchange, or the identity that it will have, known to whoever has its raw request. */
export function track<Req>(raw: object, tracked: Exchange<Req> | Identity): void {
  ;(raw as Tracked)[trackSym] = tracked as Exchange<unknown> | Identity
}

/** The exchange of a raw request that a requestLogger has seen. */
export function exchangeOf(raw: object): Exchange<unknown> | undefined {
  const tracked = (raw as Tracked)[trackSym]
  return tracked !== undefined && 'res' in tracked ? tracked : undefined
}

/** The identity of a raw request that has been identified. */
export function identityOf(raw: object): Identity | undefined {
  return (raw as Tracked)[trackSym]
}

/** Tells, in one line for each place, what failed in logging: no request may feel it. */
export function told(place: string, thrown: unknown): void {
  let why = 'unreadable error'
  try {
    why = thrown instanceof Error ? thrown.message : String(thrown)
  } catch {}
  selfLog(`middleware.${place}`, `requestLogger: ${place} failed: ${why}`)
}
