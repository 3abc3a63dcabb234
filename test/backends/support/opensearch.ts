import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.ts'
import { ask, askWell } from './ask.ts'
import { build, cache } from './build.ts'
import { serverFolder } from './folder.ts'
import { type Server, startServer } from './server.ts'

export interface OpenSearchOptions {
  /** More of its settings: `{ 'http.max_content_length': '1mb', 'thread_pool.write.queue_size': '1' }` */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

export interface OpenSearch extends Server {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** All documents of an index, a data stream or a pattern, however many there are. @param query @default all */
  documents(index: string, query?: unknown): Promise<StoredDocument[]>
  /** The fields that it made of an index, by dotted path: `{ '@timestamp': 'date', 'trace.id': 'keyword' }` */
  mapping(index: string): Promise<Record<string, string>>
}

export interface StoredDocument {
  readonly index: string
  readonly id: string
  readonly source: Readonly<Record<string, unknown>>
}

interface Found {
  readonly hits: {
    readonly hits: readonly {
      readonly _index: string
      readonly _id: string
      readonly _source: Record<string, unknown>
      readonly sort: readonly unknown[]
    }[]
  }
}

interface Field {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Field>>
}

/** OpenSearch's own limit of a page (index.max_result_window). */
const PAGE = 10_000

/** Starts an OpenSearch 2.19 of one node. */
export async function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  await build('opensearch')
  const folder = serverFolder('opensearch')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const classpath = readFileSync(join(cache(), 'opensearch/classpath'), 'utf8').trim()
  const settings = Object.entries(options.settings ?? {}).map(([name, value]) => `${name}=${value}`)
  const server = await startServer({
    name: 'OpenSearch',
    folder,
    command: ['java', '-Xmx512m', '-cp', classpath, 'Main', String(port), join(folder, 'data'), ...settings],
    // Yellow: every primary shard can be written; there is nobody for replicas.
    ready: async () => (await ask(`${url}/_cluster/health?wait_for_status=yellow&timeout=1s`)).status === 200,
  })
  return Object.assign(server, {
    url,
    documents: (index: string, query?: unknown) => readAll(url, index, query),
    mapping: (index: string) => readMapping(url, index),
  })
}

async function readAll(url: string, index: string, query: unknown = { match_all: {} }) {
  await askWell(`${url}/${index}/_refresh`, { method: 'POST' })
  const all: StoredDocument[] = []
  for (let after: readonly unknown[] | undefined; ; ) {
    const { hits } = await askWell<Found>(`${url}/${index}/_search`, {
      method: 'POST',
      json: { query, size: PAGE, sort: [{ _index: 'asc' }, { _id: 'asc' }], search_after: after },
    })
    for (const { _index, _id, _source } of hits.hits) all.push({ index: _index, id: _id, source: _source })
    if (hits.hits.length < PAGE) return all
    after = hits.hits.at(-1)?.sort
  }
}

async function readMapping(url: string, index: string): Promise<Record<string, string>> {
  const found = await askWell<Record<string, { readonly mappings: Field }>>(`${url}/${index}/_mapping`)
  return Object.fromEntries(Object.values(found).flatMap(({ mappings }) => fields(mappings, '')))
}

function fields({ properties = {} }: Field, prefix: string): [string, string][] {
  return Object.entries(properties).flatMap(([name, field]) => [
    ...(field.type === undefined ? [] : [[prefix + name, field.type] satisfies [string, string]]),
    ...fields(field, `${prefix}${name}.`),
  ])
}
