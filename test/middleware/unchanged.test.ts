import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import express from 'express'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { recorder } from './recorder.ts'

// Required, because its types say for the whole program that req.log is pino's.
const { pinoHttp } = createRequire(import.meta.url)('pino-http') as {
  pinoHttp: (options: object) => express.RequestHandler
}

function made(): { log: ReturnType<typeof recorder>; logger: Logger } {
  const log = recorder()
  return { log, logger: createLogger({ transports: [log.transport], identity: false, env: {} }) }
}

test('a Fastify app with our logger as loggerInstance', async () => {
  const { log, logger } = made()
  const app = Fastify({ loggerInstance: logger as FastifyBaseLogger })
  onTestFinished(() => app.close() as unknown as Promise<void>)
  app.get('/hello', { logLevel: 'debug', logSerializers: { card: () => 'hidden' } }, async (request) => {
    request.log.debug({ card: '4111' }, 'in the handler')
    return { hello: 'world' }
  })
  app.get('/broken', async () => {
    throw new Error('broken')
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  expect(await (await fetch(`${url}/hello`)).json()).toEqual({ hello: 'world' })
  expect((await fetch(`${url}/broken`)).status).toBe(500)
  await log.find((line) => line.msg === 'request completed' && line.reqId === 'req-2')
  const of = (reqId: string) => log.records.filter((line) => line.reqId === reqId)
  expect(of('req-1')).toMatchObject([
    { msg: 'incoming request', req: { method: 'GET', url: '/hello', remoteAddress: '127.0.0.1' } },
    { msg: 'in the handler', level: 'debug', card: 'hidden' },
    { msg: 'request completed', res: { statusCode: 200 }, responseTime: expect.any(Number) },
  ])
  expect(of('req-2')).toMatchObject([
    { msg: 'incoming request' },
    { msg: 'broken', level: 'error', err: { message: 'broken' }, res: { statusCode: 500 } },
    { msg: 'request completed' },
  ])
})

test('a pino-http app with our logger, on Express', async () => {
  const { log, logger } = made()
  const app = express()
  app.set('env', 'test')
  app.use(
    pinoHttp({
      logger,
      customProps: (_req: unknown, res: ServerResponse) => ({ tenant: 't-9', code: res.statusCode }),
      customLogLevel: (_req: unknown, res: ServerResponse, err?: Error) =>
        err || res.statusCode >= 500 ? 'error' : 'info',
    }),
  )
  app.get('/hello', (req, res) => {
    req.log.info({ order_id: 42 }, 'in the handler')
    res.json({ hello: 'world' })
  })
  app.get('/broken', () => {
    throw new Error('broken')
  })
  const server = createServer(app)
  onTestFinished(() => void server.close())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await (await fetch(`${url}/hello`)).json()).toEqual({ hello: 'world' })
  expect((await fetch(`${url}/broken`)).status).toBe(500)
  await log.find((line) => line.msg === 'request errored')
  expect(log.records).toMatchObject([
    { msg: 'in the handler', order_id: 42, req: { id: 1, method: 'GET', url: '/hello' } },
    { msg: 'request completed', level: 'info', res: { statusCode: 200 }, tenant: 't-9', code: 200 },
    { msg: 'request errored', level: 'error', res: { statusCode: 500 }, req: { url: '/broken' } },
  ])
})
