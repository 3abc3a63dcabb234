import { Buffer } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { pack } from '../../../src/shipping/destinations/msgpack.ts'
import { unpack } from '../../../src/shipping/destinations/msgpack-reader.ts'
import type { Certificate } from '../../support/certificate.ts'

export interface ForwardEvent {
  readonly tag: string
  /** ns since the epoch. */
  readonly timeNs: bigint
  readonly record: Readonly<Record<string, unknown>>
}

/** What becomes of the next chunk. */
export type ChunkFailure =
  /** Stored, never acknowledged. */
  | 'no ack'
  /** Stored, another chunk acknowledged. */
  | 'wrong ack'
  /** Stored, the connection reset in place of an acknowledgement. */
  | 'reset after'
  /** The connection reset once a part of the chunk has come. */
  | 'reset within'
  /** Stored, answered with bytes that are no MessagePack. */
  | 'garbage'

export interface FakeForwardOptions {
  readonly sharedKey?: string | undefined
  /** The key that it proves to know, where that is another. */
  readonly provenKey?: string | undefined
  /** Users and their passwords; asked for where there are any. */
  readonly users?: Readonly<Record<string, string>> | undefined
  readonly keepalive?: boolean | undefined
  readonly tls?: Certificate | undefined
  /** Listens on a unix socket. */
  readonly path?: string | undefined
  /** Sends its nonce as a str, as Fluentd does with an old msgpack: its bytes need not be a text. */
  readonly isNonceText?: boolean | undefined
  /** Says nothing at the beginning, though a key is expected. */
  readonly isMute?: boolean | undefined
}

export interface FakeForward {
  readonly port: number
  /** Chunks stored, by name; one that came twice is there twice. */
  readonly chunks: readonly string[]
  readonly events: readonly ForwardEvent[]
  /** What is wrong with what came; empty where all of it was right. */
  readonly complaints: readonly string[]
  readonly connections: number
  failNext(...failures: readonly ChunkFailure[]): void
  /** Acknowledges what it has not yet. */
  acknowledgeAll(): void
  /** Resolves once that many chunks are stored. */
  stored(count: number): Promise<void>
  /** Closes every connection, and goes on listening. */
  disconnect(): void
  close(): Promise<void>
}

interface Session {
  readonly socket: Socket
  readonly nonce: Buffer
  readonly salt: Buffer
  isIn: boolean
  received: Buffer
}

