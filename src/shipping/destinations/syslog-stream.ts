import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { after, atEndOfTurn, clearTimeout } from '../../segments/timers.ts'
import type { Verdict } from '../preset.ts'
import { heldError, heldOrThrown, openStream, type Peer } from './socket.ts'
import { framed, type Sender } from './syslog-message.ts'

export interface StreamSettings {
  readonly peer: Peer
  /** How long the server may take to close its side after ours; 0: it is not asked to. */
  readonly confirmMs: number
}

const LONGEST_ROUND_TRIP_MS = 200
const UNCONFIRMED: Verdict = {
  kind: 'delivered',
  warning: 'the syslog server keeps its side of the connection open: handed over, but not known to be read',
}

/** Sends over TCP, TLS or a unix stream, octet-counted. */
export function streamSender({ peer, confirmMs }: StreamSettings): Sender {
  let confirms = confirmMs > 0
  // Whether this server closes its side: known once it has.
  let hasConfirmed = false
  let kept: Socket | undefined
  // What a connection took to open is a round trip and more.
  let roundTripMs = 0

  async function connection(signal: AbortSignal): Promise<Socket> {
    if (kept?.writable) return kept
    const begin = performance.now()
    const socket = await openStream(peer, signal).catch((error: unknown) => {
      throw explained(error)
    })
    // A failure while nothing is sent: the next batch finds it closed.
    socket.on('error', () => {})
    // What is said while nothing is sent must not fill our memory, and an end must be seen.
    socket.resume()
    roundTripMs = Math.min(performance.now() - begin, LONGEST_ROUND_TRIP_MS)
    return socket
  }

  async function sendAll(bytes: Buffer, signal: AbortSignal): Promise<Verdict> {
    const socket = await connection(signal)
    kept = undefined
    const patience = { closeMs: roundTripMs + 1, confirmMs: confirms ? confirmMs : 0 }
    const isRead = await handOver(socket, bytes, patience, signal)
    if (isRead) {
      hasConfirmed = true
      return { kind: 'delivered' }
    }
    if (!confirms) {
      kept = socket
      return { kind: 'delivered' }
    }
    socket.destroy()
    if (hasConfirmed) throw new Error(`the syslog server did not read to the end within ${confirmMs} ms`)
    // It is not its way, and will not be the next time: no batch waits for it again.
    confirms = false
    return UNCONFIRMED
  }

  return {
    async send(messages, signal) {
      try {
        return await sendAll(framed(messages), signal)
      } catch (error) {
        return heldOrThrown(error)
      }
    },
    close: () => kept?.destroy(),
  }
}

interface Patience {
  /** How long to wait with the end of our side. */
  readonly closeMs: number
  /** How long the server may take to end its own then; 0: our side stays open. */
  readonly confirmMs: number
}

/**
 * Writes all. With `confirmMs` it closes our side then: true once the server closes its own, which it does when it has
 * read to the end; false when it has not after that time. Rejects when the connection breaks or the signal comes.
 *
 * A server that closed before it had our bytes shows that within a round trip. So our end waits for one: what comes
 * before it is no answer to it.
 */
function handOver(
  socket: Socket,
  bytes: Buffer,
  { closeMs, confirmMs }: Patience,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    let isEnded = false
    let isAnswered = false
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.off('error', fail)
      socket.off('data', talks)
      socket.off('end', answered)
      socket.off('close', closed)
      isEnded = true
      act()
    }
    const fail = (error: unknown): void =>
      settle(() => {
        socket.destroy()
        reject(error)
      })
    const abort = (): void => fail(signal.reason)
    const tooEarly = (): void => fail(new Error('the syslog server closed before it had all'))
    // One that does is something else, and its end says nothing.
    const talks = (): void => fail(new Error('who listens there talks, and a syslog server never does'))
    const answered = (): void => {
      isAnswered = isEnded
      if (!isAnswered) tooEarly()
    }
    const closed = (): void => (isAnswered ? settle(() => resolve(true)) : tooEarly())
    const giveUp = (): void => settle(() => resolve(false))
    const endOurs = (): void => {
      if (isEnded) return
      isEnded = true
      socket.end()
      timer = after(confirmMs, () => atEndOfTurn(giveUp)).unref()
    }
    socket.on('error', fail)
    socket.on('data', talks)
    socket.on('end', answered)
    socket.on('close', closed)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
    socket.write(bytes, (error) => {
      if (error || isEnded) return
      if (confirmMs === 0) settle(() => resolve(false))
      // Behind what has come meanwhile.
      else timer = after(closeMs, () => atEndOfTurn(endOurs))
    })
  })
}

/** A unix socket of datagrams can't be reached from Node, whatever is tried again. */
function explained(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'EPROTOTYPE') return error
  return heldError(
    'the unix socket takes datagrams, which Node can not send; have the server listen on a stream or on UDP',
  )
}
