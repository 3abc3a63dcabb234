import type { Buffer } from 'node:buffer'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { after } from '../../segments/timers.ts'
import type { Verdict } from '../preset.ts'
import type { Sender } from './syslog-message.ts'

/**
 * Sent together, with a ms in between. A receiver's buffer holds less than a hundred messages by default (208 KiB on
 * Linux, 2 KiB and more for each), and what finds no room there is gone without a word.
 */
const TOGETHER = 32
const PAUSE_MS = 1

/** Sends each message as a datagram (RFC 5426), from a connected socket, so that a closed port is heard of. */
export function datagramSender(host: string, port: number): Sender {
  let socket: Promise<Socket> | undefined

  function opened(): Promise<Socket> {
    socket ??= connected(host, port).catch((error: unknown) => {
      socket = undefined
      throw error
    })
    return socket
  }

  function close(): void {
    socket?.then((open) => open.close()).catch(() => {})
    socket = undefined
  }

  async function send(messages: readonly Buffer[], signal: AbortSignal): Promise<Verdict> {
    try {
      return await sendAll(await opened(), messages, signal)
    } catch (error) {
      // The name may lead elsewhere the next time.
      close()
      throw error
    }
  }

  return { send, close }
}

async function sendAll(open: Socket, messages: readonly Buffer[], signal: AbortSignal): Promise<Verdict> {
  const refused: { index: number; reason: string }[] = []
  for (let i = 0; i < messages.length; i += TOGETHER) {
    if (i > 0) await new Promise<void>((resolve) => after(PAUSE_MS, resolve))
    signal.throwIfAborted()
    const some = messages.slice(i, i + TOGETHER)
    await Promise.all(
      some.map(async (message, k) => {
        const reason = await sendOne(open, message)
        if (reason !== undefined) refused.push({ index: i + k, reason })
      }),
    )
  }
  return refused.length === 0
    ? { kind: 'delivered' }
    : { kind: 'partly', refused, reason: 'messages too large for a datagram' }
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    // What ICMP tells comes with the next send too.
    socket.on('error', () => {})
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) {
        socket.close()
        reject(error)
        return
      }
      socket.unref()
      resolve(socket)
    })
  })
}

/** Undefined once the kernel has it, else why it never will. */
function sendOne(socket: Socket, message: Buffer): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    socket.send(message, (error) => {
      if (error === null) resolve(undefined)
      else if ((error as NodeJS.ErrnoException).code === 'EMSGSIZE')
        resolve(`${message.length} bytes: ${error.message}`)
      else reject(error)
    })
  })
}
