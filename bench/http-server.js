// One server in its own process: `node http-server.js express|fastify <logging> <path>`. Three records a request,
// two in the handler and the one at its end, all with the request's ids. Sends its port when it listens.
// The handler logs as code deep inside a service does, by the logger that it imports, except with pino-http,
// whose scope is on req.log only.

import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'

const [framework, logging, path] = process.argv.slice(2)
const silent = { info() {} }

const spoorLogger = async () => {
  const { createLogger, fileTransport } = await import('../dist/index.js')
  return createLogger({ level: 'info', lifecycle: false, transports: [fileTransport({ path })] })
}

const fastDestination = (pino) => pino.destination({ dest: path, minLength: 4096, sync: true })

// Pino's own way to a request scope: ids made as the request comes in, put on each line by a mixin.
const requests = new AsyncLocalStorage()
const mixin = () => ({ ...requests.getStore() })
const newRequest = (request_id) => {
  const ids = randomBytes(24).toString('hex')
  return { request_id, trace_id: ids.slice(0, 32), span_id: ids.slice(32) }
}

const EXPRESS = {
  none: async () => [(_req, _res, next) => next(), () => silent],
  'pino-http': async () => {
    const { default: pinoHttp } = await import('pino-http')
    return [pinoHttp(), (req) => req.log]
  },
  'pino-http-4096': async () => {
    const { default: pinoHttp } = await import('pino-http')
    const { default: pino } = await import('pino')
    return [pinoHttp({}, fastDestination(pino)), (req) => req.log]
  },
  spoor: async () => {
    const { requestLogger } = await import('../dist/express.js')
    const logger = await spoorLogger()
    return [requestLogger({ logger }), () => logger]
  },
}

// Fastify's own two lines would make four with the handler's two: 'incoming request' is left out.
async function fastifyOwn(destination) {
  const { default: Fastify, LogController } = await import('fastify')
  class Completed extends LogController {
    incomingRequest() {}
  }
  const app = Fastify({
    logger: { mixin, ...(destination && { stream: destination }) },
    genReqId: () => randomUUID(),
    logController: new Completed(),
  })
  app.addHook('onRequest', (request, _reply, done) => requests.run(newRequest(request.id), done))
  return [app, app.log]
}

const FASTIFY = {
  none: async () => {
    const { default: Fastify } = await import('fastify')
    return [Fastify(), silent]
  },
  'fastify-mixin': () => fastifyOwn(),
  'fastify-mixin-4096': async () => fastifyOwn(fastDestination((await import('pino')).default)),
  spoor: async () => {
    const { default: Fastify } = await import('fastify')
    const { fastifyLogging, requestLogger } = await import('../dist/fastify.js')
    const logger = await spoorLogger()
    const app = Fastify({ ...fastifyLogging({ logger }) })
    await app.register(requestLogger, { logger })
    return [app, logger]
  },
}

const order = (id) => ({ order_id: id, total: 9.5, currency: 'EUR', end: true })

// Message first is spoor's own form; pino's loggers take the fields first.
const loaded = (log, id) =>
  logging === 'spoor'
    ? log.info('order loaded', { order_id: id, rows: 3 })
    : log.info({ order_id: id, rows: 3 }, 'order loaded')
const priced = (log, id) =>
  logging === 'spoor'
    ? log.info('order priced', { order_id: id, total: 9.5 })
    : log.info({ order_id: id, total: 9.5 }, 'order priced')

const STARTS = {
  async express() {
    const { default: express } = await import('express')
    const [middleware, logOf] = await EXPRESS[logging]()
    const app = express()
    app.use(middleware)
    app.get('/orders/:id', async (req, res) => {
      loaded(logOf(req), req.params.id)
      await null
      priced(logOf(req), req.params.id)
      res.json(order(req.params.id))
    })
    return new Promise((done) => {
      const server = app.listen(0, '127.0.0.1', () => done(server.address().port))
    })
  },
  async fastify() {
    const [app, log] = await FASTIFY[logging]()
    app.get('/orders/:id', async (request) => {
      loaded(log, request.params.id)
      await null
      priced(log, request.params.id)
      return order(request.params.id)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server.address().port
  },
}

const port = await STARTS[framework]()
// Starting is not part of a request.
const started = process.cpuUsage()
process.on('message', () => process.send(process.cpuUsage(started)))
process.on('disconnect', () => process.exit())
process.send({ port })
