import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import type { Certificate } from '../../support/certificate.ts'

export interface SyslogMessage {
  readonly facility: number
  readonly severity: number
  readonly timestamp: string
  readonly hostname: string
  readonly appName: string
  readonly procId: string
  readonly msgId: string
  readonly structuredData: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly msg: string
  /** Of the whole message. */
  readonly bytes: number
}

export interface FakeSyslogOptions {
  readonly transport: 'udp' | 'tcp'
  readonly tls?: Certificate | undefined
  /** Listens on a unix socket. */
  readonly path?: string | undefined
}

/** How the next connection is dealt with. */
export type StreamFailure =
  /** Closed without a look at it. */
  | 'close at once'
  /** Its side closed, and not read. */
  | 'end at once'
  /** Reset at the first bytes. */
  | 'reset'
  /** Read, and our side kept open. */
  | 'keep open'
  /** Not read. */
  | 'hang'
  /** Greeted, read and closed, as by something that is no syslog server. */
  | 'talk'

export interface FakeSyslog {
  readonly port: number
  readonly messages: readonly SyslogMessage[]
  readonly complaints: readonly string[]
  readonly connections: number
  /** Each is for one connection; 'keep open' and 'hang' as `always` for all. */
  failNext(...failures: readonly StreamFailure[]): void
  always: StreamFailure | undefined
  /** Resolves once that many messages are there. */
  received(count: number): Promise<void>
  disconnect(): void
  close(): Promise<void>
}

/** A syslog server that takes nothing but RFC 5424, octet-counted over streams. */
export async function fakeSyslog(options: FakeSyslogOptions): Promise<FakeSyslog> {
  const messages: SyslogMessage[] = []
  const complaints: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let failures: StreamFailure[] = []
  let watchers: (() => void)[] = []

  function take(bytes: Buffer): void {
    try {
      messages.push(parseSyslog(bytes))
    } catch (error) {
      complaints.push(`${(error as Error).message}: ${bytes.toString('latin1').slice(0, 200)}`)
    }
    const told = watchers
    watchers = []
    for (const tell of told) tell()
  }

  function accept(socket: Socket): void {
    connections++
    const failure = failures.shift() ?? fake.always
    socket.on('error', () => {})
    if (failure === 'talk') socket.write('220 ready\r\n')
    if (failure === 'close at once') socket.destroy()
    if (failure === 'end at once') socket.end()
    if (failure === 'close at once' || failure === 'end at once' || failure === 'hang') return
    let received: Buffer = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      if (failure === 'reset') {
        socket.resetAndDestroy()
        return
      }
      received = Buffer.concat([received, bytes])
      received = takeFrames(received, take, (complaint) => {
        complaints.push(complaint)
        socket.destroy()
      })
    })
    socket.on('end', () => {
      if (received.length > 0) complaints.push(`${received.length} bytes without a whole message at the end`)
      if (failure !== 'keep open') socket.end()
    })
  }

  function track(socket: Socket): void {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }

  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const { port, close } =
    options.transport === 'udp' ? await listenDatagrams(take) : await listenStreams(options, accept, track)
  const fake: FakeSyslog = {
    port,
    messages,
    complaints,
    get connections() {
      return connections
    },
    failNext: (...next) => {
      failures = [...next]
    },
    always: undefined,
    async received(count) {
      while (messages.length + complaints.length < count)
        await new Promise<void>((resolve) => watchers.push(resolve))
    },
    disconnect,
    close() {
      disconnect()
      return close()
    },
  }
  return fake
}

interface Listening {
  readonly port: number
  close(): Promise<void>
}

async function listenDatagrams(take: (bytes: Buffer) => void): Promise<Listening> {
  const socket = createSocket('udp4')
  socket.on('message', take)
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { port: socket.address().port, close: () => new Promise((resolve) => socket.close(() => resolve())) }
}

