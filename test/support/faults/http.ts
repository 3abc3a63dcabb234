import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { EventLog } from './events.ts'
import type { Fault, ProxiedRequest } from './fault.ts'
import { dribble, finish, untilGone } from './socket.ts'
import { askTarget, rawAnswer, type TargetAnswer } from './target.ts'

/** What both kinds of front need. */
export interface FrontOptions {
  readonly target: URL
  readonly log: EventLog
  readonly decide: (request: ProxiedRequest) => Fault | Promise<Fault>
  readonly refuse: (forMs: number) => void
}

interface Exchange {
  readonly number: number
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly socket: Socket
  /** The body as it came. Rejects if the client goes before its end. */
  readonly raw: () => Promise<Buffer>
}

type Carry<K extends Fault['kind']> = (
  exchange: Exchange,
  fault: Extract<Fault, { kind: K }>,
  options: FrontOptions,
) => void | Promise<void>

const GARBAGE = Buffer.from('\u0000\u0001no HTTP at all\r\n\r\n\u00ff', 'latin1')

// Whatever a client does passes, and nobody but a fault ends a connection.
const SERVER = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, requireHostHeader: false }

/** Takes connections that speak HTTP/1.1 and does with each request what is decided for it. */
export function createHttpFront(options: FrontOptions): (socket: Socket) => void {
  let requests = 0
  const server = createServer(SERVER, (req, res) => {
    void exchange(req, res, ++requests, options)
  })
  // Or it would close what is to stay half-open. Node documents neither this nor another way.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('clientError', (_, socket) => socket.destroy())
  return (socket) => server.emit('connection', socket)
}

async function exchange(
  req: IncomingMessage,
  res: ServerResponse,
  number: number,
  options: FrontOptions,
): Promise<void> {
  const { socket } = req
  let whole: Promise<Buffer> | undefined
  const raw = () => {
    whole ??= buffer(req)
    return whole
  }
  try {
    const fault = await options.decide({
      number,
      method: req.method ?? '',
      path: req.url ?? '',
      headers: req.headers,
      body: async () => (req.headers['content-encoding'] === 'gzip' ? gunzipSync(await raw()) : await raw()),
    })
    options.log.add({ kind: 'request', request: number, fault: fault.kind })
    const carry = CARRY[fault.kind] as Carry<Fault['kind']>
    await carry({ number, req, res, socket, raw }, fault, options)
  } catch (error) {
    // The client went in the middle of its body; or a rule is wrong, which the test has to hear of.
    if (!socket.destroyed) throw error
    options.log.add({ kind: 'gone', request: number })
  }
}

const CARRY: { readonly [K in Fault['kind']]: Carry<K> } = {
  async pass(exchange, _, options) {
    const answer = await passOn(exchange, options)
    if (answer !== undefined) give(exchange.res, answer)
  },

  refuse({ number, socket }, fault, { log, refuse }) {
    socket.resetAndDestroy()
    refuse(fault.forMs)
    log.add({ kind: 'fault', request: number, fault: fault.kind })
  },

  hang({ number, req, socket }, fault, { log }) {
    req.pause()
    socket.pause()
    log.add({ kind: 'fault', request: number, fault: fault.kind })
  },

  async 'half-open'({ number, socket, raw }, fault, { log }) {
    await raw()
    untilGone(socket, () => log.add({ kind: 'gone', request: number, fault: fault.kind }))
    log.add({ kind: 'fault', request: number, fault: fault.kind })
  },

  async reset({ number, req, socket }, fault, { log }) {
    const bytes = await readSome(req, fault.afterBytes)
    socket.resetAndDestroy()
    log.add({ kind: 'fault', request: number, fault: fault.kind, bytes })
  },

  async 'lose-answer'(exchange, fault, options) {
    if ((await passOn(exchange, options)) === undefined) return
    exchange.socket.resetAndDestroy()
    options.log.add({ kind: 'fault', request: exchange.number, fault: fault.kind })
  },

  async slow(exchange, fault, options) {
    const answer = await passOn(exchange, options)
    if (answer === undefined) return
    options.log.add({ kind: 'fault', request: exchange.number, fault: fault.kind })
    await dribble(exchange.socket, rawAnswer(answer), fault.bytes, fault.everyMs)
    finish(exchange.socket)
  },

  async 'cut-answer'(exchange, fault, options) {
    const answer = await passOn(exchange, options)
    if (answer === undefined) return
    // What is sent must have left before the RST throws away what has not.
    exchange.socket.write(rawAnswer(answer).subarray(0, fault.afterBytes), () => {
      exchange.socket.resetAndDestroy()
      options.log.add({ kind: 'fault', request: exchange.number, fault: fault.kind })
    })
  },

  async answer(exchange, fault, options) {
    if (fault.passOn === true && (await passOn(exchange, options)) === undefined) return
    await exchange.raw()
    const body = Buffer.from(fault.body ?? '')
    const headers = Object.entries(fault.headers ?? {}).flat()
    if (fault.status !== 204) headers.push('content-length', String(body.length))
    give(exchange.res, { status: fault.status, message: '', headers, body })
    options.log.add({ kind: 'fault', request: exchange.number, fault: fault.kind })
  },

  async garbage({ number, socket, raw }, fault, { log }) {
    await raw()
    socket.write(GARBAGE)
    finish(socket)
    log.add({ kind: 'fault', request: number, fault: fault.kind })
  },

  async close({ number, socket, raw }, fault, { log }) {
    await raw()
    finish(socket)
    log.add({ kind: 'fault', request: number, fault: fault.kind })
  },
}

/** The target's answer; undefined if there is none, and the client's connection was then reset. */
async function passOn(exchange: Exchange, options: FrontOptions): Promise<TargetAnswer | undefined> {
  const { number, req, socket, raw } = exchange
  const body = await raw()
  try {
    const answer = await askTarget(options.target, req, body)
    options.log.add({ kind: 'passed-on', request: number, status: answer.status })
    return answer
  } catch {
    socket.resetAndDestroy()
    options.log.add({ kind: 'target-failed', request: number })
    return undefined
  }
}

/** Reads at least so much of the body, or all of it; how much it was. */
function readSome(req: IncomingMessage, atLeast: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    const take = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes >= atLeast) done()
    }
    const done = () => {
      req.off('data', take).off('end', done).pause()
      resolve(bytes)
    }
    if (atLeast === 0) done()
    else req.on('data', take).on('end', done).on('error', reject)
  })
}

/** Answers with these headers and none of Node's own. */
function give(res: ServerResponse, { status, message, headers, body }: TargetAnswer): void {
  res.sendDate = false
  for (const name of ['connection', 'transfer-encoding', 'content-length']) res.removeHeader(name)
  res.writeHead(status, message, headers)
  res.end(body)
}
