import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { optionError } from '../config/errors.ts'
import { runInScope } from '../context/scope.ts'
import type { Logger } from '../logger/types.ts'
import { keepArrayHeaders } from './array-headers.ts'
import { type Exchange, exchangeOf, type Framework, told } from './exchange.ts'
import { createRequestLog, type RequestLog, type RequestLoggerOptions } from './options.ts'
import { begin, complete, noteError, requestLog } from './request.ts'
import { clientAddress } from './trust.ts'

export type { LevelName } from '../config/levels.ts'
export type { Logger } from '../logger/types.ts'
export type { Completion, LevelTable, Outcome, RequestLoggerOptions } from './options.ts'

/** A request that has a requestLogger before it. */
export type LoggedRequest = IncomingMessage & {
  /** Carries the request's scope wherever it is used. */
  log: Logger
}

/** What requestLogger wraps: a listener of node:http, which may be asynchronous. */
export type Handler = (req: LoggedRequest, res: ServerResponse) => unknown

const HTTP: Framework<IncomingMessage> = {
  target: (req) => req.url ?? '',
  route: () => undefined,
  remoteAddress: (req, log) =>
    clientAddress(req.socket.remoteAddress, req.headers['x-forwarded-for'], log.forwarded),
  body: (req) => (req as { body?: unknown }).body,
  responseHeaders: (_req, res) => res.getHeaders(),
}

/**
 * A listener for `http.createServer`: runs the handler in the request's scope, and writes one record when the
 * response ends. What the handler throws or rejects with goes on as it would have without us, so by Node's rules
 * it ends the process; the record, `errored`, is written before that.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function requestLogger(handler: Handler): RequestListener
export function requestLogger(options: RequestLoggerOptions | undefined, handler: Handler): RequestListener
export function requestLogger(
  first: RequestLoggerOptions | Handler | undefined,
  second?: Handler,
): RequestListener {
  const handler = (typeof first === 'function' ? first : second) as Handler
  const log = createRequestLog<IncomingMessage>(
    typeof first === 'function' ? undefined : first,
    'requestLogger',
  )
  if (typeof handler !== 'function') throw handlerMissing(handler)
  return function listener(req, res) {
    const exchange = tryBegin(log, req, res)
    if (exchange === undefined) return handler(req as LoggedRequest, res) as undefined
    return runInScope(exchange.scope, () => answer(exchange, handler)) as undefined
  }
}

function handlerMissing(value: unknown): TypeError {
  return optionError({
    option: 'requestLogger(options, handler)',
    value,
    expected: 'a function (req, res)',
    instead: 'Give the listener that http.createServer would get.',
  })
}

/** Undefined where another requestLogger has the request already, or it could not be begun. */
function tryBegin(log: RequestLog<IncomingMessage>, req: IncomingMessage, res: ServerResponse) {
  if (exchangeOf(req) !== undefined) return undefined
  try {
    const exchange = begin(log, HTTP, req, req, res)
    if (log.responseHeader !== false && !res.headersSent) {
      res.setHeader(log.responseHeader, exchange.scope.fields.request_id as string)
      keepArrayHeaders(res)
    }
    ;(req as { log?: unknown }).log = requestLog(exchange)
    return exchange
  } catch (thrown) {
    told('start', thrown)
    return undefined
  }
}

function answer(exchange: Exchange<IncomingMessage>, handler: Handler): unknown {
  const failed = (thrown: unknown): never => {
    noteError(exchange, thrown)
    // The process may be about to end, and no 'close' to come.
    complete(exchange)
    throw thrown
  }
  let result: unknown
  try {
    result = handler(exchange.raw as LoggedRequest, exchange.res)
  } catch (thrown) {
    return failed(thrown)
  }
  return typeof (result as PromiseLike<unknown> | undefined)?.then === 'function'
    ? (result as PromiseLike<unknown>).then(undefined, failed)
    : result
}
