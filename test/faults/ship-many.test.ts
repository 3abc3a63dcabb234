import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { PASS } from '../support/faults/fault.ts'
import { randomFrom } from '../support/random.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { leftIn, type Service, startService } from './ship-service.ts'

// Several processes and threads on one spool: each has a directory of its own, and what the dead leave is delivered by
// who lives.

/** Each waits for the next look of a living neighbour, which is up to 10 s. */
const RUNS = Math.ceil(Number(process.env.SPOOR_RUNS_KILL ?? 1) / 5)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
const BATCH = 50
const IN_FLIGHT = 4

let bundle: Bundle
beforeAll(() => {
  bundle = bundleShipping()
})
afterAll(() => bundle.remove())

/** The numbers of a writer's records, as they are stored. */
function numbersOf(sink: Sink, writer: number): number[] {
  return sink.find(({ w }) => w === writer).map(({ record }) => record.n as number)
}

function expectAll(sink: Sink, writer: number, acknowledged: number, note: string): void {
  const there = new Set(numbersOf(sink, writer))
  const missing = Array.from({ length: acknowledged }, (_, n) => n).filter((n) => !there.has(n))
  expect({ note, writer, missing }).toEqual({ note, writer, missing: [] })
}

/** Records that were stored, and came again. */
const doubledIn = (sink: Sink): number => [...sink.stored.values()].filter(({ times }) => times > 1).length

/** Looks again and again; the guard is the test's own. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Whether all that a service has told of is stored. */
function isStored(sink: Sink, { acknowledgedBy }: Service): boolean {
  return [...acknowledgedBy].every(([writer, count]) => new Set(numbersOf(sink, writer)).size >= count)
}

describe('4 processes of 2 threads each on one spool', () => {
  it(`lose nothing when half of them are killed: the others deliver it, ${RUNS} times; seed ${SEED}`, async () => {
    const random = randomFrom(SEED)
    for (let run = 0; run < RUNS; run++) {
      const note = `seed ${SEED}, run ${run}`
      const sink = await startSink()
      const spoolDir = temporaryDirectory()
      const transport = { url: `${sink.url}/_bulk`, spoolDir, batch: { count: BATCH, ageMs: 10 } }
      const all = [0, 2, 4, 6].map((writer) => startService(bundle, { transport, writer, threads: 2 }))
      for (const service of all) await service.run(2)
      await Promise.all(all.map((service) => service.acknowledges(50)))
      const [first, second, ...living] = all as [Service, Service, Service, Service]
      await new Promise((resolve) => setTimeout(resolve, random() * 200))
      await first.kill()
      await new Promise((resolve) => setTimeout(resolve, random() * 100))
      await second.kill()
      await until(() => isStored(sink, first) && isStored(sink, second))
      for (const service of living) {
        await service.stop()
        expect(await service.delivered()).toBe(true)
        const { code, stderr } = await service.close()
        expect([code, stderr.replace(/^spoor: a line in .* was torn .*$/gm, '').trim()]).toEqual([0, ''])
      }
      for (const { acknowledgedBy } of all)
        for (const [writer, acknowledged] of acknowledgedBy) expectAll(sink, writer, acknowledged, note)
      expect(doubledIn(sink), note).toBeLessThanOrEqual(2 * 2 * IN_FLIGHT * BATCH)
      expect(sink.complaints).toEqual([])
      expect(leftIn(spoolDir)).toEqual([])
    }
  })
})

describe('a process that stands still for long', () => {
  /** As if it had given no sign of life for an hour. */
  function age(spoolDir: string): void {
    const past = Date.now() / 1000 - 3600
    const directory = join(spoolDir, 'http')
    for (const name of readdirSync(directory)) utimesSync(join(directory, name, 'alive'), past, past)
  }

  it('is taken for dead where its threads log, and loses nothing when it goes on', async () => {
    const sink = await startSink()
    const proxy = await startFaultProxy(sink.url)
    onTestFinished(() => proxy.close())
    const spoolDir = temporaryDirectory()
    const batch = { count: BATCH, ageMs: 10 }
    const transport = { url: `${proxy.url}/_bulk`, spoolDir, batch }
    const still = startService(bundle, { transport, writer: 0, threads: 2 })
    proxy.always({ kind: 'hang' })
    await still.run(2)
    await still.acknowledges(200)
    await proxy.happened({ kind: 'fault', fault: 'hang' })
    still.child.kill('SIGSTOP')
    age(spoolDir)

    const other = startService(bundle, { transport: { ...transport, url: `${sink.url}/_bulk` }, writer: 2 })
    await other.log(10)
    await until(() => isStored(sink, still) && isStored(sink, other))
    expect(readdirSync(join(spoolDir, 'http')).filter((name) => name.endsWith('.guessed'))).toHaveLength(2)

    proxy.always(PASS)
    // Resets what hangs.
    await proxy.refuse()
    await proxy.accept()
    const before = Math.max(...still.acknowledgedBy.values())
    still.child.kill('SIGCONT')
    // First into the directories that are not its own any more, then, a second later, into new ones.
    await still.acknowledges(before + 2000)
    await still.stop()
    expect(await still.delivered()).toBe(true)
    await until(() => isStored(sink, still))
    expect((await still.close()).code).toBe(0)
    expect((await other.close()).code).toBe(0)
    for (const [writer, acknowledged] of still.acknowledgedBy) expectAll(sink, writer, acknowledged, 'still')
    expect(sink.complaints).toEqual([])
  })

  it('is known to live where its main thread logs', async () => {
    const sink = await startSink()
    const proxy = await startFaultProxy(sink.url)
    onTestFinished(() => proxy.close())
    const spoolDir = temporaryDirectory()
    const transport = { url: `${proxy.url}/_bulk`, spoolDir, batch: { count: BATCH, ageMs: 10 } }
    const still = startService(bundle, { transport, writer: 0 })
    proxy.always({ kind: 'hang' })
    await still.run(2)
    await still.acknowledges(200)
    await proxy.happened({ kind: 'fault', fault: 'hang' })
    still.child.kill('SIGSTOP')
    age(spoolDir)
    const own = readdirSync(join(spoolDir, 'http'))

    const other = startService(bundle, { transport: { ...transport, url: `${sink.url}/_bulk` }, writer: 1 })
    await other.log(10)
    expect(await other.delivered()).toBe(true)
    expect(readdirSync(join(spoolDir, 'http'))).toEqual(expect.arrayContaining(own))
    expect(numbersOf(sink, 0)).toEqual([])
    expect((await other.close()).code).toBe(0)
    still.child.kill('SIGCONT')
    await still.stop()
    expect((await still.kill()).signal).toBe('SIGKILL')

    const next = startService(bundle, { transport: { ...transport, url: `${sink.url}/_bulk` }, writer: 2 })
    expect(await next.delivered()).toBe(true)
    expectAll(sink, 0, still.acknowledged, 'still')
    expect((await next.close()).code).toBe(0)
    expect(leftIn(spoolDir)).toEqual([])
  })
})
