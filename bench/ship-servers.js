// The real servers, as test/backends starts them, each with a cheap count of what has arrived and a query for which.
//
// start() gives { url, watch(run), stop() }; watch(run), called before anything is sent, gives
//   look()  { count, sign, at? }: records so far, a text that changes when anything comes, when that was (epoch ms)
//   ids()   the order_id of every record of this run that the server has

import { once } from 'node:events'
import { fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import './typescript.js'
import { answer, start } from './child.js'

export const support = (name) => import(`../test/backends/support/${name}.ts`)

const ANY_MB = 100_000
// Out of the way: what is measured is who ships, and not what a tenant may send in a second.
const NO_LIMITS = {
  ingestion_rate_mb: ANY_MB,
  ingestion_burst_size_mb: ANY_MB,
  per_stream_rate_limit: `${ANY_MB}MB`,
  per_stream_rate_limit_burst: `${ANY_MB}MB`,
}
// Inside it hands a push on in one message; at most 4 MiB, unless one says so.
const NO_LIMIT_FLAGS = [
  '-server.grpc-max-recv-msg-size-bytes=1073741824',
  '-server.grpc-max-send-msg-size-bytes=1073741824',
  '-ingester.client.grpc-max-recv-msg-size=1073741824',
  '-ingester.client.grpc-max-send-msg-size=1073741824',
]

const sum = (text, name, has = '') =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(has))
    .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0)

/** What Loki counts of all that came: lines, bytes, those that it refused for their rate, pushes and 429. */
export async function lokiCounts(url) {
  const text = await (await fetch(`${url}/metrics`)).text()
  const pushes = (has) =>
    sum(text, 'loki_request_duration_seconds_count', `loki_api_v1_push",status_code="${has}`)
  return {
    lines: sum(text, 'loki_distributor_lines_received_total'),
    bytes: sum(text, 'loki_distributor_bytes_received_total'),
    refusedLines: sum(text, 'loki_discarded_samples_total'),
    refusedBytes: sum(text, 'loki_discarded_bytes_total'),
    pushes: pushes(''),
    tooMany: pushes('429'),
  }
}

export async function startLoki(limits) {
  const { startLoki: startOne } = await support('loki')
  const loki = await startOne(limits ? { limits } : { limits: NO_LIMITS, flags: NO_LIMIT_FLAGS })
  return {
    url: loki.url,
    async watch(run) {
      const before = await lokiCounts(loki.url)
      return {
        async look() {
          const { lines, pushes } = await lokiCounts(loki.url)
          return { count: lines - before.lines, sign: `${lines} ${pushes}` }
        },
        async ids() {
          const entries = await loki.lokiQuery({
            query: `{service_name="${run}"}`,
            from: Date.now() - 3_600_000,
          })
          return entries.map(({ line }) => Number(/"order_id":(\d+)/.exec(line)?.[1]))
        },
      }
    },
    stop: () => loki.stop(),
  }
}

async function startOpenSearch() {
  const { startOpenSearch: startOne } = await support('opensearch')
  const search = await startOne()
  const product = start('ship-product.js', [search.url])
  const { port } = await answer(product, 'ship-product.js')
  return {
    url: `http://127.0.0.1:${port}`,
    watch: (run) => ({
      async look() {
        const stats = await (await fetch(`${search.url}/${run}/_stats/indexing`)).json()
        const count = stats._all?.primaries?.indexing?.index_total ?? 0
        return { count, sign: String(count) }
      },
      ids: async () => (await search.documents(run)).map(({ source }) => source.order_id),
    }),
    async stop() {
      const exited = once(product, 'exit')
      product.disconnect()
      await exited
      await search.stop()
    },
  }
}

const CHUNK = 1 << 20
const ORDER_ID = /"order_id","value":\{"(?:int|double)Value":"?(\d+)/g

/** Reads whole lines on in a file, from where it ended when this was made. */
function tailOf(path) {
  const fd = openSync(path, 'a+')
  const buffer = Buffer.alloc(CHUNK)
  let position = fstatSync(fd).size
  let rest = ''
  return (each) => {
    for (let bytes; ; position += bytes) {
      bytes = readSync(fd, buffer, 0, CHUNK, position)
      if (bytes === 0) return
      // Digits and quotes are all that is looked for.
      const lines = (rest + buffer.latin1Slice(0, bytes)).split('\n')
      rest = lines.pop()
      for (const line of lines) each(line)
    }
  }
}

async function startCollector() {
  const { startCollector: startOne } = await support('collector')
  const collector = await startOne()
  const path = join(collector.folder, 'records.jsonl')
  return {
    url: collector.url,
    watch() {
      const tail = tailOf(path)
      const ids = []
      const look = () => {
        const at = statSync(path).ctimeMs
        tail((line) => {
          for (const [, id] of line.matchAll(ORDER_ID)) ids.push(Number(id))
        })
        return { count: ids.length, sign: String(ids.length), at }
      }
      return {
        look,
        ids() {
          look()
          return ids
        },
      }
    },
    stop: () => collector.stop(),
  }
}

export const SERVERS = { loki: () => startLoki(), opensearch: startOpenSearch, collector: startCollector }

/** Starts a server, works with it, and stops it. */
export async function withServer(startOne, work) {
  const server = await startOne()
  try {
    return await work(server)
  } finally {
    // Its process holds nobody, and so would not be waited for.
    const hold = setInterval(() => {}, 1000)
    await server.stop()
    clearInterval(hold)
  }
}