const SERVER_NAME = 'fake.forward.test'
const sha512 = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** A forward server, version 1: strict about every message, told when to break its word. */
export async function fakeForward(options: FakeForwardOptions = {}): Promise<FakeForward> {
  const { sharedKey, provenKey = sharedKey, users = {}, keepalive = true } = options
  const chunks: string[] = []
  const events: ForwardEvent[] = []
  const complaints: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let failures: ChunkFailure[] = []
  let owed: { socket: Socket; chunk: string }[] = []
  let watchers: (() => void)[] = []

  function greet(session: Session): void {
    const auth = Object.keys(users).length === 0 ? Buffer.alloc(0) : session.salt
    const helo = pack(['HELO', { nonce: session.nonce, auth, keepalive }])
    // bin 8 of 16 bytes becomes a str of 16.
    const asText = Buffer.from(helo.toString('latin1').replace('\xc4\x10', '\xb0'), 'latin1')
    session.socket.write(options.isNonceText === true ? asText : helo)
  }

  /** What is wrong with a PING; undefined where it is right. */
  function troubleOf(message: readonly unknown[], { nonce, salt: auth }: Session): string | undefined {
    const [name, hostname, salt, digest, user, password] = message
    if (message.length !== 6 || message.some((part) => typeof part !== 'string') || name !== 'PING')
      return 'invalid ping message'
    const said = String(salt)
    if (digest !== sha512(said, String(hostname), nonce, sharedKey ?? '')) return 'shared_key mismatch'
    if (Object.keys(users).length === 0) return user === '' && password === '' ? undefined : 'unasked'
    const known = users[String(user)]
    const isKnown = known !== undefined && password === sha512(auth, String(user), known)
    return isKnown ? undefined : 'username/password mismatch'
  }

  function letIn(session: Session, message: readonly unknown[]): void {
    const trouble = troubleOf(message, session)
    if (trouble !== undefined) {
      session.socket.end(pack(['PONG', false, trouble, '', '']))
      return
    }
    const digest = sha512(String(message[2]), SERVER_NAME, session.nonce, provenKey ?? '')
    session.socket.write(pack(['PONG', true, '', SERVER_NAME, digest]))
    session.isIn = true
  }

  function store(session: Session, message: unknown): void {
    const { tag, entries, chunk } = checked(message)
    events.push(...entries.map((entry) => ({ ...entry, tag })))
    chunks.push(chunk)
    const failure = failures.shift()
    const { socket } = session
    if (failure === undefined) socket.write(pack({ ack: chunk }))
    else if (failure === 'no ack') owed.push({ socket, chunk })
    else if (failure === 'wrong ack') socket.write(pack({ ack: `not ${chunk}` }))
    else if (failure === 'garbage') socket.write(Buffer.from([0xc1, 0xc1]))
    else socket.resetAndDestroy()
    if (!keepalive && failure === undefined) socket.end()
    const told = watchers
    watchers = []
    for (const tell of told) tell()
  }

  function read(session: Session, bytes: Buffer): void {
    if (session.isIn && failures[0] === 'reset within') {
      failures.shift()
      session.socket.resetAndDestroy()
      return
    }
    session.received = Buffer.concat([session.received, bytes])
    for (;;) {
      const message = unpack(session.received)
      if (message === undefined) return
      session.received = session.received.subarray(message.end)
      if (session.isIn) store(session, message.value)
      else letIn(session, message.value as unknown[])
    }
  }

  function accept(socket: Socket): void {
    connections++
    sockets.add(socket)
    const session: Session = {
      socket,
      nonce: randomBytes(16),
      salt: randomBytes(16),
      isIn: sharedKey === undefined,
      received: Buffer.alloc(0),
    }
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes) => {
      try {
        read(session, bytes)
      } catch (error) {
        complaints.push((error as Error).message)
        socket.destroy()
      }
    })
    if (sharedKey !== undefined && options.isMute !== true) greet(session)
  }

  const server: Server =
    options.tls === undefined ? createServer(accept) : createSecureServer({ ...options.tls }, accept)
  await new Promise<void>((resolve) => {
    if (options.path === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(options.path, resolve)
  })
  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: options.path === undefined ? (server.address() as AddressInfo).port : 0,
    chunks,
    events,
    complaints,
    get connections() {
      return connections
    },
    failNext: (...next) => {
      failures = [...next]
    },
    acknowledgeAll() {
      for (const { socket, chunk } of owed) socket.write(pack({ ack: chunk }))
      owed = []
    },
    async stored(count) {
      while (chunks.length < count) await new Promise<void>((resolve) => watchers.push(resolve))
    },
    disconnect,
    close() {
      disconnect()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

interface Checked {
  readonly tag: string
  readonly chunk: string
  readonly entries: readonly Omit<ForwardEvent, 'tag'>[]
}

/** A message's parts; an error for one that is no PackedForward or CompressedPackedForward with an ack asked for. */
function checked(message: unknown): Checked {
  if (!Array.isArray(message) || message.length !== 3) throw new Error('a message has three parts')
  const [tag, packed, option] = message as [unknown, unknown, Record<string, unknown>]
  if (typeof tag !== 'string' || tag === '') throw new Error('a tag is a text')
  if (!Buffer.isBuffer(packed)) throw new Error('entries are bytes')
  const { chunk, size, compressed, ...others } = option
  if (Object.keys(others).length > 0) throw new Error(`an option ${Object.keys(others)} is unknown`)
  if (typeof chunk !== 'string' || Buffer.from(chunk, 'base64').length !== 16)
    throw new Error('a chunk is 128 bits in base64')
  if (compressed !== undefined && compressed !== 'gzip') throw new Error(`compressed is ${compressed}`)
  const entries = entriesIn(compressed === 'gzip' ? gunzipSync(packed) : packed)
  if (entries.length !== size) throw new Error(`${entries.length} entries, size says ${size}`)
  return { tag, chunk, entries }
}

function entriesIn(bytes: Buffer): Omit<ForwardEvent, 'tag'>[] {
  const entries: Omit<ForwardEvent, 'tag'>[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const entry = unpack(bytes, offset)
    if (entry === undefined) throw new Error('the last entry is torn')
    offset = entry.end
    const [time, record] = entry.value as [{ extension?: number; bytes?: Buffer }, Record<string, unknown>]
    if (time?.extension !== 0 || time.bytes?.length !== 8) throw new Error('a time is an EventTime')
    const ns = time.bytes.readUInt32BE(4)
    if (ns >= 1e9) throw new Error(`an EventTime has ${ns} ns`)
    if (typeof record !== 'object' || record === null) throw new Error('a record is a map')
    entries.push({ timeNs: BigInt(time.bytes.readUInt32BE(0)) * 1_000_000_000n + BigInt(ns), record })
  }
  return entries
}
