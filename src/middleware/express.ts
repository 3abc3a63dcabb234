import type { IncomingMessage, ServerResponse } from 'node:http'
import { runInScope } from '../context/scope.ts'
import type { Logger } from '../logger/types.ts'
import { keepArrayHeaders } from './array-headers.ts'
import { type Exchange, exchangeOf, type Framework, told } from './exchange.ts'
import { type ExpressApp, type ExpressRequest, routeOf, watchApp } from './express-app.ts'
import { createRequestLog, type RequestLog, type RequestLoggerOptions } from './options.ts'
import { begin, requestLog } from './request.ts'
import { clientAddress } from './trust.ts'

export type { LevelName } from '../config/levels.ts'
export type { Logger } from '../logger/types.ts'
export type { Completion, LevelTable, Outcome, RequestLoggerOptions } from './options.ts'

declare global {
  namespace Express {
    interface Request {
      /** Carries the request's scope wherever it is used. */
      log: Logger
    }
  }
}

/** A middleware of Express 4 and 5, and of whatever else calls `(req, res, next)`. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (err?: unknown) => void) => void

const EXPRESS: Framework<ExpressRequest> = {
  target: (req) => req.originalUrl ?? req.url ?? '',
  route: routeOf,
  // Express's own, by its 'trust proxy'; without the header that it looks at it is the socket's.
  remoteAddress: (req, log) =>
    req.app === undefined || req.headers['x-forwarded-for'] === undefined
      ? clientAddress(req.socket.remoteAddress, req.headers['x-forwarded-for'], log.forwarded)
      : clientAddress(req.ip, undefined, undefined),
  body: (req) => req.body,
  responseHeaders: (_req, res) => res.getHeaders(),
}

/**
 * The middleware for Express 4 and 5: `app.use(requestLogger())`, before all others. It runs what follows in the
 * request's scope, puts a logger at `req.log`, and writes one record when the response ends. Errors that reach
 * Express, by throw, rejection (5) or `next(err)`, are on it: on the first request the app's error handlers are
 * wrapped for that, those added later when they are noticed.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function requestLogger<Req extends IncomingMessage = IncomingMessage & Express.Request>(
  options?: RequestLoggerOptions<Req>,
): Middleware {
  const log = createRequestLog(options, 'requestLogger') as unknown as RequestLog<ExpressRequest>
  return function requestLogger(req, res, next) {
    const exchange = tryBegin(log, req as ExpressRequest, res)
    if (exchange === undefined) next()
    else runInScope(exchange.scope, next)
  }
}

/** Undefined where another requestLogger has the request already, or it could not be begun. */
function tryBegin(
  log: RequestLog<ExpressRequest>,
  req: ExpressRequest,
  res: ServerResponse,
): Exchange<ExpressRequest> | undefined {
  if (exchangeOf(req) !== undefined) return undefined
  try {
    const exchange = begin(log, EXPRESS, req, req, res)
    if (log.responseHeader !== false && !res.headersSent) {
      res.setHeader(log.responseHeader, exchange.scope.fields.request_id as string)
    }
    if (req.app === undefined || !tryWatch(req.app)) {
      req.log = requestLog(exchange)
      if (log.responseHeader !== false) keepArrayHeaders(res)
    }
    return exchange
  } catch (thrown) {
    told('start', thrown)
    return exchangeOf(req) as Exchange<ExpressRequest> | undefined
  }
}

/** False where the app could not be made to give its requests a log. */
function tryWatch(app: ExpressApp): boolean {
  try {
    watchApp(app)
    return true
  } catch (thrown) {
    told('errors of the app', thrown)
    return false
  }
}
