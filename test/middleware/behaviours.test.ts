import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { disableOutbound } from '../../src/context/outbound.ts'
import { addContext } from '../../src/context/scope.ts'
import { configure, logger } from '../../src/logger/default.ts'
import { type App, breaking, type Ctx, FRAMEWORKS, type FrameworkOptions, type Route } from './frameworks.ts'
import { recorder } from './recorder.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TRACE = { id: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }
const emitter = new EventEmitter()

let clock = 0
const failure = Object.assign(new Error('no such table'), { code: 'E_TABLE' })

const ROUTES: Route[] = [
  { path: '/ok', handle: ({ send }) => send(200, 'fine') },
  {
    path: '/users/:id',
    handle({ log, send }) {
      log.info('by req.log')
      logger.info('by import')
      send(200, 'user')
    },
  },
  { path: '/nested/items/:id', handle: ({ send }) => send(200, 'item') },
  {
    path: '/nested/broken/:id',
    handle: () => {
      throw failure
    },
  },
  { path: '/status', handle: ({ query, send }) => send(Number(query.get('code')), 'x') },
  {
    path: '/throw',
    handle: () => {
      throw failure
    },
  },
  {
    path: '/reject',
    handle: async () => {
      await after(1)
      throw failure
    },
  },
  { path: '/break', handle: ({ send }) => send(200, breaking('part', failure)) },
  {
    path: '/hang',
    handle({ res }: Ctx) {
      res.writeHead(200)
      res.write('part')
      return new Promise(() => {})
    },
  },
  { path: '/never', handle: () => new Promise(() => {}) },
  {
    path: '/slow',
    handle({ send }) {
      clock += 2500
      send(200, 'slow')
    },
  },
  {
    path: '/login',
    async handle({ req, log, send }) {
      await after(1)
      req.user = { id: 'u-7' }
      addContext({ tenant: 't-9' })
      log.info('logged in')
      send(200, 'in')
    },
  },
  { path: '/unmodified', handle: ({ send }) => send(304) },
  {
    path: '/json',
    method: 'POST',
    async handle({ body, send }) {
      await after(1)
      logger.info('parsed', { body })
      send(200, 'ok', { 'set-cookie': 'session=s', 'x-plain': 'p' })
    },
  },
  {
    path: '/emit',
    handle({ log, send }) {
      emitter.once('shout', () => {
        log.info('by req.log')
        logger.info('by import')
        send(200, 'emitted')
      })
    },
  },
  {
    path: '/call',
    handle: async ({ query, send }) => send(200, await (await fetch(query.get('to') ?? '')).text()),
  },
]

