// spoor's shipping alone: how long a record takes from its call to the server's yes, and how fast a backlog goes.

import { setTimeout as sleep } from 'node:timers/promises'
import { arrived, openContender, push, quietOf, tally } from './ship-contender.js'
import { lokiCounts, startLoki, support, withServer } from './ship-servers.js'

const ORDER_ID = /\\?"order_id\\?":(\d+)/g
const WARM_MS = 3000
const MEGABYTE = 2 ** 20

const epoch = () => performance.timeOrigin + performance.now()
const idsIn = (text) => Array.from(text.matchAll(ORDER_ID), ([, id]) => Number(id))

/** Notes when the server has answered for each record: ackAt[order_id], epoch ms. */
function noteAnswers(proxy, ackAt) {
  const pending = new Set()
  proxy.always(async ({ number, body }) => {
    const ids = idsIn((await body()).toString())
    const noted = proxy.happened({ kind: 'passed-on', request: number }).then(({ status }) => {
      const at = epoch()
      if (status < 300) for (const id of ids) ackAt[id] ??= at
      pending.delete(noted)
    })
    pending.add(noted)
    return { kind: 'pass' }
  })
}

async function latency(folder, server, { perSecond, ms }, round) {
  const { startFaultProxy } = await support('../../support/fault-proxy')
  const proxy = await startFaultProxy(server.url)
  const ackAt = []
  noteAnswers(proxy, ackAt)
  const spec = { backend: 'loki', library: 'spoor', run: `spoor-latency-${round}`, url: proxy.url }
  const contender = await openContender(folder, spec)
  try {
    const watch = await server.watch(spec.run)
    await contender.ask({ kind: 'pace', perSecond })
    await sleep(WARM_MS + ms)
    const { sent } = await contender.ask({ kind: 'rest' })
    await arrived(watch, { count: () => sent, quietMs: quietOf(spec) })
    const { times } = await contender.ask({ kind: 'times' })
    const warm = (WARM_MS * perSecond) / 1000
    const took = times.flatMap((at, id) => (id < warm || ackAt[id] === undefined ? [] : [ackAt[id] - at]))
    took.sort((a, b) => a - b)
    const { lost } = tally(await watch.ids(), 0, sent)
    return {
      p50: took[took.length >> 1],
      p99: took[Math.floor(took.length * 0.99)],
      max: took.at(-1),
      unanswered: sent - ackAt.filter(Boolean).length,
      lost,
    }
  } finally {
    await contender.close()
    await proxy.close()
  }
}

/** { p50, p99, max } in ms from the call to the answer of a real Loki, with { unanswered, lost }: one a round. */
export async function measureLatency(folder, sizes, tell) {
  const results = {}
  for (let round = 0; round < sizes.rounds; round++) {
    tell(`ship latency ${round + 1}/${sizes.rounds}`)
    await withServer(startLoki, async (server) => push(results, await latency(folder, server, sizes, round)))
  }
  return results
}

/** Takes JSON lines, all or nothing, and answers 201; what it counts is what it has answered for. */
async function startFake() {
  const { startFakeHttp } = await import('../test/shipping/fakes/http.ts')
  const ids = []
  const fake = await startFakeHttp(({ headers, body }) => {
    if (headers['content-type'] !== 'application/x-ndjson') return { status: 415 }
    const text = body.toString()
    if (!text.endsWith('\n')) return { status: 400, body: 'the last line is torn' }
    try {
      ids.push(
        ...text
          .slice(0, -1)
          .split('\n')
          .map((line) => JSON.parse(line).order_id),
      )
    } catch {
      return { status: 400, body: 'not JSON' }
    }
    return { status: 201 }
  })
  const look = () => ({ count: ids.length, sign: String(fake.requests), bytes: 0, tooMany: 0 })
  return { url: fake.url.origin, watch: () => ({ look, ids: () => ids }), stop: () => fake.close() }
}

/** A Loki with its limits, counted by what it took. */
async function startLimited(limits) {
  const server = await startLoki(limits)
  return {
    ...server,
    async watch(run) {
      const { ids } = await server.watch(run)
      return {
        async look() {
          const { lines, bytes, refusedLines, refusedBytes, pushes, tooMany } = await lokiCounts(server.url)
          const count = lines - refusedLines
          return { count, sign: `${count} ${pushes}`, bytes: bytes - refusedBytes, tooMany, pushes }
        },
        ids,
      }
    },
  }
}

// One service is one stream: what Loki by itself allows a stream is less than what it allows a tenant.
const TENANT = { perSecondMb: 4, burstMb: 6 }
const STREAM = { perSecondMb: 3, burstMb: 15 }
const WIDE_STREAM = { per_stream_rate_limit: '1GB', per_stream_rate_limit_burst: '1GB' }

const BACKLOGS = {
  'a strict fake': { backend: 'fake', start: startFake },
  [`Loki, ${TENANT.perSecondMb} MB/s a tenant`]: {
    backend: 'loki',
    limit: TENANT,
    start: () =>
      startLimited({
        ingestion_rate_mb: TENANT.perSecondMb,
        ingestion_burst_size_mb: TENANT.burstMb,
        ...WIDE_STREAM,
      }),
  },
  [`Loki's defaults, ${STREAM.perSecondMb} MB/s a stream`]: {
    backend: 'loki',
    limit: STREAM,
    start: () => startLimited({}),
  },
}

/** Everything is logged while the port is closed; what is measured is from the first yes on. */
async function backlog(folder, server, spec, records, limit) {
  const { startFaultProxy } = await support('../../support/fault-proxy')
  const proxy = await startFaultProxy(server.url.replace('http:', 'tcp:'))
  await proxy.refuse()
  const url = `http://127.0.0.1:${proxy.port}`
  const contender = await openContender(folder, { ...spec, url })
  try {
    const watch = await server.watch(spec.run)
    await contender.ask({ kind: 'burst', records })
    await proxy.accept()
    const first = await firstYes(watch)
    const { until } = await arrived(watch, { count: () => records, quietMs: quietOf(spec) })
    const last = await watch.look()
    const seconds = (until - first.at) / 1000
    const { peak } = await contender.ask({ kind: 'usage' })
    const { lost, doubled } = tally(await watch.ids(), 0, records)
    return {
      perSecond: (last.count - first.count) / seconds,
      ...(limit && {
        // The burst is on top: it passes at once.
        share: (last.bytes / MEGABYTE - limit.burstMb) / seconds / limit.perSecondMb,
        tooMany: last.tooMany,
        pushes: last.pushes,
      }),
      peak,
      lost,
      doubled,
    }
  } finally {
    await contender.close()
    await proxy.close()
  }
}

async function firstYes(watch) {
  for (;;) {
    const look = await watch.look()
    if (look.count > 0) return { ...look, at: Date.now() }
    await sleep(20)
  }
}

/** By name: { perSecond, peak, lost, doubled }, for Loki also { share, tooMany, pushes }: of its limit, 429s, all. */
export async function measureBacklog(folder, { rounds, records }, tell) {
  const results = {}
  for (let round = 0; round < rounds; round++)
    for (const [name, { backend, limit, start }] of Object.entries(BACKLOGS)) {
      tell(`ship backlog for ${name} ${round + 1}/${rounds}`)
      const spec = { backend, library: 'spoor', run: `spoor-backlog-${round}` }
      results[name] ??= {}
      await withServer(start, async (server) =>
        push(results[name], await backlog(folder, server, spec, records, limit)),
      )
    }
  return results
}
