import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.ts'
import { build, cache } from './build.ts'
import { serverFolder } from './folder.ts'
import { type LokiEntry, type LokiQuestion, queryLoki } from './loki-query.ts'
import { type Server, startServer } from './server.ts'

export interface LokiOptions {
  /**
   * Of its limits_config, by Loki's names: ingestion_rate_mb, ingestion_burst_size_mb, per_stream_rate_limit,
   * per_stream_rate_limit_burst, reject_old_samples_max_age, block_ingestion_until, …
   */
  readonly limits?: Readonly<Record<string, unknown>> | undefined
  /** With tenants every request needs X-Scope-OrgID. @default false */
  readonly tenants?: boolean | undefined
  /** More of its flags: `-server.grpc-max-recv-msg-size-bytes=…` */
  readonly flags?: readonly string[] | undefined
}

export interface Loki extends Server {
  /** `http://127.0.0.1:<port>`; pushes go to `/loki/api/v1/push`. */
  readonly url: string
  /** Everything that a query finds, oldest first, however many there are. */
  lokiQuery(question: LokiQuestion): Promise<LokiEntry[]>
}

const CONFIG = join(import.meta.dirname, '../servers/loki/loki.yaml')

/** Starts a Loki 3.7 with its default limits, or with those given. */
export async function startLoki(options: LokiOptions = {}): Promise<Loki> {
  await build('loki')
  const folder = serverFolder('loki')
  const data = join(folder, 'data')
  mkdirSync(data)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'Loki',
    folder,
    command: [
      join(cache(), 'bin/loki'),
      `-config.file=${CONFIG}`,
      '-config.expand-env=true',
      ...(options.flags ?? []),
    ],
    env: {
      DATA_DIR: data,
      HTTP_PORT: String(port),
      GRPC_PORT: String(await freePort()),
      MULTI_TENANT: String(options.tenants === true),
      // Queries are ours: as far and as wide as they like, and not cut in pieces.
      LIMITS: JSON.stringify({ max_query_length: 0, split_queries_by_interval: 0, ...options.limits }),
    },
    ready: async () => (await fetch(`${url}/ready`)).status === 200,
  })
  return Object.assign(server, {
    url,
    lokiQuery: (question: LokiQuestion) => queryLoki(url, question),
  })
}
