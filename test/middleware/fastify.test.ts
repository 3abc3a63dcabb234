import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { selfLogStats } from '../../src/config/self-log.ts'
import { disableOutbound } from '../../src/context/outbound.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { fastifyLogging, requestLogger } from '../../src/middleware/fastify.ts'
import { breaking } from './frameworks.ts'
import { recorder } from './recorder.ts'

let log: ReturnType<typeof recorder>
let logger: Logger
const apps: FastifyInstance[] = []

beforeEach(() => {
  log = recorder()
  logger = createLogger({ transports: [log.transport], identity: false, env: {} })
})
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
  disableOutbound()
})

function keep<T>(app: T): T {
  apps.push(app as unknown as FastifyInstance)
  return app
}
const notices = () => selfLogStats().codes['middleware.two-records'] ?? 0

describe('with fastifyLogging', () => {
  test('request.id, request.log and the record agree, and Fastify says nothing itself', async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    app.get('/a', async (request) => {
      request.log.info('inside')
      return { id: request.id }
    })
    const before = notices()
    const response = await app.inject({ url: '/a', headers: { 'x-request-id': 'abc' } })
    expect(response.json()).toEqual({ id: 'abc' })
    expect(response.headers['x-request-id']).toBe('abc')
    await log.completed('/a')
    expect(log.records.map(({ msg, request_id }) => [msg, request_id])).toEqual([
      ['inside', 'abc'],
      ['request completed', 'abc'],
    ])
    expect(notices()).toBe(before)
  })

  test('the plugin may change options that were given before', async () => {
    const app = keep(
      Fastify({ ...fastifyLogging({ logger, level: { '2xx': 'warn' }, propagate: ['run_id'] }) }),
    )
    await app.register(requestLogger, { responseHeader: 'x-trail', prefix: '/x' } as object)
    app.get('/a', async () => 'a')
    const response = await app.inject({ url: '/a', headers: { baggage: 'run_id=7' } })
    const line = await log.completed('/a')
    expect(line).toMatchObject({ level: 'warn', run_id: '7' })
    expect(response.headers['x-trail']).toBe(line.request_id)
  })

  test("the level and the serializers of a route stay that route's", async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    app.get('/a', { logLevel: 'debug', logSerializers: { card: () => 'hidden' } }, async (request) => {
      request.log.debug({ card: '4111' }, 'inside')
      return 'a'
    })
    const response = await app.inject('/a')
    expect(log.records[0]).toMatchObject({
      msg: 'inside',
      card: 'hidden',
      request_id: response.headers['x-request-id'],
    })
  })

  test("an error that the app's own handlers answer is on the record", async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    app.setErrorHandler((error, _request, reply) => reply.code(422).send((error as Error).message))
    const fail = async () => {
      throw new Error('told')
    }
    app.get('/a', fail)
    app.get('/b', { errorHandler: (_error, _request, reply) => void reply.code(503).send('b') }, fail)
    await app.register(async (child) => {
      child.setErrorHandler((_error, _request, reply) => reply.code(500).send('c'))
      child.get('/c', fail)
    })
    for (const [path, status] of [
      ['/a', 422],
      ['/b', 503],
      ['/c', 500],
    ] as const) {
      expect((await app.inject(path)).statusCode).toBe(status)
      expect(await log.completed(path)).toMatchObject({
        status,
        outcome: 'errored',
        err: { message: 'told' },
      })
    }
  })

  test('a validation error is a warning with its error', async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    app.get('/a', { schema: { querystring: { type: 'object', required: ['n'] } } }, async () => 'a')
    expect((await app.inject('/a')).statusCode).toBe(400)
    expect(await log.completed('/a')).toMatchObject({
      level: 'warn',
      outcome: 'errored',
      err: { code: 'FST_ERR_VALIDATION' },
    })
  })

  test('hooks and plugins after it are in the scope, with a body too', async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend', 'onResponse'] as const
    for (const hook of hooks) app.addHook(hook as 'onRequest', async () => logger.info(hook))
    app.post('/a', async () => Readable.from(['a']))
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const response = await fetch(`${url}/a`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    await response.text()
    await log.completed('/a')
    const id = response.headers.get('x-request-id')
    // onResponse comes from the end of the response, which is in nobody's scope.
    for (const hook of hooks.slice(0, -1)) {
      expect(log.records.find(({ msg }) => msg === hook)).toMatchObject({ request_id: id })
    }
  })

  test("a preParsing hook that goes on in somebody else's callback does not take the handler along", async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger)
    let goOn = () => {}
    const held = new Promise<void>((here) => {
      app.addHook('preParsing', (_request, _reply, payload, next) => {
        goOn = () => next(null, payload)
        here()
      })
    })
    app.get('/a', async () => {
      logger.info('inside')
      return 'a'
    })
    const response = app.inject('/a').then((answer) => answer)
    await held
    goOn()
    const id = (await response).headers['x-request-id']
    expect(log.records.find(({ msg }) => msg === 'inside')).toMatchObject({ request_id: id })
  })

  test('Fastify gives no deprecation warning', () => {
    const script = `
      import Fastify from 'fastify'
      import { fastifyLogging, requestLogger } from 'spoor/fastify'
      const app = Fastify({ ...fastifyLogging() })
      await app.register(requestLogger)
      app.get('/a', async () => 'a')
      console.error((await app.inject('/a')).statusCode)`
    const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
    })
    expect(stderr).toBe('200\n')
    expect(stdout.trim().split('\n')).toHaveLength(1)
  })
})

