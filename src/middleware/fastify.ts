import type { IncomingMessage } from 'node:http'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
} from 'fastify'
import * as fastifyModule from 'fastify'
import { selfLog } from '../config/self-log.ts'
import { REQUEST_ID_PATTERN } from '../context/request-id.ts'
import { currentScope, runInScope, type Scope } from '../context/scope.ts'
import { boundTo } from '../logger/bound.ts'
import type { Logger } from '../logger/types.ts'
import { isSpoorLogger } from '../logger/write.ts'
import {
  type Exchange,
  exchangeOf,
  type Framework,
  type Identity,
  identityOf,
  told,
  track,
} from './exchange.ts'
import { createRequestLog, type RequestLog, type RequestLoggerOptions } from './options.ts'
import { begin, identify, noteError } from './request.ts'

export type { LevelName } from '../config/levels.ts'
export type { Logger } from '../logger/types.ts'
export type { Completion, LevelTable, Outcome, RequestLoggerOptions } from './options.ts'

type Options = RequestLoggerOptions<FastifyRequest>
type Log = RequestLog<FastifyRequest>
type ChildFactory = (
  logger: FastifyBaseLogger,
  bindings: Record<string, unknown>,
  options: object,
  raw: IncomingMessage,
) => FastifyBaseLogger

/** What fastifyLogging gives to Fastify's factory. */
export interface FastifyLogging {
  loggerInstance: FastifyBaseLogger
  genReqId: (raw: IncomingMessage) => string
  childLoggerFactory: ChildFactory
  /** Fastify 5.12 and up. */
  logController?: InstanceType<typeof fastifyModule.LogController>
  /** Before that. */
  disableRequestLogging?: boolean
  requestIdLogLabel?: string
}

/** Shared by fastifyLogging and the plugin of one app, which finds it on the app's logger. */
interface Setup {
  log: Log
  readonly options: Options
}

const setupSym = Symbol.for('spoor.v0.fastify.1')
const LABEL = 'request_id'

const FASTIFY: Framework<FastifyRequest> = {
  target: (req) => req.originalUrl,
  route: (req) => (req.is404 ? undefined : req.routeOptions.url),
  // Fastify's own, by its trustProxy.
  remoteAddress: (req) => req.ip,
  body: (req) => req.body,
  responseHeaders: (req) => replies.get(req)?.getHeaders() ?? {},
}

/** Only where response headers are wanted. */
const replies = new WeakMap<FastifyRequest, FastifyReply>()

/**
 * Options for Fastify's factory: `Fastify({ ...fastifyLogging(options) })`. Sets the logger, makes request ids
 * ours and turns off the two records that Fastify writes for each request. The record of a request comes from the
 * plugin: register `requestLogger` too; it takes the options from here.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function fastifyLogging(options: Options = {}): FastifyLogging {
  const setup: Setup = { log: createRequestLog(options, 'fastifyLogging'), options }
  const loggerInstance = Object.create(setup.log.logger, {
    [setupSym]: { value: setup },
  }) as FastifyBaseLogger
  return {
    loggerInstance,
    genReqId: (raw) => idOf(setup, raw),
    childLoggerFactory,
    ...quietly(),
  }
}

function idOf(setup: Setup, raw: IncomingMessage): string {
  // A requestLogger around the app has named the request already.
  const known = identityOf(raw)
  const identity = known ?? identify(setup.log, raw)
  if (known === undefined) track(raw, identity)
  return identity.scope.fields.request_id as string
}

const childLoggerFactory: ChildFactory = (logger, bindings, options, raw) => {
  const identity = identityOf(raw)
  if (identity === undefined || !isSpoorLogger(logger)) return logger.child(bindings, options)
  return bound(isEmpty(options) ? logger : logger.child({}, options), identity.scope)
}

function bound(logger: FastifyBaseLogger, scope: Scope): FastifyBaseLogger {
  return boundTo(logger as unknown as Logger, scope) as unknown as FastifyBaseLogger
}

function isEmpty(options: object): boolean {
  for (const _key in options) return false
  return true
}

/** Turns Fastify's own records off; what only they told, a stream that breaks, is noted for ours. */
function quietly(): Partial<FastifyLogging> {
  // Read as a property: a Fastify before 5.12 has no such export.
  const { LogController } = fastifyModule as { LogController?: typeof fastifyModule.LogController }
  if (LogController === undefined) return { disableRequestLogging: true, requestIdLogLabel: LABEL }
  class Quiet extends LogController {
    override streamError(error: Error, request: FastifyRequest): void {
      noteOf(request, error)
    }
    override writeHeadError(error: Error, request: FastifyRequest): void {
      noteOf(request, error)
    }
    override serializerError(error: Error, request: FastifyRequest): void {
      noteOf(request, error)
    }
  }
  return { logController: new Quiet({ disableRequestLogging: true, requestIdLogLabel: LABEL }) }
}

/** Fastify hands some of its methods the reply where its types say request. */
function noteOf(where: FastifyRequest | FastifyReply, error: unknown): void {
  const request = 'request' in where ? where.request : where
  noteError(exchangeOf(request.raw), error)
}

/**
 * The plugin: `await fastify.register(requestLogger, options)`, before routes, hooks and error handlers. It gives
 * the whole app the scope, and writes one record when a response ends. It works with any logger of the app; where
 * that is not ours from fastifyLogging, Fastify's own records stay, and one line says so.
 *
 * @throws TypeError ERR_SPOOR_OPTION, through register, for an unknown option or a wrong value
 */
export const requestLogger: FastifyPluginCallback<Options> = (fastify, options, done) => {
  try {
    install(fastify, withoutRegistering(options))
    done()
  } catch (thrown) {
    done(thrown as Error)
  }
}
Object.assign(requestLogger, {
  // The plugin is the whole app's, not of a context of its own.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'spoor',
})

