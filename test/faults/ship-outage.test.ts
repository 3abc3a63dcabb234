import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { answer, PASS } from '../support/faults/fault.ts'
import { bytesBelow, rssOf } from '../support/proc.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { leftIn, type Service, startService } from './ship-service.ts'

// The endpoint is down for long, under load: 10 minutes at 5,000 records a second, written as fast as it goes.

const FULL = process.env.SPOOR_FULL !== undefined
const COUNT = FULL ? 3_000_000 : 60_000
const MEBIBYTE = 1024 ** 2
/** The default one; without SPOOR_FULL one that is full in no time. */
const BUDGET = FULL ? 1024 * MEBIBYTE : 4 * MEBIBYTE
const MOST_MEMORY = 32 * MEBIBYTE
/** Characters in each, so that all together are much more than what may be in memory. */
const PAD = 1000
/** Records in 100 ms. */
const RATE = 5000
const WARM = 20_000
const DELIVERED_MS = FULL ? 3600_000 : 45_000
// V8's young generation has its full size from the beginning: what grows then is ours.
const MEMORY = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--expose-gc']

let bundle: Bundle
beforeAll(() => {
  bundle = bundleShipping()
})
afterAll(() => bundle.remove())

interface Losses {
  dropped: number
  readonly byLevel: Record<string, number>
  notes: number
}

interface Outage {
  readonly proxy: FaultProxy
  readonly sink: Sink
  readonly service: Service
  readonly spoolDir: string
  /** How often the record of each number was stored. */
  readonly times: Uint8Array
  /** What records told that others were lost. */
  readonly told: Losses
}

async function begin(spoolMax: number | string): Promise<Outage> {
  const times = new Uint8Array(WARM + COUNT)
  const told: Losses = { dropped: 0, byLevel: {}, notes: 0 }
  const sink = await startSink({
    onRecord({ record: { n, msg, dropped, dropped_by_level } }) {
      if (typeof n === 'number') {
        times[n] = (times[n] as number) + 1
        return
      }
      expect(msg).toBe('log records were lost')
      told.notes++
      told.dropped += dropped as number
      for (const [level, count] of Object.entries(dropped_by_level as Record<string, number>))
        told.byLevel[level] = (told.byLevel[level] ?? 0) + count
    },
  })
  const proxy = await startFaultProxy(sink.url)
  onTestFinished(() => proxy.close())
  const spoolDir = temporaryDirectory()
  const transport = { url: `${proxy.url}/_bulk`, spoolDir, spoolMax, batch: { ageMs: 50 } }
  const service = startService(bundle, { transport, pad: PAD, execArgv: MEMORY })
  // So that what only has to be loaded and compiled once is, and the young generation was used to its end.
  await service.log(WARM)
  expect(await service.delivered()).toBe(true)
  return { proxy, sink, service, spoolDir, times, told }
}

/** The largest of what is measured again and again while `act` goes on, and once behind it. */
async function most(measure: () => number, act: () => Promise<unknown>): Promise<number> {
  let found = 0
  const look = (): void => {
    found = Math.max(found, measure())
  }
  const timer = setInterval(look, 5)
  try {
    await act()
    look()
  } finally {
    clearInterval(timer)
  }
  return found
}

/** As fast as it goes; all of it at 10 times the rate, so that the budget, which is looked at each second, is kept to. */
async function logAll(service: Service): Promise<void> {
  if (!FULL) {
    await service.log(COUNT)
    return
  }
  for (let n = 0; n < COUNT; n += RATE) await Promise.all([service.log(RATE), pause(100)])
}

const missingOf = (times: Uint8Array): number[] => [...times.keys()].filter((n) => times[n] === 0)
/** As the service makes them. */
const levelOf = (n: number): string => (n % 50 === 49 ? 'error' : 'info')

describe('an endpoint that is down under load', () => {
  it('loses nothing where the spool may be large, and costs no memory', async () => {
    const { proxy, sink, service, spoolDir, times, told } = await begin('4GB')
    const pid = service.child.pid as number
    const before = rssOf(pid)
    await proxy.refuse()
    await service.log(COUNT)
    expect(rssOf(pid) - before).toBeLessThanOrEqual(MOST_MEMORY)
    const { shipper, spoolBytes, ...stats } = await service.stats()
    expect(stats).toMatchObject({ records: WARM + COUNT, dropped: 0, buffered: 0, spoolDropped: 0 })
    expect(bytesBelow(spoolDir)).toBeGreaterThan(COUNT * PAD)

    await proxy.accept()
    expect(await service.delivered(DELIVERED_MS)).toBe(true)
    expect(missingOf(times)).toEqual([])
    expect(times.every((count) => count === 1)).toBe(true)
    expect(told.notes).toBe(0)
    const { code } = await service.close()
    expect(code).toBe(0)
    expect(leftIn(spoolDir)).toEqual([])
    expect(sink.complaints).toEqual([])
  })

  it('loses what the spool has no room for, and tells exactly how much', async () => {
    const { proxy, sink, service, spoolDir, times, told } = await begin(BUDGET)
    const pid = service.child.pid as number
    const before = { rss: rssOf(pid), live: await service.live() }
    proxy.always(answer(503))
    const disk = await most(
      () => bytesBelow(spoolDir),
      () => logAll(service),
    )
    expect(disk).toBeLessThanOrEqual(BUDGET)
    // Where it is written faster than the oldest are dropped, the newest are in memory, 8 MiB at most. V8 lets what was
    // there lie until its heap has grown to some four times of that: measured 27 to 77 MiB.
    expect(rssOf(pid) - before.rss).toBeLessThanOrEqual(4 * MOST_MEMORY)
    expect((await service.live()) - before.live).toBeLessThanOrEqual(MOST_MEMORY)

    proxy.always(PASS)
    expect(await service.delivered(DELIVERED_MS)).toBe(true)
    // The record that tells of the loss may be made by the very delivery that ended it.
    expect(await service.delivered(DELIVERED_MS)).toBe(true)
    const missing = missingOf(times)
    const { dropped, buffered } = await service.stats()
    const { stderr, code } = await service.close()
    expect(missing.length).toBeGreaterThan(COUNT / 4)
    expect(times.every((count) => count <= 1)).toBe(true)
    expect({ dropped, buffered, told: told.dropped }).toEqual({
      dropped: missing.length,
      buffered: 0,
      told: missing.length,
    })
    // One where the spool was full, and one for each time that memory was.
    expect(told.notes).toBeLessThan(50)
    const byLevel: Record<string, number> = {}
    for (const n of missing) byLevel[levelOf(n)] = (byLevel[levelOf(n)] ?? 0) + 1
    expect(told.byLevel).toEqual(byLevel)
    expect(stderr).toMatch(/were given up|are being lost/)
    expect(code).toBe(0)
    expect(leftIn(spoolDir)).toEqual([])
    expect(sink.complaints).toEqual([])
  })
})
