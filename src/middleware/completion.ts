import type { IncomingMessage, ServerResponse } from 'node:http'
import { LEVELS, type LevelName } from '../config/levels.ts'
import type { Scope } from '../context/scope.ts'
import { endUnit, keepUnit } from '../context/unit.ts'
import { writeRecord } from '../logger/write.ts'
import { type Exchange, NOTHING, told } from './exchange.ts'
import { bodyField, headerField } from './extras.ts'
import type { Completion, Outcome } from './options.ts'

const MAX_PATH = 2048
const MAX_USER_AGENT = 256
const DIGITS = 1000

/** Writes the one record of a request that has ended. */
export function writeCompletion<Req>(exchange: Exchange<Req>): void {
  const { log, raw, res, scope } = exchange
  const duration = Math.round((log.now() - exchange.start) * DIGITS) / DIGITS
  const path = pathOf(guarded('target', targetOf, exchange) ?? '')
  if (log.ignore !== undefined && isIgnored(exchange, path)) {
    endWork(scope, isFailure(res.statusCode, exchange.error !== NOTHING) || duration > log.slowMs)
    return
  }
  const read = guarded('err', errorOf, exchange)
  // A field that can't be read is no error of the request.
  const err = read === undefined ? NOTHING : read
  const outcome = outcomeOf(exchange, err)
  const slow = duration > log.slowMs
  const completion: Completion = {
    method: methodOf(raw),
    route: guarded('route', routeOf, exchange),
    path,
    status: res.headersSent || outcome === 'completed' ? res.statusCode : undefined,
    duration_ms: duration,
    outcome,
    slow,
    err: err === NOTHING ? undefined : err,
  }
  const { status } = completion
  const fields: Record<string, unknown> = {
    method: completion.method,
    route: completion.route,
    path,
    status,
    duration_ms: duration,
    request_bytes: guarded('request_bytes', requestBytes, exchange),
    response_bytes: guarded('response_bytes', responseBytes, exchange),
    remote_address: addressOf(exchange),
    user_agent: guarded('user_agent', userAgentOf, exchange),
    outcome,
  }
  if (slow) fields.slow = true
  if (exchange.rejected !== undefined) fields.rejected_request_id = exchange.rejected
  if (log.headers !== false) {
    fields.request_headers = guarded('request_headers', requestHeadersOf, exchange)
    fields.response_headers = guarded('response_headers', responseHeadersOf, exchange)
  }
  if (log.body > 0) fields.request_body = guarded('request_body', bodyOf, exchange)
  const level = levelOf(exchange, completion)
  const wanted = slow || isFailure(status, outcome === 'errored')
  // What came before the request's own record stands before it.
  if (wanted && scope.unit !== undefined) keepUnit(scope.unit)
  writeRecord(log.logger, level, 'request completed', {
    fields,
    err: err === NOTHING ? undefined : err,
    scope,
  })
  endWork(scope, wanted)
}

function isFailure(status: number | undefined, errored: boolean): boolean {
  return errored || (status !== undefined && status >= 500)
}

/** Decides on the records of a request that waited for its end. */
function endWork({ unit }: Scope, wanted: boolean): void {
  if (unit !== undefined) endUnit(unit, wanted)
}

/** The record of a request whose own could not be made: that there was one, and how it ended. */
export function writeLeast<Req>({ log, raw, res, scope, error }: Exchange<Req>): void {
  try {
    const outcome: Outcome = res.writableFinished && error === NOTHING ? 'completed' : 'errored'
    const failed = outcome === 'errored' || res.statusCode >= 500
    writeRecord(log.logger, failed ? 'error' : 'info', 'request completed', {
      fields: { method: methodOf(raw), status: res.headersSent ? res.statusCode : undefined, outcome },
      scope,
    })
    endWork(scope, true)
  } catch (thrown) {
    told('least record', thrown)
  }
}

/**
 * What `read` finds, or undefined where it throws: the application may put what it likes at its request, and one
 * field that can't be read must not cost the record.
 */
function guarded<Req, T>(place: string, read: (exchange: Exchange<Req>) => T, exchange: Exchange<Req>) {
  try {
    return read(exchange)
  } catch (thrown) {
    told(place, thrown)
    return undefined
  }
}

function targetOf<Req>({ framework, req, raw }: Exchange<Req>): string {
  const target: unknown = framework.target(req)
  if (typeof target === 'string') return target
  return typeof raw.url === 'string' ? raw.url : ''
}

function methodOf({ method }: IncomingMessage): string {
  return typeof method === 'string' ? method : ''
}

function routeOf<Req>({ framework, req }: Exchange<Req>): string | undefined {
  return framework.route(req)
}