async function listenStreams(
  options: FakeSyslogOptions,
  accept: (socket: Socket) => void,
  track: (socket: Socket) => void,
): Promise<Listening> {
  const settings = { allowHalfOpen: true }
  const server: Server =
    options.tls === undefined
      ? createServer(settings, accept)
      : createSecureServer({ ...settings, ...options.tls }, accept)
  // Of TLS the connection below too, which is there before a handshake has failed.
  server.on('connection', track)
  await new Promise<void>((resolve) => {
    if (options.path === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(options.path, resolve)
  })
  const port = options.path === undefined ? (server.address() as AddressInfo).port : 0
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

/** Takes whole octet-counted messages off the front, and gives back the rest. */
function takeFrames(
  bytes: Buffer,
  take: (message: Buffer) => void,
  complain: (text: string) => void,
): Buffer {
  let rest = bytes
  for (;;) {
    const space = rest.indexOf(0x20)
    if (space === -1) {
      if (rest.length > 10) complain('no length in front of a message')
      return rest
    }
    const digits = rest.toString('latin1', 0, space)
    if (!/^[1-9]\d{0,9}$/.test(digits)) {
      complain(`"${digits.slice(0, 20)}" is no length`)
      return Buffer.alloc(0)
    }
    const end = space + 1 + Number(digits)
    if (end > rest.length) return rest
    take(rest.subarray(space + 1, end))
    rest = rest.subarray(end)
  }
}

const HEADER =
  /^<(0|[1-9]\d{0,2})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /
const SD_NAME = /^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}$/

/** A message by the grammar of RFC 5424, section 6; an error where it does not follow it. */
export function parseSyslog(bytes: Buffer): SyslogMessage {
  const text = bytes.toString('latin1')
  const header = HEADER.exec(text)
  if (header === null) throw new Error('no header of RFC 5424')
  const [whole, priority, timestamp, hostname, appName, procId, msgId] = header as unknown as string[]
  if (Number(priority) > 191) throw new Error(`PRI ${priority}`)
  const rest = bytes.subarray((whole as string).length)
  const { elements, end } = structuredDataIn(rest)
  if (end < rest.length && rest[end] !== 0x20) throw new Error('no space behind the structured data')
  const content = rest.subarray(end + 1)
  const msg = content.toString()
  if (Buffer.byteLength(msg) !== content.length) throw new Error('the message is no UTF-8')
  return {
    facility: Number(priority) >> 3,
    severity: Number(priority) & 7,
    timestamp: timestamp as string,
    hostname: hostname as string,
    appName: appName as string,
    procId: procId as string,
    msgId: msgId as string,
    structuredData: elements,
    msg,
    bytes: bytes.length,
  }
}

function structuredDataIn(bytes: Buffer): {
  elements: Record<string, Record<string, string>>
  end: number
} {
  const text = bytes.toString('latin1')
  const elements: Record<string, Record<string, string>> = {}
  if (text.startsWith('-')) return { elements, end: 1 }
  let offset = 0
  while (text[offset] === '[') {
    const element = /^\[([^ \]]+)((?: [^=]+="(?:[^"\\\]]|\\[\s\S])*")*)\]/.exec(text.slice(offset))
    if (element === null) throw new Error('a torn element of structured data')
    const [all, id, parameters] = element as unknown as [string, string, string]
    if (!SD_NAME.test(id)) throw new Error(`SD-ID ${id}`)
    if (id in elements) throw new Error(`two elements ${id}`)
    elements[id] = parametersIn(parameters)
    offset += all.length
  }
  if (offset === 0) throw new Error('no structured data')
  return { elements, end: offset }
}

function parametersIn(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(/ ([^=]+)="((?:[^"\\\]]|\\[\s\S])*)"/g)) {
    if (!SD_NAME.test(name as string)) throw new Error(`PARAM-NAME ${name}`)
    const bytes = Buffer.from((value as string).replace(/\\(["\\\]])/g, '$1'), 'latin1')
    found[name as string] = bytes.toString()
  }
  return found
}
