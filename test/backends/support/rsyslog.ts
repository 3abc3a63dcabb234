import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.ts'
import { makeCertificate } from './certificate.ts'
import { serverFolder } from './folder.ts'
import { listens } from './listens.ts'
import { type Server, startServer } from './server.ts'

export interface Rsyslog extends Server {
  /** `tcp://127.0.0.1:<port>`, RFC 6587 with octet counting */
  readonly url: string
  readonly tcpPort: number
  readonly udpPort: number
  /** Of TLS over TCP; its certificate is signed by `ca` (PEM) and good for localhost and 127.0.0.1. */
  readonly tlsPort: number
  readonly ca: string
  /** Of a stream socket (SOCK_STREAM), octet counting too. */
  readonly unixPath: string
  /** All messages written so far. */
  lines(): RsyslogLine[]
}

/** A message as it came, and what rsyslog understood of it. */
export interface RsyslogLine {
  readonly input: 'tcp' | 'tls' | 'imudp' | 'unix'
  /** All of it, without its frame. */
  readonly raw: string
  readonly pri: string
  /** RFC 3339 */
  readonly timestamp: string
  readonly hostName: string
  readonly appName: string
  readonly procId: string
  readonly msgId: string
  readonly structuredData: string
  readonly message: string
}

const CONFIG = join(import.meta.dirname, '../servers/rsyslog/rsyslog.conf')

/** Starts Debian's rsyslog with inputs of TCP, TLS, UDP and a unix socket. */
export async function startRsyslog(): Promise<Rsyslog> {
  const folder = serverFolder('rsyslog')
  const output = join(folder, 'messages.jsonl')
  const unixPath = join(folder, 'socket')
  const { ca, certificateFile, keyFile } = makeCertificate(folder)
  const [tcpPort, udpPort, tlsPort] = [await freePort(), await freePort(), await freePort()]
  const server = await startServer({
    name: 'rsyslog',
    folder,
    command: ['/usr/sbin/rsyslogd', '-n', '-f', CONFIG, '-i', join(folder, 'pid')],
    env: {
      TCP_PORT: String(tcpPort),
      UDP_PORT: String(udpPort),
      TLS_PORT: String(tlsPort),
      UNIX_PATH: unixPath,
      CERTIFICATE: certificateFile,
      KEY: keyFile,
      OUT_FILE: output,
    },
    // The one of TCP is the last that the configuration names.
    ready: () => listens(tcpPort),
  })
  return Object.assign(server, {
    url: `tcp://127.0.0.1:${tcpPort}`,
    tcpPort,
    udpPort,
    tlsPort,
    ca,
    unixPath,
    lines: () => (existsSync(output) ? read(readFileSync(output, 'utf8')) : []),
  })
}

/** What is behind the last newline is being written just now. */
function read(text: string): RsyslogLine[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
