// Each library set up as its own documentation advises for shipping to Loki, OpenSearch or a Collector.
//
// LIBRARIES[back end][name] = { quietMs, open }:
//   quietMs  how long it may be silent and still have something to send
//   open({ url, run, folder, scoped }) gives
//     write(message, i)  logs one record with the fields order_id: i and total; the back end knows it by `run`
//     enter(fn)          runs it in a request, whose fields are on every record where `scoped`

import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'

const fields = (i) => ({ order_id: i, total: 9.5 })
const SCOPE = {
  request_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
  user_id: 'u-1042',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  span_id: '00f067aa0ba902b7',
}
const scopes = new AsyncLocalStorage()
const enter = (fn) => scopes.run(SCOPE, fn)

/** The longest pause between two tries is 30 s. */
const SPOOR_QUIET_MS = 40_000

async function spoorTo(transport, run) {
  const { createLogger, withContext } = await import('../dist/index.js')
  const identity = { service: run }
  const log = createLogger({
    level: 'info',
    source: 'off',
    lifecycle: false,
    identity,
    transports: [transport],
  })
  return {
    write: (message, i) => log.info(message, fields(i)),
    enter: (fn) => withContext(SCOPE, fn),
  }
}

async function spoorHttp({ run, folder }, options) {
  const { httpTransport } = await import('../dist/index.js')
  return spoorTo(httpTransport({ spoolDir: join(folder, 'spool'), ...options }), run)
}

/** By a pino transport, in a thread of its own, which its pages recommend. */
async function pinoTo(target, options, scoped) {
  const { once } = await import('node:events')
  const { default: pino } = await import('pino')
  const transport = pino.transport({ target, options })
  // Or what pino-elasticsearch says in an outage ends the service.
  transport.on('error', (error) => console.error(error.message))
  // Its object is written to by pino: a new one for each record.
  const mixin = () => {
    const { request_id, user_id, trace_id, span_id } = scopes.getStore()
    return { request_id, user_id, trace_id, span_id }
  }
  const log = scoped ? pino({ mixin }, transport) : pino(transport)
  await once(transport, 'ready')
  return { write: (message, i) => log.info(fields(i), message), enter }
}

const spoorFile = {
  quietMs: 0,
  async open({ run, folder }) {
    const { fileTransport } = await import('../dist/index.js')
    return spoorTo(fileTransport({ path: join(folder, 'app.log') }), run)
  },
}

const pinoLoki = (batching) => ({
  // Each 5 s.
  quietMs: 12_000,
  open: ({ url, run, scoped }) =>
    pinoTo('pino-loki', { host: url, labels: { app: run }, ...(batching && { batching }) }, scoped),
})

const winstonLoki = {
  // After an error it tries again in 60 s.
  quietMs: 75_000,
  async open({ url, run, scoped }) {
    const { default: winston } = await import('winston')
    const { default: LokiTransport } = await import('winston-loki')
    const loki = new LokiTransport({
      host: url,
      labels: { app: run },
      json: true,
      format: winston.format.json(),
      replaceTimestamp: true,
      onConnectionError: (error) => console.error(error),
    })
    const addScope = winston.format((info) => Object.assign(info, scopes.getStore()))
    const format = winston.format.combine(addScope(), winston.format.json())
    const log = winston.createLogger({ level: 'info', transports: [loki], ...(scoped && { format }) })
    return { write: (message, i) => log.info(message, fields(i)), enter }
  },
}

const pinoElasticsearch = {
  // What is less than flushBytes waits for 30 s.
  quietMs: 45_000,
  open: ({ url, run }) =>
    pinoTo('pino-elasticsearch', { index: run, node: url, esVersion: 7, flushBytes: 1000 }),
}

const pinoOpentelemetry = {
  // A second, and ten for tries.
  quietMs: 20_000,
  open({ url, run }) {
    process.env.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT = `${url}/v1/logs`
    process.env.OTEL_RESOURCE_ATTRIBUTES = `service.name=${run}`
    return pinoTo('pino-opentelemetry-transport', {})
  },
}

const spoor = (optionsOf) => ({
  quietMs: SPOOR_QUIET_MS,
  open: (spec) => spoorHttp(spec, optionsOf(spec)),
})

export const LIBRARIES = {
  loki: {
    spoor: spoor(({ url }) => ({ url: `${url}/loki/api/v1/push` })),
    'spoor file': spoorFile,
    'pino-loki': pinoLoki(),
    'pino-loki unbounded': pinoLoki({ maxBufferSize: 0 }),
    'winston-loki': winstonLoki,
  },
  opensearch: {
    spoor: spoor(({ url, run }) => ({ url: `${url}/_bulk`, index: run })),
    'pino-elasticsearch': pinoElasticsearch,
  },
  collector: {
    spoor: spoor(({ url }) => ({ url: `${url}/v1/logs` })),
    'pino-opentelemetry-transport': pinoOpentelemetry,
  },
  fake: {
    spoor: spoor(({ url }) => ({ url, format: 'ndjson' })),
  },
}
