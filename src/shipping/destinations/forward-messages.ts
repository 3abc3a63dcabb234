import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { shown } from '../presets/answers.ts'
import { ID_FIELD } from '../presets/record-parts.ts'
import type { Shipped } from '../shipped.ts'
import { createPacker, type Extension, pack } from './msgpack.ts'

// Messages of the forward protocol, version 1 (Fluentd's wiki, Forward-Protocol-Specification-v1).

const compress = promisify(gzip)
const CHUNK_BYTES = 16
const EVENT_TIME = 0
const NANOSECONDS = 1_000_000
const LAST_SECOND = 0xffffffff

/** A chunk's name, 128 bits in base64: the same for the same records at each try, so that a late ack counts. */
export function chunkOf(records: readonly Shipped[]): string {
  const hash = createHash('sha256')
  for (const { id } of records) hash.update(id).update('\n')
  return hash.digest().subarray(0, CHUNK_BYTES).toString('base64')
}

/** PackedForward, or CompressedPackedForward, with the options that ask for an acknowledgement. */
export async function forwardMessage(
  tag: string,
  records: readonly Shipped[],
  chunk: string,
  isGzipped: boolean,
): Promise<Buffer> {
  const packer = createPacker()
  for (const shipped of records) {
    packer.addArray(2)
    packer.add(eventTime(shipped))
    packer.add({ ...shipped.record, [ID_FIELD]: shipped.id })
  }
  const entries = packer.bytes()
  return pack([
    tag,
    isGzipped ? await compress(entries) : entries,
    { size: records.length, chunk, compressed: isGzipped ? 'gzip' : undefined },
  ])
}

/** EventTime: seconds and ns, 32 bits each. A time outside 1970 to 2106 becomes the nearest that it can say. */
function eventTime({ timeMs, nth }: Shipped): Extension {
  const bytes = Buffer.alloc(8)
  const seconds = Math.floor(timeMs / 1000)
  bytes.writeUInt32BE(Math.min(Math.max(seconds, 0), LAST_SECOND), 0)
  bytes.writeUInt32BE(Math.floor(timeMs - seconds * 1000) * NANOSECONDS + nth, 4)
  return { extension: EVENT_TIME, bytes }
}

/** What the server greets with when it wants to know whom it has before it. */
export interface Helo {
  readonly nonce: Uint8Array
  /** Salt for the password; empty where it asks for none. */
  readonly auth: Uint8Array
  readonly keepalive: boolean
}

/** A message as it is read before the handshake is over: texts as bytes, since a nonce need not be one. */
export function heloOf(message: unknown): Helo | undefined {
  if (!Array.isArray(message) || textIn(message[0]) !== 'HELO') return undefined
  const options = (message[1] ?? {}) as Partial<Record<keyof Helo, unknown>>
  return {
    nonce: bytesIn(options.nonce),
    auth: bytesIn(options.auth),
    keepalive: options.keepalive !== false,
  }
}

export interface Identity {
  readonly sharedKey: string
  /** The name that we go by. */
  readonly hostname: string
  readonly username?: string | undefined
  readonly password?: string | undefined
}

export function pingMessage(helo: Helo, identity: Identity, salt: string): Buffer {
  const { hostname, sharedKey, username = '', password = '' } = identity
  const asksForUser = helo.auth.length > 0
  return pack([
    'PING',
    hostname,
    salt,
    digest(salt, hostname, helo.nonce, sharedKey),
    asksForUser ? username : '',
    asksForUser ? digest(helo.auth, username, password) : '',
  ])
}

/** Undefined where the server has let us in and knows the key itself; else why not. */
export function pongTrouble(
  message: unknown,
  helo: Helo,
  identity: Identity,
  salt: string,
): string | undefined {
  const [name, isLetIn, reason, hostname, said] = Array.isArray(message) ? (message as unknown[]) : []
  if (textIn(name) !== 'PONG') return 'it answered PING with no PONG'
  if (isLetIn !== true) return `it does not let us in: ${shown(textIn(reason))}`
  const expected = Buffer.from(digest(salt, bytesIn(hostname), helo.nonce, identity.sharedKey))
  const given = Buffer.from(bytesIn(said))
  const isOurs = given.length === expected.length && timingSafeEqual(given, expected)
  return isOurs ? undefined : 'it lets us in but does not know the shared key itself: it may be somebody else'
}

/** The chunk that an acknowledgement names. */
export function ackOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !Object.hasOwn(message, 'ack')) return undefined
  return textIn((message as { ack: unknown }).ack)
}

function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : ''
}

function bytesIn(value: unknown): Uint8Array {
  return Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : '')
}
