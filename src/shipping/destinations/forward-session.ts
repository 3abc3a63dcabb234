import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { ackOf, type Helo, heloOf, type Identity, pingMessage, pongTrouble } from './forward-messages.ts'
import { unpack } from './msgpack-reader.ts'
import { heldError, openStream, type Peer } from './socket.ts'

/** One connection to a forward server, past its handshake. */
export interface ForwardSession {
  /** Sends a message and resolves when its chunk is acknowledged. With the signal the whole connection goes. */
  deliver(message: Buffer, chunk: string, signal: AbortSignal): Promise<void>
  /** True once nothing more can be sent. */
  readonly isOver: boolean
  close(): void
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** No message of a server's is larger than some hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024
const SALT_BYTES = 16

/**
 * Connects and shakes hands. Without `identity` the server is taken to ask for nothing; one that does is a reason to
 * hold.
 */
export async function openForwardSession(
  peer: Peer,
  identity: Identity | undefined,
  signal: AbortSignal,
): Promise<ForwardSession> {
  const socket = await openStream(peer, signal)
  const waiting = new Map<string, Waiting>()
  let received: Buffer = Buffer.alloc(0)
  // Why nothing more can be sent.
  let over: { readonly error: unknown } | undefined
  let isLast = false
  let take: (message: unknown) => void = takeAck
  let onOver: (error: unknown) => void = () => {}

  function end(error: unknown): void {
    if (over !== undefined) return
    over = { error }
    socket.destroy()
    onOver(error)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  function takeAck(message: unknown): void {
    if (heloOf(message) !== undefined) {
      end(heldError('the Fluentd asks for a shared key, and none is given: set sharedKey'))
      return
    }
    const chunk = ackOf(message)
    const one = chunk === undefined ? undefined : waiting.get(chunk)
    // An acknowledgement of what was given up meanwhile concerns nobody.
    if (chunk === undefined || one === undefined) return
    waiting.delete(chunk)
    one.resolve()
    if (waiting.size === 0 && isLast) end(new Error('the server wants a connection for each message'))
  }

  function read(bytes: Buffer): void {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
    try {
      for (;;) {
        const message = unpack(received, 0, { strings: 'bytes' })
        if (message === undefined) break
        received = received.subarray(message.end)
        take(message.value)
      }
    } catch (error) {
      end(new Error(`the server speaks no forward protocol: ${(error as Error).message}`))
    }
    if (received.length > MAX_ANSWER_BYTES) end(new Error('the server answers without an end'))
  }

  /** The next message during the handshake. */
  function next(expected: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const abort = (): void =>
        end(new Error(`no ${expected} came; has the server a shared key?`, { cause: signal.reason }))
      const settle = (): void => {
        signal.removeEventListener('abort', abort)
        take = takeAck
        onOver = () => {}
      }
      take = (message) => {
        settle()
        resolve(message)
      }
      onOver = (error) => {
        settle()
        reject(error)
      }
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort)
    })
  }

  async function shakeHands(known: Identity): Promise<void> {
    const helo: Helo | undefined = heloOf(await next('HELO'))
    if (helo === undefined) throw new Error('the server greets with no HELO: it speaks no forward protocol')
    isLast = !helo.keepalive
    const salt = randomBytes(SALT_BYTES).toString('hex')
    const pong = next('PONG')
    socket.write(pingMessage(helo, known, salt))
    const trouble = pongTrouble(await pong, helo, known, salt)
    if (trouble !== undefined) throw heldError(`the Fluentd and we do not agree: ${trouble}`)
  }

  socket.on('error', end)
  socket.on('close', () => end(new Error('the server closed the connection before its acknowledgement')))
  const hello = identity === undefined ? undefined : shakeHands(identity)
  socket.on('data', read)
  try {
    await hello
  } catch (error) {
    end(error)
    throw error
  }

  return {
    deliver(message, chunk, until) {
      return new Promise((resolve, reject) => {
        const abort = (): void => end(until.reason)
        const settled =
          <A extends unknown[]>(act: (...args: A) => void) =>
          (...args: A): void => {
            until.removeEventListener('abort', abort)
            act(...args)
          }
        waiting.set(chunk, { resolve: settled(resolve), reject: settled(reject) })
        if (over !== undefined || until.aborted) {
          waiting.delete(chunk)
          reject(until.aborted ? until.reason : over?.error)
          return
        }
        until.addEventListener('abort', abort)
        socket.write(message)
      })
    },
    get isOver() {
      return over !== undefined
    },
    close: () => end(new Error('closed')),
  }
}
