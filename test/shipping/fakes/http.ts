import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** A request as it came in, its body decompressed. */
export interface FakeRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  /** Bytes of the body as it was sent. */
  readonly sentBytes: number
  readonly gzipped: boolean
}

export interface FakeAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

/** What the next requests get instead of an answer of the back end's own. */
export type Failure =
  | FakeAnswer
  /** The connection is reset before an answer. */
  | 'reset'
  /** The request is handled as ever, then the connection is reset before the answer. */
  | 'reset after'

/** A real HTTP server that answers as a back end is documented to. */
export interface FakeHttp {
  readonly url: URL
  /** Requests that came in, failed ones too. */
  readonly requests: number
  failNext(count: number, failure: Failure): void
  close(): Promise<void>
}

export const json = (status: number, body: unknown): FakeAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** Starts a server on a free port of the loopback. */
export async function startFakeHttp(answer: (request: FakeRequest) => FakeAnswer): Promise<FakeHttp> {
  let requests = 0
  let failures: Failure[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      requests++
      handle(incoming, outgoing, Buffer.concat(chunks), failures.shift(), answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    get requests() {
      return requests
    },
    failNext(count, failure) {
      failures = Array.from({ length: count }, () => failure)
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function handle(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  sent: Buffer,
  failure: Failure | undefined,
  answer: (request: FakeRequest) => FakeAnswer,
): void {
  if (failure === 'reset') {
    incoming.socket.resetAndDestroy()
    return
  }
  const given = typeof failure === 'object' ? failure : answerTo(incoming, sent, answer)
  if (failure === 'reset after') {
    incoming.socket.resetAndDestroy()
    return
  }
  outgoing.writeHead(given.status, given.headers)
  outgoing.end(given.body)
}

function answerTo(
  incoming: IncomingMessage,
  sent: Buffer,
  answer: (request: FakeRequest) => FakeAnswer,
): FakeAnswer {
  const url = new URL(incoming.url ?? '/', 'http://localhost')
  const encoding = incoming.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'gzip' && encoding !== 'identity') return { status: 415, body: `no ${encoding} here` }
  let body = sent
  try {
    if (encoding === 'gzip') body = gunzipSync(sent)
  } catch {
    return { status: 400, body: 'the body is no gzip' }
  }
  return answer({
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body,
    sentBytes: sent.length,
    gzipped: encoding === 'gzip',
  })
}