function withoutRegistering(
  options: Options & { prefix?: string; logLevel?: string; logSerializers?: object },
) {
  const { prefix, logLevel, logSerializers, ...own } = options
  return own as Options
}

function install(fastify: FastifyInstance, own: Options): void {
  const setup = (fastify.log as unknown as Record<symbol, Setup | undefined>)[setupSym]
  const log = logOf(fastify, setup, own)
  if (setup === undefined) tellOfTwo(fastify)
  else setup.log = log
  const silent = setup === undefined && isNull(fastify.log)
  watchErrorHandlers(fastify)
  fastify.addHook('onRequest', (request, reply, next) => {
    const scope = start(log, request, reply, silent)
    if (scope === undefined) next()
    else runInScope(scope, next)
  })
  // A hook that goes on from a stream's or an emitter's callback has left the scope; here it is entered again.
  fastify.addHook('preValidation', (request, _reply, next) => {
    const scope = exchangeOf(request.raw)?.scope
    if (scope === undefined || currentScope()?.root === scope) next()
    else runInScope(scope, next)
  })
  fastify.addHook('onError', (request, _reply, error, next) => {
    noteOf(request, error)
    next()
  })
}

function logOf(fastify: FastifyInstance, setup: Setup | undefined, own: Options): Log {
  const unchanged = setup !== undefined && isEmpty(own)
  const log = unchanged ? setup.log : createRequestLog({ ...setup?.options, ...own }, 'requestLogger')
  // The app's own view of the logger: then records and request.log share a prefix.
  if (own.logger === undefined && isSpoorLogger(fastify.log)) log.logger = fastify.log
  return log
}

function start(log: Log, request: FastifyRequest, reply: FastifyReply, silent: boolean): Scope | undefined {
  const { raw } = request
  try {
    const begun = exchangeOf(raw)
    if (begun !== undefined) return join(begun, log, request, reply, silent)
    const known = identityOf(raw)
    const identity = known ?? identityHere(log, request)
    const { scope } = begin(log, FASTIFY, request, raw, reply.raw, identity)
    if (log.responseHeader !== false) reply.header(log.responseHeader, scope.fields.request_id as string)
    if (log.headers !== false) replies.set(request, reply)
    if (known === undefined) bindLogs(log, request, reply, scope, silent)
    return scope
  } catch (thrown) {
    told('start', thrown)
    return exchangeOf(raw)?.scope
  }
}

/** A request that a requestLogger around the app has begun, and will write the record of, is only entered. */
function join(
  begun: Exchange<unknown>,
  log: Log,
  request: FastifyRequest,
  reply: FastifyReply,
  silent: boolean,
): Scope | undefined {
  if (begun.framework === (FASTIFY as Framework<never>)) return undefined
  bindLogs(log, request, reply, begun.scope, silent)
  return begun.scope
}

/** Fastify's default ids count from 1 in each process: they say nothing outside of it. */
const COUNTED = /^req-[0-9a-z]+$/

/** An id that the app makes in its own way is the request's. */
function identityHere(log: Log, request: FastifyRequest): Identity {
  const identity = identify(log, request.raw)
  const { id } = request
  if (typeof id !== 'string' || COUNTED.test(id) || !REQUEST_ID_PATTERN.test(id)) return identity
  identity.scope.fields.request_id = id
  return identity
}

function bindLogs(
  log: Log,
  request: FastifyRequest,
  reply: FastifyReply,
  scope: Scope,
  silent: boolean,
): void {
  const own = silent ? (log.logger as unknown as FastifyBaseLogger) : request.log
  if (!isSpoorLogger(own)) return
  const view = bound(own, scope)
  request.log = view
  reply.log = view
}

/** True for what Fastify has where it was given no logger: its child is itself. */
function isNull(logger: FastifyBaseLogger): boolean {
  return (
    !isSpoorLogger(logger) &&
    (logger as { level?: unknown }).level === undefined &&
    logger.child({}) === logger
  )
}

function tellOfTwo(fastify: FastifyInstance): void {
  if (isNull(fastify.log) || fastify.initialConfig.disableRequestLogging === true) return
  if (controllerOf(fastify)?.isLogDisabled({}) === true) return
  selfLog(
    'middleware.two-records',
    'requestLogger: Fastify writes records of its own for each request, beside this one; ' +
      'Fastify({ ...fastifyLogging() }) turns them off',
  )
}

function controllerOf(fastify: FastifyInstance): { isLogDisabled(req: object): boolean } | undefined {
  for (let at: object | null = fastify; at !== null; at = Object.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find(
      (each) => each.description === 'fastify.logController',
    )
    if (symbol !== undefined) return (at as Record<symbol, ReturnType<typeof controllerOf>>)[symbol]
  }
  return undefined
}

type AnyHandler = (this: unknown, error: unknown, request: FastifyRequest, reply: FastifyReply) => unknown

/** An error handler that answers leaves nothing for onError; those set from now on tell of their errors. */
function watchErrorHandlers(fastify: FastifyInstance): void {
  const watched = (handler: AnyHandler): AnyHandler =>
    function (this: unknown, error, request, reply) {
      noteOf(request, error)
      return handler.call(this, error, request, reply)
    }
  const app = fastify as unknown as { setErrorHandler: (this: unknown, handler: unknown) => unknown }
  const { setErrorHandler } = app
  app.setErrorHandler = function (handler) {
    return setErrorHandler.call(
      this,
      typeof handler === 'function' ? watched(handler as AnyHandler) : handler,
    )
  }
  fastify.addHook('onRoute', (route) => {
    const { errorHandler } = route
    if (typeof errorHandler === 'function') route.errorHandler = watched(errorHandler as AnyHandler) as never
  })
}
