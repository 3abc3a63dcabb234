import { existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { answer, PASS } from '../support/faults/fault.ts'
import { startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { run } from './child.ts'
import { leftIn, startService } from './ship-service.ts'

// A service whose endpoint is healthy, its thread that ships, and its end.

let bundle: Bundle
beforeAll(() => {
  bundle = bundleShipping()
})
afterAll(() => bundle.remove())

/** A sink that can also hang. */
async function endpoint() {
  const sink = await startSink()
  const proxy = await startFaultProxy(sink.url)
  onTestFinished(() => proxy.close())
  return { sink, proxy, url: `${proxy.url}/_bulk` }
}

/** The time that a request takes to the endpoint. */
const AWAY_MS = 350

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('with a healthy endpoint', () => {
  it('a lone record is delivered without any other record or call', async () => {
    const { sink, url } = await endpoint()
    const service = startService(bundle, { transport: { url, spoolDir: temporaryDirectory() } })
    for (const n of upTo(3)) {
      await service.log(1)
      await sink.has(n + 1)
    }
    expect([...sink.stored.values()].map(({ record }) => record.n)).toEqual(upTo(3))
    expect(sink.requests).toBe(3)
  })

  it('a record does not wait for others that go on coming, nor for a batch that is not answered', async () => {
    const { proxy, url } = await endpoint()
    const batch = { ageMs: 20, count: 2000 }
    const service = startService(bundle, { transport: { url, spoolDir: temporaryDirectory(), batch } })
    // So far away that several are in flight, which is tried once the first have come back in good time. Where three
    // may be, one that hangs leaves room, also if the limit should fall.
    let begun = 0
    let isHung = false
    proxy.always(async () => {
      const others = begun++ - proxy.passedOn
      await setTimeout(AWAY_MS)
      if (isHung || others < 2) return PASS
      isHung = true
      return { kind: 'half-open' }
    })
    await service.run(1)
    await proxy.happened({ kind: 'fault', fault: 'half-open' })
    const before = proxy.passedOn
    await proxy.happened({ kind: 'passed-on' }, before + 3)
    expect(proxy.count({ kind: 'gone' })).toBe(0)
  })
})

const PRELUDE = `
  import { createLogger, httpTransport, shutdown } from './spoor.mjs'
  const http = httpTransport(JSON.parse(process.argv[2]))
  const log = createLogger({ transports: [http], lifecycle: false, source: 'off' })
  for (let n = 0; n < 3; n++) log.info('order placed', { n })
`

describe('a service that ends', () => {
  it.each([
    ['with nothing left to do', '', 0],
    ['by process.exit', 'process.exit(3)', 3],
    ['by an exception', 'throw new Error("x")', 1],
    ['by shutdown', 'await shutdown(log)', 0],
    ['by process.exit in the middle of its deliveries', 'setTimeout(() => process.exit(3), 100)', 3],
  ])(
    '%s is not held by an endpoint that hangs, and its records go with the next start',
    async (_name, end, code) => {
      const { sink, proxy, url } = await endpoint()
      proxy.always({ kind: 'hang' })
      const transport = { url, spoolDir: temporaryDirectory(), batch: { ageMs: 10 } }
      const script = bundle.script(`ends-${code}-${end.length}.mjs`, `${PRELUDE} ${end}`)
      expect(await run(script, [JSON.stringify(transport)])).toMatchObject({ code })
      expect(sink.stored.size).toBe(0)
      proxy.always(PASS)
      const next = startService(bundle, { transport, from: 3 })
      await next.log(1)
      expect(await next.delivered()).toBe(true)
      const numbers = [...sink.stored.values()].map(({ record }) => record.n as number)
      expect(numbers.sort()).toEqual(upTo(4))
      expect((await next.close()).code).toBe(0)
      expect(leftIn(transport.spoolDir)).toEqual([])
    },
  )

  it('waits for its deliveries where it is told to, and no longer than for them', async () => {
    const { sink, proxy, url } = await endpoint()
    proxy.always({ kind: 'slow', bytes: 8, everyMs: 2 })
    const transport = { url, spoolDir: temporaryDirectory(), exitWaitMs: 10_000_000 }
    const script = bundle.script('waits.mjs', `${PRELUDE} await shutdown(log)`)
    expect(await run(script, [JSON.stringify(transport)])).toMatchObject({ code: 0, stderr: '' })
    expect(sink.stored.size).toBe(3)
    expect(leftIn(transport.spoolDir)).toEqual([])
  })

  it('is held by delivered() until that has come to its end, and no longer', async () => {
    const { sink, url } = await endpoint()
    const transport = { url, spoolDir: temporaryDirectory() }
    const script = bundle.script('asks.mjs', `${PRELUDE} console.log(await http.delivered(10_000_000))`)
    expect(await run(script, [JSON.stringify(transport)])).toMatchObject({ code: 0, stdout: 'true\n' })
    expect(sink.stored.size).toBe(3)
  })
})

describe('a thread that dies', () => {
  // What a user's own preset throws from a timer ends the thread.
  const dying = (marker: string) => `
    import { existsSync, unlinkSync, writeFileSync } from 'node:fs'
    export function preset({ url }) {
      return {
        name: 'own', maxBytes: 1e6, maxCount: 1000, concurrency: 1, compression: 'none',
        encode(records) {
          if (!existsSync('${marker}')) {
            writeFileSync('${marker}', '')
            setTimeout(() => { throw new Error('a fault in a preset') })
          }
          const body = records.map(({ line }) => line + '\\n').join('')
          return { url: url.href, headers: { 'content-type': 'application/x-ndjson' }, body }
        },
        judge: ({ status }) => status < 300 ? { kind: 'delivered' } : { kind: 'retry', reason: String(status) },
      }
    }`

  it('is told and started again, and goes on with what it had taken over from a dead process', async () => {
    const { sink, proxy } = await endpoint()
    const spoolDir = temporaryDirectory()
    const marker = join(spoolDir, 'died')
    const module = join(spoolDir, 'preset.mjs')
    writeFileSync(module, dying(marker))
    const transport = { url: `${proxy.url}/lines`, module, spoolDir, batch: { ageMs: 10 } }

    proxy.always(answer(503))
    writeFileSync(marker, '')
    const killed = startService(bundle, { transport, writer: 1 })
    await killed.log(100)
    await killed.kill()

    // Its thread dies before anything is answered.
    unlinkSync(marker)
    proxy.always(PASS)
    const service = startService(bundle, { transport, writer: 2 })
    await service.log(100)
    expect(await service.delivered()).toBe(true)
    expect(existsSync(marker)).toBe(true)
    for (const writer of [1, 2])
      expect(new Set(sink.find(({ w }) => w === writer).map(({ record }) => record.n))).toEqual(
        new Set(upTo(100)),
      )
    const { code, stderr } = await service.close()
    expect(code).toBe(0)
    expect(stderr).toContain('has died: a fault in a preset')
    expect(leftIn(spoolDir)).toEqual([])
  })
})
