import { AsyncLocalStorage } from 'node:async_hooks'
import { fork } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createDeadLetters } from '../../src/shipping/dead-letters.ts'
import { httpDestination } from '../../src/shipping/http-destination.ts'
import { createShipper } from '../../src/shipping/shipper.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { fakeClock } from './support/fake-clock.ts'
import { httpServer } from './support/http-server.ts'
import { linesPreset } from './support/lines-preset.ts'
import { many, memorySource } from './support/memory-source.ts'

const MiB = 1024 * 1024

/** What all children begin with: a shipper to the address that they were given. */
const COMMON = `
  import { join } from 'node:path'
  import { createDeadLetters, createShipper, httpDestination } from './spoor.mjs'
  const [url, directory, options] = process.argv.slice(2)
  const { unref, batch, concurrency = 1, keepAlive } = JSON.parse(options)
  const preset = {
    name: 'lines', maxBytes: 1e7, maxCount: 1e4, concurrency, compression: 'gzip',
    encode: (records) => ({ url, headers: {}, body: records.map(({ line }) => line + '\\n').join('') }),
    judge: ({ status }) => status < 300 ? { kind: 'delivered' } : { kind: 'retry', reason: 'no' },
  }
  const source = (recordAt, count) => {
    let given = 0
    return {
      name: 'memory', backlog: 0, ended: false,
      async read(maxBytes, maxCount) {
        const records = []
        for (let bytes = 0; given < count && records.length < maxCount; given++) {
          const record = recordAt(given)
          bytes += record.bytes
          if (records.length > 0 && bytes > maxBytes) break
          records.push(record)
        }
        return records
      },
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
      async commit() {}, async close() {},
    }
  }
  const recordAt = (n) => {
    const record = { time: new Date().toISOString(), level: 'info', msg: 'x'.repeat(900) + n }
    const line = JSON.stringify(record)
    return { line, bytes: Buffer.byteLength(line), record: JSON.parse(line), timeMs: Date.now(), nth: 0, id: 'r' + n }
  }
  const shipper = createShipper({
    destination: httpDestination(preset, { unref }),
    deadLetters: createDeadLetters({ path: join(directory, 'dead-letters.ndjson') }),
    batch, unref,
  })
`

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['shipping/shipper.ts', 'shipping/http-destination.ts', 'shipping/dead-letters.ts'])
})
afterAll(() => bundle.remove())

function start(name: string, source: string, url: string, options: object) {
  const script = bundle.script(`${name}.mjs`, `${COMMON}\n${source}`)
  const child = fork(script, [url, temporaryDirectory(), JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe('a process', () => {
  it('may end while a request is under way', async () => {
    const server = await httpServer(() => {})
    const arrived = once(server.server, 'request')
    const child = start(
      'ends',
      `void shipper.add(source(recordAt, 10))
       process.once('message', () => process.disconnect())`,
      server.url,
      { unref: true, batch: { ageMs: 1 } },
    )
    const exited = once(child, 'exit')
    await arrived
    child.send('that is all')
    expect(await exited).toEqual([0, null])
  })

  it('does not where it is told not to, until all is delivered', async () => {
    let failures = 2
    const server = await httpServer((_, response) => response.writeHead(failures-- > 0 ? 503 : 204).end())
    const child = start(
      'stays',
      `process.channel.unref()
       void shipper.add(source(recordAt, 10))
       await shipper.idle()
       process.send(shipper.stats())
       await shipper.stop(0)
       process.disconnect()`,
      server.url,
      { unref: false, batch: { ageMs: 1 } },
    )
    const exited = once(child, 'exit')
    const early = exited.then((end) => Promise.reject(new Error(`it ended before it was idle: ${end}`)))
    const [stats] = await Promise.race([once(child, 'message'), early])
    expect(stats).toMatchObject({ delivered: 10, requests: 3 })
    expect(await exited).toEqual([0, null])
  })
})

describe('memory', () => {
  it.each([1, 4])('is flat while a back end hangs, with %i in flight', async (concurrency) => {
    const server = await httpServer(({ headers }, response) => {
      if (headers['x-hang'] === undefined) response.writeHead(204).end()
    })
    const child = start(
      `memory${concurrency}`,
      `const used = () => { gc(); const { heapUsed, external } = process.memoryUsage(); return heapUsed + external }
       const before = used()
       let hanging = 0
       let heldBytes = 0
       let least = Infinity
       let looks = 0
       // From when as many are in flight as may be.
       const encode = preset.encode
       preset.encode = (records) => {
         if (hanging === 0 && shipper.stats().limit < concurrency) return encode(records)
         hanging++
         return { ...encode(records), headers: { 'x-hang': 'yes' } }
       }
       const look = setInterval(() => {
         const stats = shipper.stats()
         const settled = stats.heldBytes === heldBytes && stats.inFlight === stats.limit && hanging === stats.inFlight
         heldBytes = stats.heldBytes
         if (!settled) return
         // What is outside of the heap is let go some time after it was collected.
         least = Math.min(least, used() - before)
         if (++looks < 5) return
         clearInterval(look)
         process.send({ used: least, ...stats })
       }, 20)
       void shipper.add(source(recordAt, 1e9))`,
      server.url,
      { unref: false, concurrency, batch: { count: 1e4 } },
    )
    const [{ used, heldBytes, limit }] = await once(child, 'message')
    // One that was answered late may have lowered it again.
    expect(limit).toBeGreaterThanOrEqual(concurrency - 1)
    expect(heldBytes).toBeGreaterThan(limit * 0.9 * MiB)
    expect(heldBytes).toBeLessThanOrEqual((limit + 1) * MiB)
    // Lines, what was read of them, and bodies: below the 32 MiB that are promised.
    expect(used).toBeLessThan(32 * MiB)
  })
})

describe('a request of ours', () => {
  it("is made in nobody's scope, whoever caused it", async () => {
    const { url } = await httpServer()
    const scope = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const look = () => seen.push(scope.getStore())
    subscribe('http.client.request.start', look)
    onTestFinished(() => void unsubscribe('http.client.request.start', look))
    const clock = fakeClock()
    const destination = httpDestination(linesPreset(url))
    const { send } = destination
    const shipper = createShipper({
      destination: {
        ...destination,
        send(records, signal) {
          look()
          return send(records, signal)
        },
      },
      deadLetters: createDeadLetters({ path: join(temporaryDirectory(), 'dead-letters.ndjson') }),
      clock,
    })
    await scope.run('a request', async () => {
      const spool = memorySource('spool', clock, many('r', 10))
      void shipper.add(spool)
      shipper.poke()
      await shipper.idle()
      spool.push(...many('later', 10))
      await shipper.stop(1e9)
      expect(scope.getStore()).toBe('a request')
    })
    expect(shipper.stats().delivered).toBe(20)
    // Nor where somebody else than the shipper sends.
    const direct = httpDestination(linesPreset(url))
    await scope.run('a request', () => direct.send(many('direct', 1), new AbortController().signal))
    await direct.close?.()
    expect(seen).toEqual(Array(5).fill(undefined))
  })
})
