import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeOwner } from '../../src/segments/spool/owner.ts'
import { createSpoolSource } from '../../src/segments/spool/source.ts'
import { createSpoolWriter } from '../../src/segments/spool/writer.ts'
import { type ShippingClock, systemClock } from '../../src/shipping/clock.ts'
import { createDeadLetters, type LetterLine } from '../../src/shipping/dead-letters.ts'
import { httpDestination } from '../../src/shipping/http-destination.ts'
import { createShipper } from '../../src/shipping/shipper.ts'
import { lineParser, spoolSource } from '../../src/shipping/spool-source.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { answer, type Rule, redirect, tooManyRequests } from '../support/faults/fault.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { httpServer } from './support/http-server.ts'
import { linesPreset } from './support/lines-preset.ts'

// A time-out of 30 s is one of 300 ms.
const FASTER = 100

function fastClock(): ShippingClock {
  const clock = systemClock(true)
  return {
    now: clock.now,
    monotonic: () => clock.monotonic() * FASTER,
    after: (ms, act) => clock.after(ms / FASTER, act),
  }
}

const poison = '"msg":"poison"'
const FAULTS: Record<string, Rule> = {
  'refuses connections': { kind: 'refuse', forMs: 50 },
  hangs: { kind: 'hang' },
  'half-opens': { kind: 'half-open' },
  'resets in the middle of the body': { kind: 'reset', afterBytes: 100 },
  'takes all and resets before the answer': { kind: 'lose-answer' },
  'answers slowly': { kind: 'slow', bytes: 20, everyMs: 1 },
  'breaks off its answer': { kind: 'cut-answer', afterBytes: 10 },
  'answers what is no HTTP': { kind: 'garbage' },
  'closes without an answer': { kind: 'close' },
  'has too many requests': tooManyRequests(1),
  'has errors': answer(500),
  'is overloaded': answer(503),
  'finds it too large': answer(413),
  'does not know us for a while': answer(401),
  'is somewhere else for a while': redirect('https://example.com/'),
}

async function rig(rules: readonly Rule[]) {
  const { url, received, state } = await httpServer()
  // What has a record in it that it does not like it refuses as a whole.
  state.handler = ({ body }, response) => response.writeHead(body.includes(poison) ? 400 : 204).end()
  const proxy = await startFaultProxy(url)
  onTestFinished(() => proxy.close())
  proxy.next(...rules)
  const directory = join(temporaryDirectory(), 'spool')
  const problems: unknown[] = []
  const onProblem = (problem: unknown) => problems.push(problem)
  const clock = fastClock()
  let subdirectory = ''
  const writer = createSpoolWriter({
    directory,
    owner: makeOwner(0),
    budgetBytes: 1e9,
    segmentBytes: 5000,
    fsync: 'never',
    fsyncMs: 1000,
    onProblem,
    onDirectory: (name) => {
      subdirectory = name
    },
  })
  const deadPath = join(directory, '..', 'dead-letters.ndjson')
  const open = () =>
    createSpoolSource({
      subdirectory,
      finished: false,
      parserOf: (names) => lineParser(names, Date.now),
      fsync: 'interval',
      onProblem,
    })
  const makeShipper = () =>
    createShipper({
      destination: httpDestination(linesPreset(`${proxy.url}/in`)),
      deadLetters: createDeadLetters({ path: deadPath }),
      batch: { count: 20 },
      clock,
      random: () => 0.1,
      timeoutMs: 30_000,
    })
  return {
    writer,
    proxy,
    problems,
    directory,
    open,
    makeShipper,
    /** What the server has said yes to. */
    stored: () =>
      received
        .filter(({ body }) => !body.includes(poison))
        .flatMap(({ body }) => parseLines(body).map(({ n }) => n as number)),
    letters: () =>
      existsSync(deadPath)
        ? parseLines<LetterLine & Record<string, unknown>>(readFileSync(deadPath, 'utf8'))
        : [],
  }
}

function lineOf(n: number, msg = `record ${n}`): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level: 'info', msg, n })}\n`
}

describe('a spool, a shipper and a back end that', () => {
  it.each(Object.entries(FAULTS))('%s: every record arrives', async (_, rule) => {
    const { writer, open, makeShipper, stored, letters, problems, directory, proxy } = await rig([rule, rule])
    for (let n = 0; n < 100; n++) writer.append(lineOf(n, n === 33 ? 'poison' : undefined))
    const source = open()
    const shipper = makeShipper()
    const ended = shipper.add(spoolSource(source))
    for (let n = 100; n < 150; n++) writer.append(lineOf(n))
    await shipper.idle()
    writer.append(lineOf(150))
    writer.close()
    source.finish()
    await ended
    await shipper.stop(0)
    const all = Array.from({ length: 151 }, (_, n) => n).filter((n) => n !== 33)
    expect([...new Set(stored())].sort((a, b) => a - b)).toEqual(all)
    expect(letters()).toMatchObject([
      { destination: 'lines', status: 400, record: expect.stringContaining(poison) },
    ])
    expect(shipper.stats()).toMatchObject({
      records: 151,
      delivered: 150,
      refused: 1,
      lost: 0,
      queueBytes: 0,
      state: 'healthy',
    })
    // What is done with is no longer on the disk.
    expect(readdirSync(directory).filter((name) => !name.startsWith('.'))).toEqual([])
    expect(problems).toEqual([])
    expect(proxy.count({ kind: 'request' })).toBeGreaterThan(8)
    // Sent again at most what was under way when a fault came.
    expect(stored().length - new Set(stored()).size).toBeLessThanOrEqual(2 * 20)
  })

  it('is left alone when the shipper is stopped, and gets the rest from the next one', async () => {
    const { writer, open, makeShipper, stored } = await rig([])
    for (let n = 0; n < 100; n++) writer.append(lineOf(n))
    const first = makeShipper()
    const source = open()
    void first.add(spoolSource(source))
    while (stored().length < 40) await new Promise((resolve) => setImmediate(resolve))
    await first.stop(0)
    const before = stored().length
    const next = makeShipper()
    void next.add(spoolSource(open()))
    await next.idle()
    await next.stop(0)
    expect([...new Set(stored())]).toEqual(Array.from({ length: 100 }, (_, n) => n))
    // The one batch that was in flight.
    expect(stored().length).toBeLessThanOrEqual(100 + 20)
    expect(before).toBeLessThan(100)
    writer.close()
  })
})
