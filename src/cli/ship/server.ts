import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { safeJson } from '../../config/safe-json.ts'
import type { Address } from './listen.ts'
import { METRICS_TYPE } from './metrics.ts'
import { usageError } from './usage.ts'
import type { Health } from './vitals.ts'

/** Answers /health and /metrics. */
export interface StatusServer {
  /** `http://127.0.0.1:9598` */
  readonly url: string
  close(): void
}

export interface StatusPages {
  health(): Health
  metrics(): string
}

/** @throws a usage error where the address can't be listened on */
export async function startServer({ host, port }: Address, pages: StatusPages): Promise<StatusServer> {
  const server = createServer((request, response) => answer(request, response, pages))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        usageError(`can't listen on ${host}:${port}: ${error.message}. Name another address with --listen.`),
      ),
    )
    server.listen(port, host, resolve)
  })
  const { address, port: found, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${found}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, pages: StatusPages): void {
  const { status, type, text } = pageFor(request, pages)
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : text)
}

function pageFor({ method, url = '' }: IncomingMessage, pages: StatusPages) {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: 'text/plain', text: 'GET alone\n' }
  const [path] = url.split('?')
  if (path === '/metrics') return { status: 200, type: METRICS_TYPE, text: pages.metrics() }
  if (path !== '/health') return { status: 404, type: 'text/plain', text: '/health or /metrics\n' }
  const { ok, ...health } = pages.health()
  return { status: ok ? 200 : 503, type: 'application/json', text: `${safeJson(JSON.stringify(health))}\n` }
}
