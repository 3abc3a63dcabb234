import { Buffer } from 'node:buffer'
import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { urlToHttpOptions } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { after, clearTimeout, outsideScopes } from '../segments/timers.ts'
import type { Answer, PresetRequest } from './preset.ts'

export interface HttpClientOptions {
  /** Until a connection stands, TLS included, in ms. @default 10000 */
  readonly connectTimeoutMs?: number | undefined
  /** Until the answer was read, in ms. @default 30000 */
  readonly timeoutMs?: number | undefined
  /** How long a connection that is not used stays open, in ms; a server that says it keeps it shorter wins. @default 15000 */
  readonly agentKeepAliveMs?: number | undefined
  /** What bodies are compressed with. @default 'none' */
  readonly compression?: 'gzip' | 'none' | undefined
  /** Certificates (PEM) that are trusted in place of Node's own. @default Node's own, and NODE_EXTRA_CA_CERTS */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** This client's certificate and its private key (PEM), for servers that ask for one. @default none */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  /** @default 'spoor' */
  readonly userAgent?: string | undefined
  /** Whether the process may end while an answer is waited for. @default true */
  readonly unref?: boolean | undefined
}

/** Sends requests of presets over connections that are kept. */
export interface HttpClient {
  /**
   * Sends a request and reads the answer to its end, of which the first 64 KiB are kept. Redirects are not followed.
   *
   * @throws an error where there is no answer: an errno code, ETIMEDOUT with what it was that took too long, or what
   *   the signal was aborted with
   */
  exchange(request: PresetRequest, signal: AbortSignal): Promise<Answer>
  /** Closes all connections. */
  close(): void
}

const CONNECT_TIMEOUT_MS = 10_000
const TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 15_000
const KEPT_BYTES = 64 * 1024
/** Past this the connection is given up instead of read: no back end has so much to say. */
const READ_BYTES = 1024 * 1024
// What gzip would save is less than its own header.
const WORTH_COMPRESSING = 512

const compress = promisify(gzip)

/** A request with its body, ready to be written, any number of times. */
interface Outgoing {
  readonly url: URL
  readonly options: http.RequestOptions
  readonly body: Uint8Array
}

/** Of a connection that was kept: closed by the other side while it was idle, it seems. */
class StaleConnectionError extends Error {}

/** Makes the client. node:http and not fetch: fetch has no time-out for connecting, no agent, and follows redirects. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { compression = 'none', userAgent = 'spoor', unref = true } = options
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const kept = { keepAlive: true, timeout: options.agentKeepAliveMs ?? KEEP_ALIVE_MS }
  const agents = {
    'http:': new http.Agent(kept),
    'https:': new https.Agent({ ...kept, ...tlsOf(options) }),
  }

  async function prepared({ url: address, method, headers, body }: PresetRequest): Promise<Outgoing> {
    const url = new URL(address)
    const plain = typeof body === 'string' ? Buffer.from(body) : body
    const isCompressed = compression === 'gzip' && plain.length >= WORTH_COMPRESSING
    // The same bytes at each try: gzip's time stamp is 0 here.
    const written = isCompressed ? await compress(plain) : plain
    const sent: Record<string, string | number> = {
      'user-agent': userAgent,
      ...headers,
      'content-length': written.length,
    }
    if (isCompressed) sent['content-encoding'] = 'gzip'
    return {
      url,
      body: written,
      options: { ...urlToHttpOptions(url), method: method ?? 'POST', headers: sent },
    }
  }

  function send({ url, options: requestOptions, body }: Outgoing, signal: AbortSignal): Promise<Answer> {
    const secure = url.protocol === 'https:'
    const agent = secure ? agents['https:'] : agents['http:']
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request({ ...requestOptions, agent })
      const watch = watchRequest(request, { secure, connectTimeoutMs, timeoutMs, unref, signal })
      let answered = false
      const fail = (error: Error): void => {
        watch.end()
        reject(watch.causeOf(error))
      }
      request.once('response', (response) => {
        answered = true
        readAnswer(response).then((answer) => {
          watch.end()
          resolve(answer)
        }, fail)
      })
      // A switch to another protocol, which was not asked for: without a listener nothing would tell of it.
      request.once('upgrade', (_response, socket) => {
        socket.destroy()
        fail(new Error('it answers 101 and would speak another protocol'))
      })
      // It stays, since a request may fail again after it was given up. From Node 24 on it fails besides its response:
      // what was answered counts, though the rest of the request could not be written.
      request.on('error', (error) => {
        if (!answered) fail(error)
      })
      request.end(body)
    })
  }

  async function exchange(request: PresetRequest, signal: AbortSignal): Promise<Answer> {
    const outgoing = await prepared(request)
    signal.throwIfAborted()
    try {
      return await outsideScopes(() => send(outgoing, signal))
    } catch (error) {
      if (!(error instanceof StaleConnectionError)) throw error
      // Where one was closed the others may be too.
      closeIdle()
      return outsideScopes(() => send(outgoing, signal))
    }
  }

  function closeIdle(): void {
    for (const { freeSockets } of Object.values(agents))
      for (const sockets of Object.values(freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  return {
    exchange,
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function tlsOf({ ca, cert, key }: HttpClientOptions): https.AgentOptions {
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

interface WatchOptions {
  readonly secure: boolean
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
  readonly unref: boolean
  readonly signal: AbortSignal
}

/** Gives a request up in time. */
interface Watch {
  /** It has come to an end. */
  end(): void
  /** What an error of the request comes from. */
  causeOf(error: NodeJS.ErrnoException): unknown
}

