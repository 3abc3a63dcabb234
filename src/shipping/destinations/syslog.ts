import type { ConnectionOptions } from 'node:tls'
import { optionError } from '../../config/errors.ts'
import type { Destination } from '../destination.ts'
import { datagramSender } from './syslog-datagrams.ts'
import { type Sender, type SyslogFormat, syslogMessage } from './syslog-message.ts'
import { type StreamSettings, streamSender } from './syslog-stream.ts'

export interface SyslogOptions {
  /**
   * 'udp' (RFC 5426), 'tcp' with octet counting (RFC 6587), 'tls' (RFC 5425), 'unix': a stream socket, since Node
   * has no datagrams on unix sockets, which is what `/dev/log` takes.
   */
  readonly transport: 'udp' | 'tcp' | 'tls' | 'unix'
  /** @default '127.0.0.1' */
  readonly host?: string | undefined
  /** @default 514 for udp, 601 for tcp, 6514 for tls */
  readonly port?: number | undefined
  /** The unix socket. */
  readonly path?: string | undefined
  /** Node's options for TLS: `ca`, `cert`, `key`, `servername`, … */
  readonly tls?: ConnectionOptions | undefined
  /** 0 to 23. @default 16, local0 */
  readonly facility?: number | undefined
  /** 'line': the record as JSON. 'msg': its message alone. @default 'line' */
  readonly content?: 'line' | 'msg' | undefined
  /** Most bytes of a message, 480 and more. @default 2048 for udp, else 8192: what receivers should take */
  readonly maxMessageBytes?: number | undefined
  /**
   * An element of structured data with these keys of the record and its `id`: the id is a name that IANA knows, or
   * one's own with one's enterprise number, `spoor@32473`.
   *
   * @default none; a trace is in an element `opentelemetry` in any case
   */
  readonly structuredData?: { readonly id: string; readonly keys: readonly string[] } | undefined
  /**
   * How long to wait, in ms, for a stream's server to close its side after ours, which says that it has read all.
   *
   * @default 5000; 0 waits for nothing and keeps the connection
   */
  readonly confirmMs?: number | undefined
}

const PORTS = { udp: 514, tcp: 601, tls: 6514, unix: 0 } as const
const DATAGRAM_BYTES = 2048
const STREAM_BYTES = 8192
const LEAST_BYTES = 480
const CONFIRM_MS = 5000
const MAX_BYTES = 1024 * 1024
const MAX_COUNT = 1000
const SD_NAME = /^[\x21-\x7e]{1,32}$/

/**
 * A syslog server, by RFC 5424. Syslog acknowledges nothing. Over a stream, every batch has a connection of its own
 * that we close first: a server that has read all closes it in turn, one that died with some of it unread resets it, and
 * then the batch is sent again. That is as much as TCP can tell, and of whoever is at its other end: a proxy's word is
 * the proxy's. Where a server never closes its side, 'delivered' says, with a warning, that the bytes were handed to
 * the network, and connections are kept; where it did so before, a batch is sent again. Over UDP 'delivered' never says
 * more than handed over.
 *
 * @throws TypeError ERR_SPOOR_OPTION for a facility, size, name or path that can't be
 */
export function syslogDestination(options: SyslogOptions): Destination {
  const format = formatOf(options)
  const sender = options.transport === 'udp' ? datagrams(options) : streamSender(streamOf(options))
  return {
    name: 'syslog',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: 1,
    send: (records, signal) =>
      sender.send(
        records.map((one) => syslogMessage(one, format)),
        signal,
      ),
    close: async () => sender.close(),
  }
}

function datagrams({ host = '127.0.0.1', port = PORTS.udp }: SyslogOptions): Sender {
  return datagramSender(host, port)
}

function streamOf(options: SyslogOptions): StreamSettings {
  const { transport, host, path, tls, confirmMs = CONFIRM_MS } = options
  if (transport === 'unix' && path === undefined)
    throw optionError({
      option: 'syslogDestination({ path })',
      value: path,
      expected: "a unix socket's path",
    })
  return {
    peer: {
      host,
      port: options.port ?? PORTS[transport],
      path: transport === 'unix' ? path : undefined,
      tls: transport === 'tls' ? (tls ?? true) : undefined,
    },
    confirmMs,
  }
}

function formatOf(options: SyslogOptions): SyslogFormat {
  const { facility = 16, content = 'line', structuredData } = options
  const { maxMessageBytes = options.transport === 'udp' ? DATAGRAM_BYTES : STREAM_BYTES } = options
  const check = (isRight: boolean, name: string, value: unknown, expected: string): void => {
    if (!isRight) throw optionError({ option: `syslogDestination({ ${name} })`, value, expected })
  }
  const isFacility = Number.isInteger(facility) && facility >= 0 && facility <= 23
  check(isFacility, 'facility', facility, 'a whole number from 0 to 23')
  const isSize = Number.isInteger(maxMessageBytes) && maxMessageBytes >= LEAST_BYTES
  check(isSize, 'maxMessageBytes', maxMessageBytes, `${LEAST_BYTES} or more`)
  const id = structuredData?.id ?? 'x'
  const isName = SD_NAME.test(id) && !/[="\]]/.test(id) && id !== 'opentelemetry'
  check(isName, 'structuredData.id', id, 'a name such as spoor@32473, of 32 characters at most')
  return { facility, content, maxMessageBytes, structuredData }
}
