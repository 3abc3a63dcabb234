import { beforeAll, describe, expect, it } from 'vitest'
import type { Destination } from '../../src/shipping/destination.ts'
import { type FluentdOptions, fluentdDestination } from '../../src/shipping/destinations/fluentd.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { shipped, variedRecords } from '../shipping/fakes/records.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { Fault } from '../support/faults/fault.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Collector, startCollector } from './support/collector.ts'
import type { OtlpRecord } from './support/otlp.ts'
import { poll } from './support/poll.ts'

let collector: Collector
beforeAll(async () => {
  collector = await startCollector()
}, START_LIMIT_MS)

const DELIVERED = { kind: 'delivered' }
const forever = () => new AbortController().signal

function towards(options: FluentdOptions = {}): Destination {
  return fluentdDestination({ port: collector.forwardPort, ...options })
}

/** What the Collector has of a tag, once it has `count` different records. */
const arrived = (tag: string, count: number): Promise<OtlpRecord[]> =>
  poll(`${count} records of ${tag}`, async () => {
    const found = collector.records().filter(({ attributes }) => attributes['fluent.tag'] === tag)
    return new Set(found.map(({ attributes }) => attributes.spoor_id)).size >= count && found
  })

/**
 * Half a pair of surrogates is none in UTF-8, the Collector has no null, and an empty key is left out of its JSON, so
 * that it is read as undefined.
 */
function asSaid(value: unknown): unknown {
  if (value === null) return undefined
  if (Array.isArray(value)) return value.map(asSaid)
  if (typeof value === 'string') return Buffer.from(value).toString()
  if (typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [asSaid(key === '' ? 'undefined' : key), asSaid(one)]),
  )
}

/** How the Collector's fluentforward says a record: `message` is the body, all else are attributes. */
function expected({ record, timeMs, nth, id }: Shipped, tag: string) {
  const { message, ...attributes } = record
  return {
    timeUnixNano: String(BigInt(timeMs) * 1_000_000n + BigInt(nth)),
    body: asSaid(message ?? null),
    attributes: { ...(asSaid(attributes) as object), spoor_id: id, 'fluent.tag': tag },
  }
}

const said = ({ timeUnixNano, body, attributes }: OtlpRecord) => ({ timeUnixNano, body, attributes })

describe.each([false, true])('a real Collector (gzip: %s)', (gzip) => {
  it('has every record, each once, to the ns', async () => {
    const tag = `all.${gzip}`
    const records = variedRecords(3000)
    const to = towards({ tag, gzip })
    for (let i = 0; i < records.length; i += 500)
      expect(await to.send(records.slice(i, i + 500), forever())).toEqual(DELIVERED)
    await to.close?.()
    // The Collector itself mixes what came in several chunks.
    const found = (await arrived(tag, records.length)).map(said)
    found.sort((a, b) => (a.timeUnixNano < b.timeUnixNano ? -1 : 1))
    for (const [i, one] of records.entries()) expect(found[i]).toEqual(expected(one, tag))
    expect(found).toHaveLength(records.length)
  })
})

it('has chunks of some MB, several in flight', async () => {
  const to = towards({ tag: 'large', concurrency: 4 })
  const batches = Array.from({ length: 8 }, (_, batch) =>
    Array.from({ length: 30 }, (_, i) => shipped({ pad: 'x'.repeat(100_000) }, batch * 30 + i)),
  )
  expect(await Promise.all(batches.map((batch) => to.send(batch, forever())))).toEqual(
    batches.map(() => DELIVERED),
  )
  await to.close?.()
  expect(await arrived('large', 240)).toHaveLength(240)
})

describe.each<[string, Fault]>([
  ['refuses for a while', { kind: 'refuse', forMs: 30 }],
  ['resets at once', { kind: 'reset', afterBytes: 1 }],
  ['resets within the chunk', { kind: 'reset', afterBytes: 20_000 }],
  ['loses the acknowledgement', { kind: 'lose-answer' }],
  ['answers garbage', { kind: 'garbage' }],
  ['closes', { kind: 'close' }],
  ['reads and never answers', { kind: 'half-open' }],
  ['hangs', { kind: 'hang' }],
])('a network that %s', (_, fault) => {
  it('costs no record', async () => {
    const tag = `fault.${JSON.stringify(fault)}`
    const proxy = await startFaultProxy(`tcp://127.0.0.1:${collector.forwardPort}`)
    const to = towards({ port: proxy.port, tag })
    const batches = [0, 1, 2].map((batch) =>
      Array.from({ length: 200 }, (_, i) => shipped({ pad: 'x'.repeat(200) }, batch * 200 + i)),
    )
    for (const [i, batch] of batches.entries()) {
      if (i > 0) proxy.next(fault)
      if (i > 0) await to.close?.()
      let verdict: unknown
      // The time-out is the shipper's; it only ends what would wait for ever.
      while (verdict === undefined)
        verdict = await to.send(batch, AbortSignal.timeout(500)).catch(() => undefined)
      expect(verdict).toEqual(DELIVERED)
    }
    await arrived(tag, 600)
    expect(proxy.count({ kind: 'fault' })).toBeGreaterThanOrEqual(2)
    await to.close?.()
    await proxy.close()
  })
})

it('rejects while the Collector is down and goes on when it is there again', async () => {
  const to = towards({ tag: 'restart' })
  expect(await to.send([shipped({}, 1)], forever())).toEqual(DELIVERED)
  await arrived('restart', 1)
  await collector.kill()
  await expect(to.send([shipped({}, 2)], forever())).rejects.toThrow()
  await expect(to.send([shipped({}, 2)], forever())).rejects.toThrow('ECONNREFUSED')
  await collector.restart()
  expect(await to.send([shipped({}, 2)], forever())).toEqual(DELIVERED)
  await arrived('restart', 2)
  await to.close?.()
})
