import { EventEmitter, once } from 'node:events'
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import express5 from 'express'
// @ts-expect-error Express 4 is here under an alias, without types
import express4 from 'express4'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { disableOutbound } from '../../src/context/outbound.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { requestLogger as forExpress } from '../../src/middleware/express.ts'
import { fastifyLogging, requestLogger as forFastify } from '../../src/middleware/fastify.ts'
import { requestLogger as forHttp } from '../../src/middleware/http.ts'
import { recorder } from './recorder.ts'

const EXPRESSES = [
  ['express 4', express4 as typeof express5],
  ['express 5', express5],
] as const

let log: ReturnType<typeof recorder>
let logger: Logger
beforeEach(() => {
  log = recorder()
  logger = createLogger({ transports: [log.transport], identity: false, env: {} })
})
afterEach(() => disableOutbound())

async function serve(listener: RequestListener): Promise<{ url: string; port: number }> {
  const server = createServer(listener)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port }
}
const completions = () => log.records.filter((line) => line.msg === 'request completed')

describe('headers that writeHead gets as an array arrive as they would have', () => {
  const answer: RequestListener = (req, res) => {
    const cookies = ['Set-Cookie', 'a=1', 'set-cookie', 'b=2']
    const many = ['Set-Cookie', ['a=1', 'b=2'], 'X-Y', '1', 'x-y', '2']
    const pairs = [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]
    const path = req.url
    try {
      if (path === '/flat') res.writeHead(200, [...cookies, 'X-Y', '1'])
      else if (path === '/reason') res.writeHead(201, 'Made', cookies)
      else if (path === '/pairs') res.writeHead(200, pairs as never)
      else if (path === '/one') res.writeHead(200, [['X-Y', '1']] as never)
      else if (path === '/many') res.writeHead(200, many as never)
      else if (path === '/odd') res.writeHead(200, ['X-Y', '1', 'x'])
      else if (path === '/set') res.setHeader('X-Y', '1').writeHead(200, cookies)
      else if (path === '/object') res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] })
      else if (path === '/none') res.writeHead(204)
      else if (path === '/implicit') res.setHeader('X-Y', '1')
      else if (path === '/invalid') res.writeHead(200, ['X Y', '1'])
      res.end(path === '/none' ? undefined : 'ok')
    } catch (thrown) {
      res.writeHead(500).end(String((thrown as { code?: unknown }).code))
    }
  }
  const PATHS = [
    ...['/flat', '/reason', '/pairs', '/one', '/many', '/odd', '/set'],
    ...['/object', '/none', '/implicit', '/invalid'],
  ]
  const kinds: [string, (logged: boolean) => RequestListener][] = [
    ['node:http', (logged) => (logged ? forHttp({ logger }, answer) : answer)],
    [
      'no app',
      (logged) => (req, res) =>
        logged ? forExpress({ logger })(req, res, () => answer(req, res)) : answer(req, res),
    ],
    ...EXPRESSES.map(([name, express]): [string, (logged: boolean) => RequestListener] => [
      name,
      (logged) => {
        const [app, inner] = [express(), express()]
        app.disable('x-powered-by')
        inner.disable('x-powered-by')
        if (logged) app.use(forExpress({ logger }))
        inner.use(answer as never)
        app.use(inner)
        return app
      },
    ]),
  ]
  const seen = async (url: string) => {
    const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
    let body = ''
    for await (const chunk of response) body += chunk
    const { 'x-request-id': id, date, ...headers } = response.headers
    return { id, answer: { status: response.statusCode, reason: response.statusMessage, headers, body } }
  }

  test.each(kinds)('%s', async (_name, make) => {
    const [bare, logged] = [await serve(make(false)), await serve(make(true))]
    for (const path of PATHS) {
      const [without, with_] = [await seen(bare.url + path), await seen(logged.url + path)]
      expect([path, with_.answer]).toEqual([path, without.answer])
      expect(with_.id).toBe((await log.completed(path)).request_id)
    }
    expect((await seen(`${logged.url}/flat`)).answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
  })
})