describe('the plugin alone', () => {
  test("beside Fastify's own logger, whose records stay; one line says that there are two", async () => {
    const lines: string[] = []
    const app = keep(Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } }))
    const before = notices()
    await app.register(requestLogger, { logger })
    app.get('/a', async (request) => {
      request.log.info('theirs')
      logger.info('ours')
      return 'a'
    })
    const response = await app.inject('/a')
    await log.completed('/a')
    expect(notices()).toBe(before + 1)
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'incoming request',
      'theirs',
      'request completed',
    ])
    expect(log.records.map(({ msg, request_id }) => [msg, request_id])).toEqual([
      ['ours', response.headers['x-request-id']],
      ['request completed', response.headers['x-request-id']],
    ])
  })

  test('in an app without a logger request.log is ours', async () => {
    const app = keep(Fastify())
    const before = notices()
    await app.register(requestLogger, { logger })
    app.get('/a', async (request, reply) => {
      request.log.info('by request')
      reply.log.info('by reply')
      return 'a'
    })
    const response = await app.inject('/a')
    await log.completed('/a')
    expect(notices()).toBe(before)
    expect(log.records.map(({ request_id }) => request_id)).toEqual(
      Array(3).fill(response.headers['x-request-id']),
    )
  })

  test('with our logger as loggerInstance, and ids that the app makes', async () => {
    const app = keep(
      Fastify({
        loggerInstance: logger as FastifyBaseLogger,
        genReqId: () => 'own-1',
        disableRequestLogging: false,
      }),
    )
    await app.register(requestLogger)
    app.get('/a', async (request) => {
      request.log.info('inside')
      return 'a'
    })
    expect((await app.inject('/a')).headers['x-request-id']).toBe('own-1')
    await log.completed('/a')
    const ours = log.records.filter(({ msg }) => msg === 'inside')
    expect(ours).toMatchObject([{ reqId: 'own-1', request_id: 'own-1' }])
    // Fastify's own records of the request, and ours.
    expect(log.records.filter(({ msg }) => msg === 'request completed')).toHaveLength(2)
  })

  test('a request that is injected is completed: nothing was to be sent', async () => {
    const app = keep(Fastify({ ...fastifyLogging({ logger }) }))
    await app.register(requestLogger, { logger })
    app.get('/injected', async () => 'a')
    await app.inject('/injected')
    expect(await log.completed('/injected')).toMatchObject({
      outcome: 'completed',
      level: 'info',
      status: 200,
    })
  })

  test('a stream that breaks is errored, though only Fastify knows why', async () => {
    const app = keep(Fastify())
    await app.register(requestLogger, { logger })
    app.get('/a', (_request, reply) => reply.send(breaking('part', new Error('broken'))))
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    await expect(fetch(`${url}/a`).then((response) => response.text())).rejects.toThrow()
    expect(await log.completed('/a')).toMatchObject({ outcome: 'errored', level: 'error', status: 200 })
  })

  test('a wrong option comes out of register', async () => {
    const app = Fastify()
    await expect(app.register(requestLogger, { slow: 1 } as never).ready()).rejects.toMatchObject({
      code: 'ERR_SPOOR_OPTION',
    })
  })
})