const STALE_CODES: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

function watchRequest(request: http.ClientRequest, options: WatchOptions): Watch {
  const { secure, connectTimeoutMs, timeoutMs, unref, signal } = options
  let connection: Socket | undefined
  let readBefore = 0
  // Why we gave it up ourselves: what Node says then is only that the connection has gone.
  let cause: unknown
  const giveUp = (why: unknown): void => {
    cause ??= why
    request.destroy()
  }
  const limit = (what: string, ms: number): NodeJS.Timeout => {
    const timer = after(ms, () => giveUp(timedOut(what, ms)))
    return unref ? timer.unref() : timer
  }
  const connecting = limit('the connection', connectTimeoutMs)
  const answering = limit('the answer', timeoutMs)
  const abort = (): void => giveUp(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  request.once('socket', (socket) => {
    connection = socket
    readBefore = socket.bytesRead
    if (unref) socket.unref()
    const connected = (): void => clearTimeout(connecting)
    if (!socket.connecting && (request.reusedSocket || !secure)) connected()
    else socket.once(secure ? 'secureConnect' : 'connect', connected)
  })
  return {
    end() {
      clearTimeout(connecting)
      clearTimeout(answering)
      signal.removeEventListener('abort', abort)
    },
    causeOf(error) {
      if (cause !== undefined) return cause
      const nothingRead = connection?.bytesRead === readBefore
      const stale = request.reusedSocket && nothingRead && STALE_CODES.includes(error.code)
      return stale ? new StaleConnectionError(error.message) : error
    },
  }
}

async function readAnswer(response: http.IncomingMessage): Promise<Answer> {
  const kept: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (bytes < KEPT_BYTES) kept.push(chunk.subarray(0, KEPT_BYTES - bytes))
      bytes += chunk.length
      if (bytes > READ_BYTES) break
    }
  } catch (error) {
    // Half a yes may be a no further down; a no is one from its first line on.
    if ((response.statusCode ?? 0) < 300) throw error
  }
  return {
    status: response.statusCode ?? 0,
    headers: headersOf(response),
    body: Buffer.concat(kept).toString('utf8'),
  }
}

function headersOf(response: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  return headers
}

function timedOut(what: string, ms: number): Error {
  return Object.assign(new Error(`${what} took longer than ${ms / 1000} s`), { code: 'ETIMEDOUT' })
}
