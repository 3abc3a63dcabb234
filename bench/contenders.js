// Each logger set up as its own documentation advises for JSON lines in a file, and made to put the same
// things on the line: an ISO or epoch time, the level, the message, the call's fields, the scope's fields.
//
// open({ path, level }) gives { log, enter, close, … }:
//   enter(scope, fn)  runs fn(log) so that each record made in it carries the scope's fields
//   close()           resolves when everything is with the operating system
//   nested?           the same inside a scope that has the trace already
//   error?            how this logger takes an error with a field, where it is not { err, order_id }
// stdout is already the file at `path`: a contender that writes to fd 1 needs no destination.

import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'

/** The seven paths of pino's own redaction page, plus what services usually add. */
const REDACT = [
  'password',
  'token',
  'authorization',
  'req.headers.authorization',
  'req.headers.cookie',
  '*.password',
  '*.token',
]

/** The keys that spoor's issue names for redaction by default, as paths: pino finds each at one depth alone. */
const SECRETS = [
  ...[
    'password',
    'passwd',
    'secret',
    'token',
    'authorization',
    'cookie',
    'set-cookie',
    'api_key',
    'private_key',
  ],
  ...['client_secret', 'session_id', 'card_number', 'cvv', 'ssn'],
].map((key) => `["${key}"]`)
const AT_THREE_DEPTHS = SECRETS.flatMap((key) => [key, `*${key}`, `*.*${key}`])

const endSonic = async (stream) => {
  const closed = once(stream, 'close')
  stream.end()
  await closed
}

/** Pino: `to` is 'stdout' (its default), 'sync' or 'async' (minLength 4096); `how` the scope gets on the line. */
function pinoWith(to, how, more) {
  return {
    order: 'object',
    async open({ path, level }) {
      const { default: pino } = await import('pino')
      const scopes = new AsyncLocalStorage()
      const options = { level, ...more?.(pino) }
      if (how === 'mixin') options.mixin = pinoMixin(scopes)
      if (how === 'otel-mixin') options.mixin = await otelMixin(scopes)
      const log =
        to === 'stdout'
          ? pino(options)
          : pino(options, pino.destination({ dest: path, minLength: 4096, sync: to === 'sync' }))
      const enter = {
        none: (_scope, fn) => fn(log),
        child: (scope, fn) => fn(log.child(scope)),
        mixin: (scope, fn) => scopes.run(scope, fn, log),
        'otel-mixin': (scope, fn) => scopes.run(scope, fn, log),
      }[how]
      return { log, enter, close: () => endSonic(log[pino.symbols.streamSym]) }
    },
  }
}

// A mixin's object is written to by pino, so it must be a new one for each record; a literal is the fastest.
const pinoMixin = (scopes) => () => {
  const scope = scopes.getStore()
  if (scope === undefined) return {}
  if (scope.trace_id === undefined) return { ...scope }
  const { request_id, user_id, trace_id, span_id } = scope
  return { request_id, user_id, trace_id, span_id }
}

async function otelMixin(scopes) {
  const { trace } = await import('@opentelemetry/api')
  return () => {
    const { request_id, user_id } = scopes.getStore()
    const { traceId, spanId } = trace.getActiveSpan().spanContext()
    return { request_id, user_id, trace_id: traceId, span_id: spanId }
  }
}

const spoorWith = (more) => ({
  order: 'message',
  async open({ path, level }) {
    const { createLogger, continueContext, withContext, fileTransport } = await import('../dist/index.js')
    // Nobody rotates here: a file of 100 MB in the middle of a short run would. files.js measures that.
    const file = fileTransport({ path, rotate: 'off', maxSize: '10GB' })
    const log = createLogger({ level, source: 'off', lifecycle: false, transports: [file], ...more })
    return {
      log,
      enter({ trace_id, span_id, ...fields }, fn) {
        const carrier = { fields, ...(trace_id && { traceparent: `00-${trace_id}-${span_id}-01` }) }
        return continueContext(carrier, () => fn(log))
      },
      // The trace is the outer scope's: reading a traceparent belongs to the request, not to the first record.
      nested: ({ request_id, user_id }, fn) => withContext({ request_id, user_id }, () => fn(log)),
      error: (to, err, i) => to.error('payment failed', err, { order_id: i }),
      close: () => new Promise((done) => log.flush(done)),
    }
  },
})

// Their JSON of an Error among the fields is {} or nothing: the parts are handed over, as their users do.
const errorInParts = (log, { name, message, stack }, i) =>
  log.error('payment failed', { err: { type: name, message, stack }, order_id: i })

const winston = {
  order: 'message',
  async open({ path, level }) {
    const { default: w } = await import('winston')
    const scopes = new AsyncLocalStorage()
    const addScope = w.format((info) => Object.assign(info, scopes.getStore()))
    const file = new w.transports.File({ filename: path })
    const log = w.createLogger({
      level,
      format: w.format.combine(addScope(), w.format.timestamp(), w.format.json()),
      transports: [file],
    })
    // With a backlog, end() makes winston throw 'write after end' and lose it: the backlog is waited for.
    const close = async () => {
      while (log.writableLength + log.readableLength + file.writableLength > 0) await setImmediate()
      const finished = once(file, 'finish')
      log.end()
      await finished
    }
    return { log, error: errorInParts, enter: (scope, fn) => scopes.run(scope, fn, log), close }
  },
}

