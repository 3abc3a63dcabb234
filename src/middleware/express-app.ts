import type { IncomingMessage } from 'node:http'
import type { Logger } from '../logger/types.ts'
import { keepArrayHeadersOf } from './array-headers.ts'
import { type Exchange, exchangeOf } from './exchange.ts'
import { noteError, requestLog } from './request.ts'

/** What of a request of Express 4 and 5 is used. */
export interface ExpressRequest extends IncomingMessage {
  log: Logger
  readonly app?: ExpressApp
  readonly originalUrl?: string
  readonly baseUrl?: string
  readonly ip?: string
  readonly body?: unknown
  readonly route?: { readonly path?: unknown } | undefined
}

type Next = (err?: unknown) => void
type ErrorHandler = (err: unknown, req: IncomingMessage, res: unknown, next: Next) => unknown

interface Layer {
  handle: ((...args: never[]) => unknown) & { readonly stack?: Layer[] }
  readonly route?: { readonly stack?: Layer[] } | undefined
}

export interface ExpressApp {
  readonly request: object
  readonly response?: object
  use(handler: ErrorHandler): unknown
  /** Express 4's router, once there is one. */
  readonly _router?: { readonly stack: Layer[] }
  /** Express 4 has this, and a `router` that throws. */
  readonly lazyrouter?: unknown
  readonly router?: { readonly stack: Layer[] }
}

/** An app that never stops growing must not grow by our observers too. */
const MAX_OBSERVERS = 16

interface Watch {
  /** Layers of the app when it was last looked through. */
  layers: number
  observers: number
}

const watches = new WeakMap<ExpressApp, Watch>()
const wrapped = new WeakSet<Layer>()

/**
 * Makes an app tell of its errors and its routes; looks again when its stack has grown. Express hands an error to
 * the error handlers that follow, and the last one answers without a word to anybody: so each is wrapped, and one
 * stands at the end for the errors that none takes.
 */
export function watchApp(app: ExpressApp): void {
  let watch = watches.get(app)
  if (watch === undefined) {
    watch = { layers: -1, observers: 0 }
    watches.set(app, watch)
    extendRequest(app.request)
    if (app.response !== undefined) keepArrayHeadersOf(app.response)
  }
  const stack = stackOf(app)
  if (stack === undefined || stack.length === watch.layers) return
  wrapHandlers(stack, new Set())
  if (watch.observers < MAX_OBSERVERS) {
    watch.observers++
    app.use(observe)
  }
  watch.layers = stack.length
}

function stackOf(app: ExpressApp): Layer[] | undefined {
  if (app._router !== undefined) return app._router.stack
  return app.lazyrouter === undefined ? app.router?.stack : undefined
}

function observe(err: unknown, req: IncomingMessage, _res: unknown, next: Next): void {
  noteError(exchangeOf(req), err)
  next(err)
}

function wrapHandlers(stack: Layer[], seen: Set<Layer[]>): void {
  if (seen.has(stack)) return
  seen.add(stack)
  for (const layer of stack) {
    if (layer.handle?.length === 4) wrap(layer)
    const inner = layer.handle?.stack ?? layer.route?.stack
    if (Array.isArray(inner)) wrapHandlers(inner, seen)
  }
}

function wrap(layer: Layer): void {
  if (wrapped.has(layer) || (layer.handle as unknown) === observe) return
  wrapped.add(layer)
  const handle = layer.handle as unknown as ErrorHandler
  // Express tells an error handler by its four parameters.
  const observed = function (this: unknown, err: unknown, req: IncomingMessage, res: unknown, next: Next) {
    noteError(exchangeOf(req), err)
    return handle.call(this, err, req, res, next)
  }
  Object.defineProperty(observed, 'name', { value: handle.name })
  layer.handle = observed as unknown as Layer['handle']
}

/**
 * Gives an app's requests `log`, and a `route` that remembers where its router is mounted: by the end of a request
 * that failed, Express has taken that path back. On the app's own request prototype, which is there to be
 * extended, because a property added to each request costs more than all else that is done at its start.
 */
function extendRequest(prototype: object): void {
  define(
    prototype,
    'route',
    (exchange) => exchange.route,
    (exchange, route: Exchange<unknown>['route'], req) => {
      exchange.route = route
      exchange.mount = req.baseUrl ?? ''
    },
  )
  define(
    prototype,
    'log',
    (exchange) => {
      exchange.logger ??= requestLog(exchange)
      return exchange.logger
    },
    (exchange, logger) => {
      exchange.logger = logger
    },
  )
}

/** A property kept in the exchange; a request that has none gets one of its own. */
function define<V>(
  prototype: object,
  name: string,
  read: (exchange: Exchange<unknown>) => V,
  write: (exchange: Exchange<unknown>, value: V, req: ExpressRequest) => void,
): void {
  Object.defineProperty(prototype, name, {
    configurable: true,
    enumerable: true,
    get(this: ExpressRequest) {
      const exchange = exchangeOf(this)
      return exchange === undefined ? undefined : read(exchange)
    },
    set(this: ExpressRequest, value: V) {
      const exchange = exchangeOf(this)
      if (exchange !== undefined) write(exchange, value, this)
      else Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true })
    },
  })
}

const MAX_ROUTE = 512

/** The pattern that matched, behind the path at which its router is mounted. */
export function routeOf(req: ExpressRequest): string | undefined {
  const path = req.route?.path
  if (path === undefined) return undefined
  const pattern = Array.isArray(path) ? path.map(String).join(',') : String(path)
  const mount = exchangeOf(req)?.mount ?? req.baseUrl ?? ''
  return (mount !== '' && pattern === '/' ? mount : mount + pattern).slice(0, MAX_ROUTE)
}
