import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parseBaggage } from '../context/baggage.ts'
import { traceFromHeaders } from '../context/inbound.ts'
import { currentTrace } from '../context/otel.ts'
import { newRequestId, readRequestId } from '../context/request-id.ts'
import {
  addToScope,
  type ContextFields,
  createScope,
  runInScope,
  type Scope,
  unitOf,
} from '../context/scope.ts'
import { newTrace } from '../context/traceparent.ts'
import { keepUnit } from '../context/unit.ts'
import { boundTo } from '../logger/bound.ts'
import type { Logger } from '../logger/types.ts'
import { asksForRoutes } from '../logger/write.ts'
import { writeCompletion, writeLeast } from './completion.ts'
import { type Exchange, type Framework, type Identity, NOTHING, told, track } from './exchange.ts'
import type { RequestLog } from './options.ts'

/** Makes the scope of a request. */
export function identify<Req>(log: RequestLog<Req>, raw: IncomingMessage): Identity {
  const trusted = isTrusted(log, raw)
  const { headers } = raw
  const inbound = trusted ? readRequestId(headers) : undefined
  const id = inbound !== undefined && 'id' in inbound ? inbound.id : newRequestId()
  // A server span that OpenTelemetry has begun is nearer than the header that it was made from.
  const trace = currentTrace(undefined) ?? (trusted ? traceFromHeaders(headers) : undefined) ?? newTrace()
  const fields: ContextFields = { request_id: id }
  if (trusted && log.propagate.length > 0) {
    Object.assign(fields, parseBaggage(headers.baggage, log.propagate), { request_id: id })
  }
  const scope = createScope(fields, trace)
  if (log.propagate.length > 0) scope.propagate = log.propagate
  if (log.debugHeader !== undefined && trusted && asksForAll(headers[log.debugHeader])) {
    keepUnit(unitOf(scope))
  }
  return { scope, rejected: inbound !== undefined && 'rejected' in inbound ? inbound.rejected : undefined }
}

function asksForAll(value: string | readonly string[] | undefined): boolean {
  return typeof value === 'string' && !['', '0', 'false'].includes(value.trim().toLowerCase())
}

function isTrusted<Req>(log: RequestLog<Req>, raw: IncomingMessage): boolean {
  if (log.trust === undefined) return true
  try {
    return log.trust(raw, raw.socket.remoteAddress) === true
  } catch (thrown) {
    told('trust', thrown)
    return false
  }
}

/** Begins a request: from here on its record is written when the response ends, however it ends. */
export function begin<Req>(
  log: RequestLog<Req>,
  framework: Framework<Req>,
  req: Req,
  raw: IncomingMessage,
  res: ServerResponse,
  identity: Identity = identify(log, raw),
): Exchange<Req> {
  const { socket } = raw
  // Read now: a socket that is closed has no address any more.
  socket.remoteAddress
  const queued = res.socket === null
  const exchange: Exchange<Req> = {
    scope: identity.scope,
    rejected: identity.rejected,
    log,
    framework,
    req,
    raw,
    res,
    start: log.now(),
    sentBefore: queued ? undefined : socket.bytesWritten,
    error: NOTHING,
    done: false,
    logger: undefined,
    route: undefined,
    mount: '',
  }
  track(raw, exchange)
  if (asksForRoutes(log.logger)) exchange.scope.route = () => framework.route(req)
  const close = (): void => complete(exchange)
  res.on('close', close)
  // A pipelined response that waits for its turn hears nothing of the end of its connection.
  if (queued) {
    const waiting = waitingAt(socket)
    waiting.add(close)
    res.on('close', () => waiting.delete(close))
  }
  if (log.getUser !== undefined) askUser(exchange, log.getUser)
  return exchange
}

/** One listener for each socket: who pipelines many requests makes Node warn of a leak otherwise. */
const queues = new WeakMap<Socket, Set<() => void>>()

function waitingAt(socket: Socket): Set<() => void> {
  let waiting = queues.get(socket)
  if (waiting === undefined) {
    const all = new Set<() => void>()
    waiting = all
    queues.set(socket, all)
    socket.once('close', () => {
      for (const close of all) close()
    })
  }
  return waiting
}

/** The logger of a request, which carries its scope wherever it is used. */
export function requestLog<Req>(exchange: Exchange<Req>, logger: Logger = exchange.log.logger): Logger {
  return boundTo(logger, exchange.scope)
}

/** Remembers an error for the record; the first one counts, what follows is its consequence. */
export function noteError<Req>(exchange: Exchange<Req> | undefined, error: unknown): void {
  if (exchange !== undefined && exchange.error === NOTHING && error !== undefined && error !== null) {
    exchange.error = error
  }
}

/** Writes the record, once. */
export function complete<Req>(exchange: Exchange<Req>): void {
  if (exchange.done) return
  exchange.done = true
  try {
    const { getUser } = exchange.log
    if (getUser !== undefined && exchange.scope.fields.user_id === undefined) askUser(exchange, getUser)
    writeCompletion(exchange)
  } catch (thrown) {
    told('record', thrown)
    writeLeast(exchange)
  }
}

/** What a user may not change: these say which request it is. */
const KEPT = new Set(['request_id', 'trace_id', 'span_id', 'trace_flags'])

function askUser<Req>(exchange: Exchange<Req>, getUser: NonNullable<RequestLog<Req>['getUser']>): void {
  try {
    const user = runInScope(exchange.scope, () => getUser(exchange.req))
    if (typeof (user as PromiseLike<unknown> | undefined)?.then === 'function') {
      const joined = (fields: unknown): void => addUser(exchange.scope, fields)
      ;(user as PromiseLike<unknown>).then(joined, (thrown: unknown) => told('getUser', thrown))
    } else addUser(exchange.scope, user)
  } catch (thrown) {
    told('getUser', thrown)
  }
}

function addUser(scope: Scope, user: unknown): void {
  if (typeof user !== 'object' || user === null) return
  try {
    addToScope(scope, Object.fromEntries(Object.entries(user).filter(([key]) => !KEPT.has(key))))
  } catch (thrown) {
    told('getUser', thrown)
  }
}
