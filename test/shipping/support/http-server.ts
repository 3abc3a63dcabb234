import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:https'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** As it came. */
  readonly raw: Buffer
  /** Decompressed. */
  readonly body: string
  /** 1, 2, …: the connection that it came over. */
  readonly connection: number
}

export type Handler = (received: Received, response: ServerResponse, request: IncomingMessage) => void

/** A server that reads every request to its end, notes it, and answers as it is told. */
export async function httpServer(
  handler: Handler = (_, response) => response.writeHead(204).end(),
  tls?: ServerOptions,
) {
  const received: Received[] = []
  const sockets = new Map<Socket, number>()
  let connections = 0
  const state = { handler }
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    // A test may break the request off.
    for await (const chunk of request.on('error', () => {})) chunks.push(chunk)
    const raw = Buffer.concat(chunks)
    const one: Received = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      raw,
      body: (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString(),
      connection: sockets.get(request.socket) ?? 0,
    }
    received.push(one)
    state.handler(one, response, request)
  }
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.set(socket, ++connections)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    server,
    state,
    received,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    /** Closes what is open, as a server does that has had enough of an idle connection. */
    closeConnections() {
      for (const socket of sockets.keys()) socket.destroy()
    },
    get connections() {
      return connections
    },
  }
}