const bunyan = {
  order: 'object',
  async open({ path, level }) {
    const { default: b } = await import('bunyan')
    const options = { name: 'bench', level, serializers: { err: b.stdSerializers.err }, streams: [{ path }] }
    const log = b.createLogger(options)
    const close = async () => {
      const { stream } = log.streams[0]
      stream.end()
      await once(stream, 'finish')
    }
    // Bunyan has no context; its documentation advises a simple child for each request.
    return { log, enter: (scope, fn) => fn(log.child(scope, true)), close }
  },
}

const logtape = {
  order: 'message',
  async open({ path, level }) {
    const { configure, dispose, getLogger, getJsonLinesFormatter, withContext } = await import(
      '@logtape/logtape'
    )
    const { getFileSink } = await import('@logtape/file')
    // Its default sink blocks on an fsync at each 8 KB, which nobody else does: in this mode a thread does.
    await configure({
      contextLocalStorage: new AsyncLocalStorage(),
      sinks: {
        file: getFileSink(path, {
          nonBlocking: true,
          formatter: getJsonLinesFormatter({ properties: 'flatten' }),
        }),
      },
      loggers: [
        { category: 'bench', lowestLevel: level, sinks: ['file'] },
        { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['file'] },
      ],
    })
    const log = getLogger('bench')
    return { log, enter: (scope, fn) => withContext(scope, () => fn(log)), close: dispose }
  },
}

const tslog = {
  order: 'message',
  async open({ path, level }) {
    const { Logger } = await import('tslog')
    const { fileTransport } = await import('tslog/transports/file')
    // Off is tslog's own setting for JSON on the console; with a transport it has to be said.
    const log = new Logger({ type: 'hidden', minLevel: level.toUpperCase(), stack: { capture: 'off' } })
    const detach = log.attachTransport(fileTransport({ path, format: 'json' }))
    const close = async () => {
      await log.flush()
      await detach()
    }
    return { log, error: errorInParts, enter: (scope, fn) => log.runInContext(scope, () => fn(log)), close }
  },
}

const log4js = {
  order: 'message',
  async open({ path, level }) {
    const { default: l } = await import('log4js')
    const scopes = new AsyncLocalStorage()
    l.addLayout('json', () => ({ startTime, level, data: [msg, fields] }) => {
      const time = startTime.toISOString()
      return JSON.stringify({ time, level: level.levelStr, msg, ...scopes.getStore(), ...fields })
    })
    l.configure({
      appenders: { file: { type: 'file', filename: path, layout: { type: 'json' } } },
      categories: { default: { appenders: ['file'], level } },
    })
    const log = l.getLogger()
    const close = () => new Promise((done) => l.shutdown(done))
    return { log, error: errorInParts, enter: (scope, fn) => scopes.run(scope, fn, log), close }
  },
}

const full = (pino) => ({ redact: REDACT, timestamp: pino.stdTimeFunctions.isoTime })

export const contenders = {
  spoor: spoorWith({}),
  'spoor-open': spoorWith({ redact: false }),
  pino: pinoWith('stdout', 'none'),
  'pino-4096-sync': pinoWith('sync', 'none'),
  'pino-4096-async': pinoWith('async', 'none'),
  'pino-child': pinoWith('sync', 'child'),
  'pino-mixin': pinoWith('stdout', 'mixin'),
  'pino-mixin-4096': pinoWith('sync', 'mixin'),
  'pino-mixin-otel': pinoWith('sync', 'otel-mixin'),
  'pino-4096-redact': pinoWith('sync', 'none', () => ({ redact: AT_THREE_DEPTHS })),
  'pino-mixin-redact-iso': pinoWith('stdout', 'mixin', full),
  winston,
  bunyan,
  logtape,
  tslog,
  log4js,
  // What the loop itself costs: the floor under every number in the table.
  nothing: {
    order: 'message',
    async open() {
      const log = { info() {}, error() {}, debug() {} }
      return { log, enter: (_scope, fn) => fn(log), close: async () => {} }
    },
  },
}

/** Writes no scope: a bare record is what it is compared by. */
export const BARE = ['pino', 'pino-4096-sync', 'pino-4096-async']
/** The same with paths to redact. */
export const REDACTING = 'pino-4096-redact'
/** What has no scope on its records. */
export const UNSCOPED = [...BARE, REDACTING]
export const SCOPED = [
  'spoor',
  'pino-child',
  'pino-mixin',
  'pino-mixin-4096',
  'pino-mixin-redact-iso',
  'winston',
  'bunyan',
  'logtape',
  'tslog',
  'log4js',
]
