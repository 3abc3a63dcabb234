import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createEventLog, type FaultEvent } from './faults/events.ts'
import { PASS, type ProxiedRequest, type Rule } from './faults/fault.ts'
import { createHttpFront } from './faults/http.ts'
import { createTcpFront } from './faults/tcp.ts'
import { listenAnywhere, listenOn } from './free-port.ts'

/**
 * A proxy between a shipper and its back end, real sockets on both sides, that does what networks and overloaded
 * servers do. What is not told otherwise passes through as it came. Over plain TCP (fluentforward, syslog) each
 * connection takes the place of a request.
 */
export interface FaultProxy {
  readonly port: number
  /** Where clients are sent: `http://127.0.0.1:<port>`, `tcp://…` for a target of plain TCP. */
  readonly url: string
  /** One each for the coming requests, in this order, before what `always` says. */
  next(...rules: Rule[]): void
  /** For all requests that `next` leaves, from now on; with `forMs` only so long, then they pass. */
  always(rule: Rule, forMs?: number): void
  /** Closes the port, so that the kernel refuses, and resets all connections; with `forMs` only so long. */
  refuse(forMs?: number): Promise<void>
  /** Opens the port again. */
  accept(): Promise<void>
  /** Requests that the target has answered; over TCP, connections to it. */
  readonly passedOn: number
  /** What happened, in order. */
  readonly events: readonly FaultEvent[]
  /** How many events agree with all that is given: `count({ kind: 'fault', fault: 'reset' })`. */
  count(wanted: Partial<FaultEvent>): number
  /** Resolves with the `count`th event that agrees, counted from the start, also if it was long ago. @default 1 */
  happened(wanted: Partial<FaultEvent>, count?: number): Promise<FaultEvent>
  /** Connections that are open now. */
  readonly connections: number
  close(): Promise<void>
}

/** @param target `http://host:port`, whose paths are the proxy's, or `tcp://host:port` */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const log = createEventLog()
  const sockets = new Set<Socket>()
  const script: Rule[] = []
  let standing: Rule = PASS
  let periods: NodeJS.Timeout[] = []

  function decide(request: ProxiedRequest) {
    const rule = script.shift() ?? standing
    return typeof rule === 'function' ? rule(request) : rule
  }

  const url = new URL(target)
  const createFront = url.protocol === 'http:' ? createHttpFront : createTcpFront
  const front = createFront({ target: url, log, decide, refuse: (forMs) => void refuse(forMs) })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    log.add({ kind: 'connection' })
    front(socket)
  })
  const port = await listenAnywhere(server)

  function later(forMs: number | undefined, act: () => void): void {
    if (forMs !== undefined) periods.push(setTimeout(act, forMs))
  }

  async function refuse(forMs?: number): Promise<void> {
    await stopListening()
    log.add({ kind: 'refusing' })
    later(forMs, () => void accept())
  }

  async function accept(): Promise<void> {
    if (server.listening) return
    await listenOn(server, port)
    log.add({ kind: 'accepting' })
  }

  async function stopListening(): Promise<void> {
    for (const socket of sockets) socket.resetAndDestroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }

  return {
    port,
    url: `${url.protocol}//127.0.0.1:${port}`,
    next: (...rules) => void script.push(...rules),
    always(rule, forMs) {
      standing = rule
      later(forMs, () => {
        standing = PASS
      })
    },
    refuse,
    accept,
    get passedOn() {
      return log.count({ kind: 'passed-on' })
    },
    events: log.events,
    count: log.count,
    happened: log.happened,
    get connections() {
      return sockets.size
    },
    async close() {
      for (const timer of periods) clearTimeout(timer)
      periods = []
      await stopListening()
    },
  }
}
