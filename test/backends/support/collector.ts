import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.ts'
import { build, cache } from './build.ts'
import { serverFolder } from './folder.ts'
import { listens } from './listens.ts'
import { type OtlpRecord, readOtlp } from './otlp.ts'
import { type Server, startServer } from './server.ts'

export interface CollectorOptions {
  /** More configuration, merged over servers/otelcol/otelcol.yaml as `--config` does: lists are replaced. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

export interface Collector extends Server {
  /** `http://127.0.0.1:<port>` of OTLP/HTTP; logs go to `/v1/logs`. */
  readonly url: string
  /** Port of fluentforward on 127.0.0.1. */
  readonly forwardPort: number
  /** All log records that were accepted so far, in the order of their requests. */
  records(): OtlpRecord[]
}

const CONFIG = join(import.meta.dirname, '../servers/otelcol/otelcol.yaml')

/** Starts an OpenTelemetry Collector with receivers of OTLP/HTTP and fluentforward. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  await build('otelcol')
  const folder = serverFolder('otelcol')
  const output = join(folder, 'records.jsonl')
  const more = join(folder, 'more.yaml')
  // JSON is YAML.
  writeFileSync(more, JSON.stringify(options.config ?? {}))
  const [port, forwardPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'the Collector',
    folder,
    command: [join(cache(), 'bin/otelcol'), '--config', CONFIG, '--config', more],
    env: { OTLP_PORT: String(port), FORWARD_PORT: String(forwardPort), OUT_FILE: output },
    // 405: this path takes only POST, and no other server would say so.
    ready: async () => (await fetch(`${url}/v1/logs`)).status === 405 && (await listens(forwardPort)),
  })
  return Object.assign(server, {
    url,
    forwardPort,
    records: () => (existsSync(output) ? readOtlp(readFileSync(output, 'utf8')) : []),
  })
}
