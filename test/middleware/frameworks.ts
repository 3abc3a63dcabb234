import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import express5 from 'express'
// @ts-expect-error Express 4 is here under an alias, without types
import express4 from 'express4'
import Fastify from 'fastify'
import type { Logger } from '../../src/logger/types.ts'
import { requestLogger as forExpress } from '../../src/middleware/express.ts'
import { fastifyLogging, requestLogger as forFastify } from '../../src/middleware/fastify.ts'
import { requestLogger as forHttp } from '../../src/middleware/http.ts'
import type { RequestLoggerOptions } from '../../src/middleware/options.ts'

/** What a route of the tests gets, whatever the framework. */
export interface Ctx {
  readonly req: IncomingMessage & { user?: unknown }
  readonly res: ServerResponse
  readonly log: Logger
  readonly query: URLSearchParams
  readonly body: unknown
  send(status: number, body?: string | Readable, headers?: Record<string, string>): void
}

export interface Route {
  readonly method?: 'GET' | 'POST'
  /** A pattern; node:http compares it as a path. */
  readonly path: string
  readonly handle: (ctx: Ctx) => unknown
}

export interface App {
  readonly url: string
  readonly port: number
  readonly server: Server
  close(): Promise<void>
}

export interface FrameworkOptions extends RequestLoggerOptions<never> {
  /** X-Forwarded-For of everybody, in the framework's own way. */
  readonly trustProxy?: boolean
}

type Start = (options: FrameworkOptions, routes: readonly Route[]) => Promise<App>

const noop = () => {}

async function listening(server: Server): Promise<App> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function queryOf(req: IncomingMessage): URLSearchParams {
  return new URL(req.url ?? '', 'http://x').searchParams
}

/** The nested path of the table is a mounted router (Express), a prefixed plugin (Fastify). */
export const NESTED = '/nested'

function startExpress(express: typeof express5, version: 4 | 5): Start {
  return async ({ trustProxy, ...options }, routes) => {
    const app = express()
    app.set('env', 'test')
    if (trustProxy) app.set('trust proxy', true)
    app.use(forExpress(options))
    app.use(express.json())
    const nested = express.Router()
    for (const { method = 'GET', path, handle } of routes) {
      const inner = path.startsWith(NESTED)
      const target = inner ? nested : app
      const name = method === 'GET' ? 'get' : 'post'
      target[name](inner ? path.slice(NESTED.length) : path, (req, res, next) => {
        const result = handle({
          req,
          res,
          log: req.log,
          query: queryOf(req),
          body: req.body,
          send(status, body = '', headers = {}) {
            res.status(status).set(headers)
            if (typeof body === 'string') res.send(body)
            else pipeline(body, res, noop)
          },
        })
        // Express 4 knows nothing of promises.
        if (version === 4 && result instanceof Promise) result.catch(next)
        return result as never
      })
    }
    app.use(NESTED, nested)
    return listening(createServer(app))
  }
}

const startFastify: Start = async ({ trustProxy, ...options }, routes) => {
  const app = Fastify({ ...fastifyLogging(options as object), trustProxy: trustProxy ?? false })
  await app.register(forFastify)
  const add = (target: typeof app, { method = 'GET', path, handle }: Route): void => {
    target.route({
      method,
      url: path,
      handler(request, reply) {
        const result = handle({
          req: request.raw,
          res: reply.raw,
          log: request.log as unknown as Logger,
          query: queryOf(request.raw),
          body: request.body,
          send: (status, body = '', headers = {}) => void reply.code(status).headers(headers).send(body),
        })
        return result instanceof Promise ? result.then(() => reply) : undefined
      },
    })
  }
  for (const route of routes) if (!route.path.startsWith(NESTED)) add(app, route)
  await app.register(
    async (child) => {
      for (const route of routes) {
        if (route.path.startsWith(NESTED)) {
          add(child as unknown as typeof app, { ...route, path: route.path.slice(NESTED.length) })
        }
      }
    },
    { prefix: NESTED },
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server: app.server,
    close: () => {
      app.server.closeAllConnections()
      return app.close() as unknown as Promise<void>
    },
  }
}

const startHttp: Start = async ({ trustProxy, ...options }, routes) => {
  const listener = forHttp(
    { ...(options as object), ...(trustProxy ? { trust: 'all' } : {}) },
    async (req, res) => {
      const { pathname } = new URL(req.url ?? '', 'http://x')
      const method = req.method === 'HEAD' ? 'GET' : req.method
      const route = routes.find((each) => (each.method ?? 'GET') === method && matches(each.path, pathname))
      if (route === undefined) return res.writeHead(404).end('none')
      const body = method === 'POST' ? await readJson(req) : undefined
      return route.handle({
        req,
        res,
        log: req.log,
        query: queryOf(req),
        body,
        send(status, payload = '', headers = {}) {
          if (typeof payload === 'string') {
            const length = status === 304 ? {} : { 'content-length': Buffer.byteLength(payload) }
            res.writeHead(status, { ...length, ...headers }).end(payload)
            return
          }
          res.writeHead(status, headers)
          pipeline(payload, res, noop)
        },
      })
    },
  )
  // As an application would that wants to live on: what the handler throws comes out of the listener.
  const server = createServer((req, res) => {
    const answer = () => {
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end('failed')
    }
    try {
      const result = listener(req, res) as unknown
      if (result instanceof Promise) result.catch(answer)
    } catch {
      answer()
    }
  })
  return listening(server)
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const parts = path.split('/')
  return (
    wanted.length === parts.length && wanted.every((each, at) => each.startsWith(':') || each === parts[at])
  )
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Every promise of the table holds for each of these. */
export const FRAMEWORKS: readonly (readonly [
  name: 'express 4' | 'express 5' | 'fastify 5' | 'http',
  start: Start,
])[] = [
  ['express 4', startExpress(express4 as unknown as typeof express5, 4)],
  ['express 5', startExpress(express5, 5)],
  ['fastify 5', startFastify],
  ['http', startHttp],
]

/** A stream that says `first` and then breaks. */
export function breaking(first: string, error: Error): Readable {
  let said = false
  return new Readable({
    read() {
      if (!said) {
        said = true
        this.push(first)
      } else setImmediate(() => this.destroy(error))
    },
  })
}
