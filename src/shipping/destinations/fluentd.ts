import { hostname as ownHostname } from 'node:os'
import type { Destination } from '../destination.ts'
import type { Verdict } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { chunkOf, forwardMessage, type Identity } from './forward-messages.ts'
import { type ForwardSession, openForwardSession } from './forward-session.ts'
import { heldOrThrown, type Peer } from './socket.ts'

export interface FluentdOptions extends Omit<Peer, 'port'> {
  /** @default 24224 */
  readonly port?: number | undefined
  /** What Fluentd routes by; records of different tags go in different messages. @default 'spoor' */
  readonly tag?: string | ((record: Shipped) => string) | undefined
  /** The key of Fluentd's `<security>` section. @default none: the server asks for nothing */
  readonly sharedKey?: string | undefined
  /** Name of a user, where the server asks for one. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** The name that we tell the server in the handshake. @default the machine's */
  readonly hostname?: string | undefined
  /** CompressedPackedForward, which Fluentd understands from 0.14 on. @default false */
  readonly gzip?: boolean | undefined
  /** Most bytes of a batch's lines. @default 3,500,000: Fluent Bit takes 6 MB, Fluentd's chunks have 8 MB */
  readonly maxBytes?: number | undefined
  /** @default 10,000 */
  readonly maxCount?: number | undefined
  /** Most chunks that wait for their acknowledgement; with more than 1 the order is given up. @default 1 */
  readonly concurrency?: number | undefined
}

const PORT = 24224
const MAX_BYTES = 3_500_000
const MAX_COUNT = 10_000

/**
 * Fluentd, Fluent Bit or an OpenTelemetry Collector by the forward protocol, version 1, over TCP, TLS or a unix
 * socket. Every batch is a chunk that the server acknowledges; without that (within the shipper's time-out, or since
 * the connection broke) it is sent again, so that a chunk can arrive twice: `spoor_id` tells. With a shared key
 * both sides prove that they know it; a wrong one, on either side, is held.
 *
 * Event time is the record's, with ns; the record keeps its own `time` too.
 */
export function fluentdDestination(options: FluentdOptions = {}): Destination {
  const { tag = 'spoor', gzip = false } = options
  const peer: Peer = { host: options.host, port: options.port ?? PORT, path: options.path, tls: options.tls }
  const identity = identityOf(options)
  const tagOf = typeof tag === 'function' ? tag : () => tag
  let session: Promise<ForwardSession> | undefined

  async function opened(signal: AbortSignal): Promise<ForwardSession> {
    const before = session
    const open = await before?.catch(() => undefined)
    if (open !== undefined && !open.isOver) return open
    // Of several that find it over, the first opens it anew.
    if (session === before) session = openForwardSession(peer, identity, signal)
    return session as Promise<ForwardSession>
  }

  return {
    name: 'fluentd',
    maxBytes: options.maxBytes ?? MAX_BYTES,
    maxCount: options.maxCount ?? MAX_COUNT,
    concurrency: options.concurrency ?? 1,
    group: tagOf,
    async send(records, signal): Promise<Verdict> {
      const [first] = records
      if (first === undefined) return { kind: 'delivered' }
      try {
        const chunk = chunkOf(records)
        const message = await forwardMessage(tagOf(first), records, chunk, gzip)
        const open = await opened(signal)
        await open.deliver(message, chunk, signal)
        return { kind: 'delivered' }
      } catch (error) {
        return heldOrThrown(error)
      }
    },
    async close() {
      const open = await session?.catch(() => undefined)
      open?.close()
    },
  }
}

function identityOf(options: FluentdOptions): Identity | undefined {
  const { sharedKey, username, password, hostname = ownHostname() } = options
  return sharedKey === undefined ? undefined : { sharedKey, hostname, username, password }
}