test('a client that pipelines many requests makes no warning, and each has its record', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error) => void warnings.push(warning)
  process.on('warning', warn)
  onTestFinished(() => void process.removeListener('warning', warn))
  let begun = 0
  const all = new EventEmitter()
  const listener = forHttp({ logger }, () => void (++begun === 15 && all.emit('begun')))
  const { port } = await serve(listener)
  const socket = connect(port, '127.0.0.1')
  for (let at = 0; at < 15; at++) socket.write(`GET /p${at} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(all, 'begun')
  // A warning is emitted on the next tick.
  await new Promise((done) => setImmediate(done))
  socket.destroy()
  await Promise.all(Array.from({ length: 15 }, (_, at) => log.completed(`/p${at}`)))
  expect(completions()).toHaveLength(15)
  expect(warnings).toEqual([])
})

describe.each(EXPRESSES)('nothing at a request of %s costs its record', (_name, express) => {
  const unreadable = () =>
    new Proxy(new Error('p'), {
      get() {
        throw new Error('trap')
      },
    })

  test('a trust proxy function that throws: the address is the socket', async () => {
    const app = express()
    app.set('env', 'test')
    app.set('trust proxy', () => {
      throw new Error('trust')
    })
    app.use(forExpress({ logger }))
    app.get('/a', (_req, res) => void res.send('ok'))
    const { url } = await serve(app)
    await fetch(`${url}/a`, { headers: { 'x-forwarded-for': '1.2.3.4' } })
    expect(await log.completed('/a')).toMatchObject({ status: 200, remote_address: '127.0.0.1' })
  })

  test.each([
    ['originalUrl', { toString: 1 }],
    ['originalUrl', 7],
    ['method', { toString: 1 }],
    ['headers', null],
    ['baseUrl', { toString: 1 }],
  ])('req.%s is %j', async (name, value) => {
    const app = express()
    app.set('env', 'test')
    app.use(forExpress({ logger, headers: true, body: true }))
    app.get('/a', (req, res) => {
      res.send('ok')
      Object.defineProperty(req, name, { value })
    })
    const { url } = await serve(app)
    await fetch(`${url}/a`)
    expect(await log.completed('/a')).toMatchObject({ status: 200, outcome: 'completed' })
  })

  test('a body and headers that throw', async () => {
    const app = express()
    app.set('env', 'test')
    app.use(forExpress({ logger, headers: true, body: true }))
    app.get('/a', (req, res) => {
      res.send('ok')
      const thrower = () => {
        throw new Error('unreadable')
      }
      Object.defineProperty(req, 'body', { get: thrower })
      res.getHeaders = thrower
      Object.defineProperty(res, 'err', { get: thrower })
    })
    const { url } = await serve(app)
    await fetch(`${url}/a`)
    expect(await log.completed('/a')).toMatchObject({ status: 200, outcome: 'completed', level: 'info' })
  })

  test('an error that throws when it is read, also where the client has left', async () => {
    const app = express()
    app.set('env', 'test')
    app.use(forExpress({ logger }))
    app.get('/hang', (_req, res, next) => {
      res.write('part')
      next(unreadable())
    })
    app.get('/a', (_req, _res, next) => next(unreadable()))
    app.use(((_err, _req, res, _next) => {
      // /hang is left by its client.
      if (!res.headersSent) res.status(500).send('failed')
    }) as express5.ErrorRequestHandler)
    const { url, port } = await serve(app)
    expect((await fetch(`${url}/a`)).status).toBe(500)
    expect(await log.completed('/a')).toMatchObject({ status: 500, outcome: 'errored' })
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    expect(await log.completed('/hang')).toMatchObject({ method: 'GET' })
  })
})

test('where the record itself fails, a least one says that there was a request', async () => {
  let calls = 0
  const now = () => {
    if (++calls > 1) throw new Error('no time')
    return 0
  }
  const { url } = await serve(forHttp({ logger, now }, (_req, res) => void res.end('ok')))
  const response = await fetch(url)
  await response.text()
  expect(await log.find(({ msg }) => msg === 'request completed')).toMatchObject({
    level: 'info',
    method: 'GET',
    status: 200,
    outcome: 'completed',
    request_id: response.headers.get('x-request-id'),
  })
})

describe('one request has one id and one record, whoever else logs it', () => {
  test('node:http in node:http', async () => {
    const inner = forHttp({ logger }, (req, res) => {
      req.log.info('in')
      res.end('ok')
    })
    const { url } = await serve(forHttp({ logger }, inner))
    const response = await fetch(`${url}/a`)
    await response.text()
    await log.completed('/a')
    const id = response.headers.get('x-request-id')
    expect(log.records.map(({ msg, request_id }) => [msg, request_id])).toEqual([
      ['in', id],
      ['request completed', id],
    ])
  })

  test.each([
    ['fastifyLogging', () => fastifyLogging({ logger })],
    [
      'the plugin alone',
      () => ({ loggerInstance: logger as unknown as FastifyBaseLogger, disableRequestLogging: true }),
    ],
  ])('Fastify, with %s, in node:http', async (_name, options) => {
    const app = Fastify({
      ...options(),
      serverFactory: (handler: RequestListener) => createServer(forHttp({ logger }, handler)),
    } as never)
    onTestFinished(() => app.close() as unknown as Promise<void>)
    await app.register(forFastify)
    await app.register(forFastify)
    app.get('/a', async (request) => {
      request.log.info('by request.log')
      logger.info('by the logger')
      return 'ok'
    })
    const response = await fetch(`${await app.listen({ port: 0, host: '127.0.0.1' })}/a`)
    await response.text()
    await log.completed('/a')
    const id = response.headers.get('x-request-id')
    const mine = log.records.filter(({ request_id }) => request_id !== undefined)
    expect(mine.map(({ msg, request_id }) => [msg, request_id])).toEqual([
      ['by request.log', id],
      ['by the logger', id],
      ['request completed', id],
    ])
  })
})