describe.each(FRAMEWORKS)('%s', (name, start) => {
  const log = recorder()
  const apps: App[] = []
  let app: App

  const serve = async (options: FrameworkOptions = {}): Promise<App> => {
    const made = await start({ now: () => clock, ...options }, ROUTES)
    apps.push(made)
    // Fastify tells that it listens.
    log.clear()
    return made
  }
  beforeAll(async () => {
    await configure({ transports: [log.transport], identity: false, env: {} })
    app = await serve()
  })
  afterEach(() => log.clear())
  afterAll(async () => {
    await Promise.all(apps.map((each) => each.close()))
    disableOutbound()
  })
  const records = (msg: string) => log.records.filter((line) => line.msg === msg)

  test('one record with the fields that the design names, and the id in the response', async () => {
    const response = await fetch(`${app.url}/users/42?token=secret`, { headers: { 'user-agent': 'test/1' } })
    await response.text()
    const line = await log.completed('/users/42')
    const id = response.headers.get('x-request-id') as string
    expect(id).toMatch(UUID)
    expect(line).toMatchObject({
      level: 'info',
      request_id: id,
      method: 'GET',
      path: '/users/42',
      status: 200,
      duration_ms: 0,
      request_bytes: 0,
      response_bytes: 4,
      remote_address: '127.0.0.1',
      user_agent: 'test/1',
      outcome: 'completed',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      trace_flags: '03',
    })
    expect(line.route).toBe(name === 'http' ? undefined : '/users/:id')
    for (const absent of ['slow', 'err', 'source', 'request_headers', 'rejected_request_id']) {
      expect(line).not.toHaveProperty(absent)
    }
    expect(JSON.stringify(log.records)).not.toContain('secret')
    for (const msg of ['by req.log', 'by import']) {
      expect(records(msg)).toMatchObject([{ request_id: id, trace_id: line.trace_id }])
    }
    expect(log.records).toHaveLength(3)
  })

  test('the route of a router that is mounted elsewhere, also when the request fails', async () => {
    await (await fetch(`${app.url}/nested/items/1`)).text()
    await (await fetch(`${app.url}/nested/broken/1`)).text()
    const [good, bad] = [await log.completed('/nested/items/1'), await log.completed('/nested/broken/1')]
    if (name === 'http') return expect([good.route, bad.route]).toEqual([undefined, undefined])
    expect([good.route, bad.route]).toEqual(['/nested/items/:id', '/nested/broken/:id'])
  })

  test.each([
    [200, 'info'],
    [302, 'info'],
    [404, 'warn'],
    [503, 'error'],
  ])('status %i is level %s', async (code, level) => {
    await fetch(`${app.url}/status?code=${code}`, { redirect: 'manual' })
    expect(await log.completed('/status')).toMatchObject({ status: code, level, outcome: 'completed' })
  })

  test('a path without a route has none', async () => {
    await (await fetch(`${app.url}/nowhere`)).text()
    const line = await log.completed('/nowhere')
    expect(line).toMatchObject({ status: 404, level: 'warn' })
    expect(line).not.toHaveProperty('route')
  })

  test('levels by table and by function', async () => {
    const byTable = await serve({ level: { 404: 'debug', '4xx': 'error', '2xx': 'warn' } })
    await fetch(`${byTable.url}/status?code=418`)
    expect((await log.completed('/status')).level).toBe('error')
    await (await fetch(`${byTable.url}/ok`)).text()
    expect((await log.completed('/ok')).level).toBe('warn')
    const byFunction = await serve({ level: ({ status }) => (status === 200 ? 'fatal' : undefined) })
    log.clear()
    await (await fetch(`${byFunction.url}/ok`)).text()
    expect((await log.completed('/ok')).level).toBe('fatal')
  })

  test.each(['/throw', '/reject'])('errored: %s', async (path) => {
    await (await fetch(app.url + path)).text()
    const line = await log.completed(path)
    expect(line).toMatchObject({
      level: 'error',
      outcome: 'errored',
      err: { type: 'Error', message: 'no such table', code: 'E_TABLE' },
    })
    // The handler of node:http is answered for by its caller, after the record.
    expect(line.status).toBe(name === 'http' ? undefined : 500)
    expect(records('request completed')).toHaveLength(1)
  })

  test('errored: a stream that breaks', async () => {
    const response = await fetch(`${app.url}/break`)
    await expect(response.text()).rejects.toThrow()
    expect(await log.completed('/break')).toMatchObject({
      level: 'error',
      status: 200,
      outcome: 'errored',
      err: { message: 'no such table' },
    })
  })

  test.each([
    ['/hang', 200],
    ['/never', undefined],
  ])('aborted: the client leaves %s', async (path, status) => {
    const request = http.get(app.url + path)
    request.on('error', () => {})
    if (status === undefined) {
      const server = once(app.server, 'request')
      await server
      await new Promise((done) => setImmediate(done))
    } else {
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      await once(response, 'data')
    }
    request.destroy()
    const line = await log.completed(path)
    expect(line).toMatchObject({ level: 'warn', outcome: 'aborted' })
    expect(line.status).toBe(status)
    if (status !== undefined) expect(line.response_bytes).toBeGreaterThanOrEqual(4)
    expect(line).not.toHaveProperty('err')
  })

  test('aborted by a reset, in the middle of an upload', async () => {
    const socket = connect(app.port, '127.0.0.1')
    socket.write(
      'POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
    )
    await once(app.server, 'request')
    socket.resetAndDestroy()
    expect(await log.completed('/json')).toMatchObject({
      outcome: 'aborted',
      level: 'warn',
      request_bytes: 100,
    })
  })

  test('slow requests are warned about', async () => {
    await (await fetch(`${app.url}/slow`)).text()
    expect(await log.completed('/slow')).toMatchObject({ level: 'warn', slow: true, duration_ms: 2500 })
    const patient = await serve({ slowMs: '3s' })
    log.clear()
    await (await fetch(`${patient.url}/slow`)).text()
    const line = await log.completed('/slow')
    expect(line.level).toBe('info')
    expect(line).not.toHaveProperty('slow')
  })

  test('ignored requests have a scope and no record', async () => {
    const quiet = await serve({ ignore: ['/ok', /^\/users\// as RegExp] })
    await (await fetch(`${quiet.url}/ok`)).text()
    const response = await fetch(`${quiet.url}/users/1`)
    await response.text()
    await (await fetch(`${quiet.url}/unmodified`)).text()
    await log.completed('/unmodified')
    expect(log.records.map(({ msg }) => msg)).toEqual(['by req.log', 'by import', 'request completed'])
    expect(log.records[0]?.request_id).toBe(response.headers.get('x-request-id'))
  })

  test('getUser is asked again when the user is known', async () => {
    const userOf = (req: { user?: { id: string }; raw?: { user?: { id: string } } }) => {
      const user = req.user ?? req.raw?.user
      return user === undefined ? undefined : { user_id: user.id, session_id: 's-1', request_id: 'forged' }
    }
    const known = await serve({ getUser: userOf as never })
    const response = await fetch(`${known.url}/login`)
    await response.text()
    expect(await log.completed('/login')).toMatchObject({
      user_id: 'u-7',
      session_id: 's-1',
      tenant: 't-9',
      request_id: response.headers.get('x-request-id'),
    })
    expect(records('logged in')).toMatchObject([{ tenant: 't-9' }])
  })

  test('getUser may be asynchronous, and may fail', async () => {
    const promised = await serve({ getUser: (() => Promise.resolve({ user_id: 'u-8' })) as never })
    await (await fetch(`${promised.url}/login`)).text()
    expect(await log.completed('/login')).toMatchObject({ user_id: 'u-8' })
    expect(records('logged in')).toMatchObject([{ user_id: 'u-8' }])
    const failing = await serve({
      getUser: () => {
        throw new Error('no')
      },
      ignore: () => {
        throw new Error('no')
      },
      level: () => {
        throw new Error('no')
      },
      trust: () => {
        throw new Error('no')
      },
    })
    const response = await fetch(`${failing.url}/ok`)
    expect(await response.text()).toBe('fine')
    expect(await log.completed('/ok')).toMatchObject({ status: 200, level: 'error' })
  })

  describe('ids from outside', () => {
    const get = (headers: http.OutgoingHttpHeaders, to = app): Promise<http.IncomingMessage> =>
      new Promise((done, fail) => {
        http
          .get(`${to.url}/ok`, { headers, agent: false }, (response) => {
            response.resume().on('end', () => done(response))
          })
          .on('error', fail)
      })

    test.each(['x-request-id', 'x-correlation-id'])('a good %s is taken', async (header) => {
      const response = await get({ [header]: 'abc-123' })
      expect(response.headers['x-request-id']).toBe('abc-123')
      expect((await log.completed('/ok')).request_id).toBe('abc-123')
    })

    test.each([
      ['8 KB', 'a'.repeat(8192), 8192],
      ['a comma', 'a,b', 3],
      ['two of them', ['a', 'b'], 4],
      ['quotes', '"}{"x":"', 8],
      ['a blank', 'a b', 3],
    ])('%s is replaced and told of by its length', async (_what, value, length) => {
      const response = await get({ 'x-request-id': value })
      const line = await log.completed('/ok')
      expect(line.request_id).toMatch(UUID)
      expect(response.headers['x-request-id']).toBe(line.request_id)
      expect(line.rejected_request_id).toEqual({ header: 'x-request-id', length })
    })

    test('line breaks never come so far', async () => {
      const socket = connect(app.port, '127.0.0.1')
      socket.end('GET /ok HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rb\r\nConnection: close\r\n\r\n')
      const [reply] = (await once(socket, 'data')) as [Buffer]
      expect(reply.toString()).toMatch(/^HTTP\/1.1 400/)
      expect(log.records).toEqual([])
    })

    test('a traceparent is gone on with, a bad one is not', async () => {
      await get({ traceparent: `00-${TRACE.id}-${TRACE.span}-01` })
      expect(await log.completed('/ok')).toMatchObject({
        trace_id: TRACE.id,
        span_id: TRACE.span,
        trace_flags: '01',
      })
      log.clear()
      await get({ traceparent: `00-${TRACE.id}-${'0'.repeat(16)}-01` })
      expect((await log.completed('/ok')).trace_id).not.toBe(TRACE.id)
    })

    test('from those who are not trusted nothing is taken', async () => {
      for (const trust of ['none', ['10.0.0.0/8'], () => false] as const) {
        const strict = await serve({ trust, propagate: ['run_id'] })
        log.clear()
        const sent = {
          'x-request-id': 'abc',
          traceparent: `00-${TRACE.id}-${TRACE.span}-01`,
          baggage: 'run_id=7',
        }
        await get(sent, strict)
        const line = await log.completed('/ok')
        expect(line.request_id).toMatch(UUID)
        expect(line.trace_id).not.toBe(TRACE.id)
        expect(line).not.toHaveProperty('run_id')
        expect(line).not.toHaveProperty('rejected_request_id')
      }
      const open = await serve({ trust: ['loopback'] })
      log.clear()
      await get({ 'x-request-id': 'abc' }, open)
      expect((await log.completed('/ok')).request_id).toBe('abc')
    })

    test('the response header has another name, or none', async () => {
      const renamed = await serve({ responseHeader: 'x-trail' })
      expect((await get({ 'x-request-id': 'abc' }, renamed)).headers['x-trail']).toBe('abc')
      const none = await serve({ responseHeader: false })
      expect((await get({ 'x-request-id': 'abc' }, none)).headers).not.toHaveProperty('x-request-id')
    })

    test('X-Forwarded-For counts by trust only', async () => {
      await get({ 'x-forwarded-for': '203.0.113.9' })
      expect((await log.completed('/ok')).remote_address).toBe('127.0.0.1')
      const proxied = await serve({ trustProxy: true })
      log.clear()
      await get({ 'x-forwarded-for': '203.0.113.9' }, proxied)
      expect((await log.completed('/ok')).remote_address).toBe('203.0.113.9')
    })
  })

  test('two servers share one trace, and the id, and baggage that is named', async () => {
    const options = { propagate: ['run_id'] }
    const [front, back] = [await serve(options), await serve(options)]
    const headers = { baggage: 'run_id=r-7,other=1' }
    await (await fetch(`${front.url}/call?to=${encodeURIComponent(`${back.url}/ok`)}`, { headers })).text()
    const [outer, inner] = [await log.completed('/call'), await log.completed('/ok')]
    expect(inner).toMatchObject({ trace_id: outer.trace_id, request_id: outer.request_id, run_id: 'r-7' })
    expect(outer.run_id).toBe('r-7')
    expect(inner).not.toHaveProperty('other')
  })

  test('headers and bodies only when asked, secrets not even when named', async () => {
    const post = (to: App) =>
      fetch(`${to.url}/json`, {
        method: 'POST',
        body: '{"card":"4111"}',
        headers: { 'content-type': 'application/json', authorization: 'Bearer b', cookie: 'c=1' },
      }).then((response) => response.text())
    await post(app)
    expect(await log.completed('/json')).not.toHaveProperty('request_body')
    // After the body has been read the handler is still in its request.
    expect(records('parsed')).toMatchObject([{ request_id: expect.stringMatching(UUID) }])
    expect(records('request completed')).toMatchObject([{ request_bytes: 15 }])

    const all = await serve({ headers: true, body: true })
    log.clear()
    await post(all)
    const line = await log.completed('/json')
    expect(line.request_headers).toMatchObject({ 'content-type': 'application/json' })
    for (const secret of ['authorization', 'cookie']) expect(line.request_headers).not.toHaveProperty(secret)
    expect(line.response_headers).not.toHaveProperty('set-cookie')
    if (name === 'http') return
    expect(line.response_headers).toMatchObject({ 'x-plain': 'p' })
    expect(line.request_body).toEqual({ card: '4111' })

    const named = await serve({ headers: ['Authorization', 'x-plain'], body: 8 })
    log.clear()
    await post(named)
    const some = await log.completed('/json')
    expect(some.request_headers).toEqual({ authorization: '[redacted]' })
    expect(some.response_headers).toEqual({ 'x-plain': 'p' })
    expect(some.request_body).toBe('{"card":…')
  })

  test('a body that comes in pieces does not lose its request', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': 7 }
    const request = http.request(`${app.url}/json`, { method: 'POST', headers, agent: false })
    request.write('{"a"')
    await once(app.server, 'request')
    await new Promise((done) => setImmediate(done))
    request.end(':1}')
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    const { request_id } = await log.completed('/json')
    expect(records('parsed')).toMatchObject([{ request_id, body: { a: 1 } }])
  })

  test('req.log knows its request in a callback that runs in another one', async () => {
    const shouted = emitter.listenerCount('shout')
    const waiting = fetch(`${app.url}/emit`)
    while (emitter.listenerCount('shout') === shouted) await new Promise((done) => setImmediate(done))
    logger.info('outside')
    emitter.emit('shout')
    const id = (await waiting).headers.get('x-request-id')
    await log.completed('/emit')
    expect(records('by req.log')).toMatchObject([{ request_id: id }])
    // The imported logger sees who emits: nobody.
    expect(records('by import')[0]).not.toHaveProperty('request_id')
  })

  test('requests of one connection, after each other and pipelined, have their own ids', async () => {
    const socket = connect(app.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const request = (at: number, last = false) =>
      `GET /users/${at} HTTP/1.1\r\nHost: x\r\nX-Request-Id: id-${at}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`
    socket.write(request(0))
    await log.completed('/users/0')
    socket.write(request(1) + request(2) + request(3, true))
    await once(socket, 'close')
    for (const at of [0, 1, 2, 3]) {
      const mine = log.records.filter((line) => line.request_id === `id-${at}`)
      expect(mine.map(({ msg }) => msg).sort()).toEqual(['by import', 'by req.log', 'request completed'])
      expect(mine.at(-1)?.path).toBe(`/users/${at}`)
    }
    expect(text.match(/x-request-id: id-\d/gi)).toHaveLength(4)
  })

  test('a pipelined request whose connection ends before its turn has its record', async () => {
    const socket = connect(app.port, '127.0.0.1')
    socket.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await log.completed('/hang')
    expect(await log.completed('/never')).toMatchObject({ outcome: 'aborted' })
  })

  test('HEAD and 304 have no body', async () => {
    await fetch(`${app.url}/ok`, { method: 'HEAD' })
    expect(await log.completed('/ok')).toMatchObject({ method: 'HEAD', status: 200, response_bytes: 0 })
    await fetch(`${app.url}/unmodified`)
    expect(await log.completed('/unmodified')).toMatchObject({
      status: 304,
      response_bytes: 0,
      level: 'info',
    })
  })

  test('100-continue goes on as it did', async () => {
    const request = http.request(`${app.url}/json`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-type': 'application/json', 'content-length': 2 },
    })
    request.flushHeaders()
    await once(request, 'continue')
    request.end('{}')
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    expect(await log.completed('/json')).toMatchObject({ status: 200 })
  })

  test('an upgrade goes by', async () => {
    app.server.once('upgrade', (_req, socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello')
    })
    const request = http.get(`${app.url}/ok`, { headers: { connection: 'Upgrade', upgrade: 'echo' } })
    const [response, socket, head] = (await once(request, 'upgrade')) as [
      http.IncomingMessage,
      http.Agent,
      Buffer,
    ]
    expect(response.statusCode).toBe(101)
    ;(socket as unknown as { destroy(): void }).destroy()
    expect(head.toString()).toBe('hello')
    expect(log.records).toEqual([])
  })
})
