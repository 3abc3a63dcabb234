// Who ships to Loki, OpenSearch and a Collector, library by library, on the same real servers: the cost of a record
// and how soon it is there, the service's event loop and memory, an outage. Every run is a process of its own with
// labels or an index of its own, and what is in the server is counted by query.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { measureBacklog, measureLatency } from './ship-alone.js'
import { arrived, openContender, push, quietOf, tally } from './ship-contender.js'
import { LIBRARIES } from './ship-libraries.js'
import { SERVERS, support, withServer } from './ship-servers.js'

const FILE = 'spoor file'

/** A file in place of a server: what is written is there. */
function fileWatch(contender) {
  const lines = () => {
    const names = readdirSync(contender.folder).filter(
      (name) => name.startsWith('app') && name.endsWith('.log'),
    )
    return names.flatMap((name) => readFileSync(join(contender.folder, name), 'utf8').split('\n'))
  }
  return {
    look: () => ({ count: Number.POSITIVE_INFINITY, sign: '' }),
    ids: () => lines().map((line) => Number(/"order_id":(\d+)/.exec(line)?.[1])),
  }
}

/** All that is logged at once, 32 to a turn: { calls, main, cpu } in µs a record, perSecond, peak, lost, doubled. */
async function flood(folder, server, spec, { warm: most, records }) {
  const warm = Math.min(most, records / 5)
  const contender = await openContender(folder, { ...spec, url: server.url })
  try {
    const watch = spec.library === FILE ? fileWatch(contender) : await server.watch(spec.run)
    const quietMs = quietOf(spec)
    await contender.ask({ kind: 'burst', records: warm })
    await arrived(watch, { count: () => warm, quietMs })
    const before = await contender.ask({ kind: 'usage' })
    const { from, ms, inCalls } = await contender.ask({ kind: 'burst', records })
    const { until } = await arrived(watch, { count: () => warm + records, quietMs })
    const { main, cpu, peak } = await contender.ask({ kind: 'usage' })
    const { found, lost, doubled } = tally(await watch.ids(), warm, warm + records)
    return {
      calls: (inCalls * 1000) / records,
      main: (main - before.main) / records,
      cpu: (cpu - before.cpu) / records,
      callsPerSecond: (records * 1000) / ms,
      perSecond: spec.library === FILE ? (records * 1000) / ms : (found * 1000) / (until - from),
      peak,
      lost,
      doubled,
    }
  } finally {
    await contender.close()
  }
}

/**
 * A service that logs `perSecond`: { calm, down }: { p99, max, gapP99, gapMax, peak } while all is well, and while the
 * port is closed and until all has arrived, with { caughtUp, lost, doubled }: s from the port's opening until
 * all that was logged before it and ever arrives had arrived.
 */
async function outage(folder, server, spec, sizes) {
  const { startFaultProxy } = await support('../../support/fault-proxy')
  const proxy = await startFaultProxy(server.url.replace('http:', 'tcp:'))
  const contender = await openContender(folder, { ...spec, url: `http://127.0.0.1:${proxy.port}` })
  try {
    const quietMs = quietOf(spec)
    const watch = spec.library === FILE ? fileWatch(contender) : await server.watch(spec.run)
    const { ask } = contender
    await ask({ kind: 'pace', perSecond: sizes.perSecond })
    await sleep(sizes.warmMs)
    await ask({ kind: 'phase' })
    await sleep(sizes.calmMs)
    const calm = { ...(await ask({ kind: 'phase' })), peak: (await ask({ kind: 'usage' })).peak }
    if (spec.library === FILE) return { calm }
    await proxy.refuse()
    await sleep(sizes.downMs)
    const down = await ask({ kind: 'phase' })
    const opened = Date.now()
    await proxy.accept()
    let sent = Number.POSITIVE_INFINITY
    const ending = sleep(sizes.afterMs).then(async () => {
      sent = (await ask({ kind: 'rest' })).sent
    })
    const { seen } = await arrived(watch, { count: () => sent, quietMs: quietMs + sizes.afterMs })
    await ending
    const { peak } = await ask({ kind: 'usage' })
    const { lost, doubled } = tally(await watch.ids(), 0, sent)
    const caughtUp = since(opened, seen, down.sent - lost)
    return { calm, down: { ...down, peak, caughtUp, sent, lost, doubled } }
  } finally {
    await contender.close()
    await proxy.close()
  }
}

const since = (opened, seen, count) => {
  const { at } = seen.find((one) => one.at > opened && one.count >= count) ?? seen.at(-1)
  return Math.max(0, at - opened) / 1000
}

const PARTS = {
  async flood(results, folder, server, spec, sizes) {
    const records = sizes.records[spec.backend]
    push(results, await flood(folder, server, spec, { ...sizes, records }))
  },
  async scoped(results, folder, server, spec, sizes) {
    const records = sizes.records[spec.backend]
    push(results, await flood(folder, server, { ...spec, scoped: true }, { ...sizes, records }))
  },
  async service(results, folder, server, spec, { service }) {
    const perSecond = service.perSecond[spec.backend]
    const { calm, down } = await outage(folder, server, spec, { ...service, perSecond })
    results.calm ??= {}
    push(results.calm, calm)
    if (down === undefined) return
    results.down ??= {}
    push(results.down, down)
  },
}

/** Of these names those that were asked for; all, where none of them was. */
function chosen(names, wanted) {
  const some = names.filter((name) => wanted.includes(name))
  return some.length > 0 ? some : names
}

/**
 * results.flood, .scoped and .service[back end][library] = { figure: [one a round] }, .latency and .backlog by name. Times are µs
 * a record for calls, main and cpu, else ms; peaks bytes.
 *
 * @param wanted parts, back ends and libraries, of each the names of those that are wanted alone
 */
export async function measureShip(folder, sizes, tell, wanted = []) {
  const results = { sizes }
  const parts = chosen([...Object.keys(PARTS), 'latency', 'backlog'], wanted)
  for (const part of parts.filter((one) => PARTS[one])) {
    const { rounds } = part === 'service' ? sizes.service : sizes
    // In a request what the calling thread pays is the question, and that is the same for all of them.
    const backends = part === 'scoped' ? ['loki'] : chosen(Object.keys(SERVERS), wanted)
    for (let round = 0; round < rounds; round++)
      for (const backend of backends)
        await withServer(SERVERS[backend], (server) =>
          measureRound(results, { folder, server, part, backend, round, wanted }, sizes, (library) =>
            tell(`ship ${backend} ${part} ${library} ${round + 1}/${rounds}`),
          ),
        )
  }
  if (parts.includes('latency')) results.latency = await measureLatency(folder, sizes.latency, tell)
  if (parts.includes('backlog')) results.backlog = await measureBacklog(folder, sizes.backlog, tell)
  return results
}

/** One round of one part on one server. */
async function measureRound(results, { folder, server, part, backend, round, wanted }, sizes, tell) {
  const names = chosen(Object.keys(LIBRARIES[backend]), wanted)
  for (const library of names.map((_, k) => names[(k + round) % names.length])) {
    tell(library)
    const run = `${library.replaceAll(' ', '-')}-${part}-${round}`
    results[part] ??= {}
    results[part][backend] ??= {}
    results[part][backend][library] ??= {}
    await PARTS[part](results[part][backend][library], folder, server, { backend, library, run }, sizes)
  }
}