/** The framework's word, else the socket's: Express asks the application's own function whom to trust. */
function addressOf<Req>({ framework, req, raw, log }: Exchange<Req>): string | undefined {
  try {
    return framework.remoteAddress(req, log)
  } catch (thrown) {
    told('remote_address', thrown)
    return raw.socket?.remoteAddress
  }
}

function userAgentOf<Req>({ raw }: Exchange<Req>): string | undefined {
  const agent: unknown = raw.headers['user-agent']
  return typeof agent === 'string' ? bounded(agent, MAX_USER_AGENT) : undefined
}

function requestHeadersOf<Req>({ raw, log }: Exchange<Req>): Record<string, unknown> {
  return headerField(raw.headers, log.headers)
}

function responseHeadersOf<Req>({ framework, req, res, log }: Exchange<Req>): Record<string, unknown> {
  return headerField(framework.responseHeaders(req, res), log.headers)
}

function bodyOf<Req>({ framework, req, log }: Exchange<Req>): unknown {
  return bodyField(framework.body(req), log.body)
}

/** The path of a request's target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  return bounded(path, MAX_PATH) as string
}

function bounded(text: string | undefined, max: number): string | undefined {
  return text !== undefined && text.length > max ? `${text.slice(0, max)}…` : text
}

function isIgnored<Req>({ log, req }: Exchange<Req>, path: string): boolean {
  try {
    return log.ignore?.(req, path) === true
  } catch (thrown) {
    told('ignore', thrown)
    return false
  }
}

function levelOf<Req>({ log }: Exchange<Req>, completion: Completion): LevelName {
  let level: LevelName
  try {
    level = log.level(completion)
  } catch (thrown) {
    told('level', thrown)
    level = 'error'
  }
  return completion.slow && LEVELS[level] < LEVELS.warn ? 'warn' : level
}

interface Broken {
  /** Node's own: what the response was destroyed with. */
  readonly errored?: unknown
  /** pino-http's convention for an error handler that answers by itself. */
  readonly err?: unknown
}

function errorOf<Req>({ error, res }: Exchange<Req>): unknown {
  if (error !== NOTHING) return error
  const { errored, err } = res as Broken
  return err ?? errored ?? NOTHING
}

/** What streams and parsers say when it was the client who left. */
const DEPARTURES = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'])

function outcomeOf<Req>({ raw, res }: Exchange<Req>, err: unknown): Outcome {
  if (res.writableFinished || (res.writableEnded && isSimulated(raw))) {
    return err === NOTHING ? 'completed' : 'errored'
  }
  if (!hasLeft(raw)) return 'errored'
  return err === NOTHING || isDeparture(err) ? 'aborted' : 'errored'
}

function isDeparture(err: unknown): boolean {
  try {
    return DEPARTURES.has((err as { code?: unknown }).code as string)
  } catch {
    return false
  }
}

/** True where the other side ended the connection: by FIN the socket was read to its end, by RST it failed. */
function hasLeft({ socket }: IncomingMessage): boolean {
  return socket.readableEnded || (socket.errored !== null && socket.errored !== undefined)
}

/** True for a request that came over no socket, such as one of Fastify's `inject`: nothing is ever sent. */
function isSimulated({ socket }: IncomingMessage): boolean {
  return typeof socket.readableEnded !== 'boolean'
}

/** Bytes of the request's body as it was announced; undefined where it was sent in chunks. */
function requestBytes<Req>({ raw: { headers } }: Exchange<Req>): number | undefined {
  const length = headers['content-length']
  if (length !== undefined) return Number(length)
  return headers['transfer-encoding'] === undefined ? 0 : undefined
}

/** What node:http keeps of a response, and morgan and others have read for years. */
interface Outgoing {
  readonly _header?: string | null
  readonly _contentLength?: unknown
  readonly _hasBody?: boolean
}

/**
 * Bytes of the response's body: as announced where it went out whole, else what the connection has sent beside
 * the headers (so with the framing of chunks).
 */
function responseBytes<Req>({ raw, res, sentBefore }: Exchange<Req>): number | undefined {
  const { _header: header, _contentLength: length, _hasBody: hasBody } = res as ServerResponse & Outgoing
  if (!res.headersSent || hasBody === false) return 0
  if (res.writableFinished) {
    if (typeof length === 'number' && Number.isFinite(length)) return length
    const announced = Number(res.getHeader('content-length') ?? Number.NaN)
    if (Number.isFinite(announced)) return announced
  }
  if (sentBefore === undefined || typeof header !== 'string') return undefined
  const sent = raw.socket.bytesWritten - sentBefore - header.length
  return sent >= 0 ? sent : undefined
}
