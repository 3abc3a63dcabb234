import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectSecure } from 'node:tls'
import type { Verdict } from '../preset.ts'

/** Who is at the other end of a stream. */
export interface Peer {
  /** @default '127.0.0.1' */
  readonly host?: string | undefined
  readonly port: number
  /** A unix socket, in place of host and port. */
  readonly path?: string | undefined
  /** TLS, with its options (`ca`, `cert`, `key`, `servername`, …) or Node's defaults. @default none */
  readonly tls?: true | ConnectionOptions | undefined
}

/** An error that passes only once somebody has done something: the records are held. */
export type HeldError = Error & { readonly held: true }

export function heldError(reason: string): HeldError {
  return Object.assign(new Error(reason), { held: true as const })
}

const KEEP_ALIVE_MS = 60_000
// What Node calls a certificate that it does not believe.
const CERTIFICATE = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|ERR_TLS_CERT_)/

/** What a failed connection means: 'hold' where trying again alone is of no use; else it is thrown on, as no answer. */
export function heldOrThrown(error: unknown): Verdict {
  const { code, message, held } = error as NodeJS.ErrnoException & { held?: unknown }
  if (held === true) return { kind: 'hold', reason: message }
  if (typeof code === 'string' && CERTIFICATE.test(code))
    return { kind: 'hold', reason: `the server's certificate is not believed: ${message} (${code})` }
  throw error
}

/**
 * Opens a connection; rejects with the signal's reason when that comes first. It keeps no process alive: what was not
 * acknowledged is in the spool.
 */
export function openStream(peer: Peer, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const socket = dial(peer)
    socket.unref()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', abort)
      socket.off('error', fail)
      act()
    }
    const fail = (error: Error): void => settle(() => reject(error))
    const abort = (): void =>
      settle(() => {
        // What it still says is heard by nobody.
        socket.on('error', () => {})
        socket.destroy()
        reject(signal.reason)
      })
    signal.addEventListener('abort', abort)
    socket.on('error', fail)
    socket.once(peer.tls === undefined ? 'connect' : 'secureConnect', () => settle(() => resolve(socket)))
  })
}

function dial({ host = '127.0.0.1', port, path, tls }: Peer): Socket {
  const where = path === undefined ? { host, port } : { path }
  if (tls === undefined) return connectPlain(where)
  return connectSecure({ ...where, ...(tls === true ? {} : tls) })
}
