import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { answer, PASS, type Rule, redirect, tooManyRequests } from '../support/faults/fault.ts'
import { randomFrom } from '../support/random.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { deadLettersIn, leftIn, startService } from './ship-service.ts'

// The service dies by SIGKILL at any moment, whatever is wrong with the endpoint; the next start delivers.

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 3)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
/** Kills at the same time. */
const AT_ONCE = 3
const BATCH = 50
const POISON = 97
/** The first numbers of services that follow one another, and of the one that lives. */
const NEXT = 100_000
const LAST = 300_000
const PATHS = { loki: '/loki/api/v1/push', elasticsearch: '/_bulk', otlp: '/v1/logs' } as const
const IN_FLIGHT = { loki: 1, elasticsearch: 4, otlp: 4 } as const
type Format = keyof typeof PATHS
const FORMATS: readonly Format[] = ['elasticsearch', 'otlp', 'loki']

interface Case {
  /** What the proxy does; for single records what it refuses for good. */
  readonly fault?: Rule | undefined
  /** It is not over when the service starts again. */
  readonly stays?: boolean
  /** What the sink does with single records; `over`: the service was started again. */
  readonly refuse?: (poison: boolean, over: boolean, random: () => number) => number | undefined
  readonly formats?: readonly Format[]
}

const isPoisoned = (body: Buffer) => body.includes('poison')
const CASES: Readonly<Record<string, Case>> = {
  nothing: {},
  'a port that refuses': { fault: { kind: 'refuse', forMs: 20 } },
  'one that hangs': { fault: { kind: 'hang' } },
  'one that is half open': { fault: { kind: 'half-open' } },
  'a reset in mid-body': { fault: { kind: 'reset', afterBytes: 300 } },
  'a lost answer': { fault: { kind: 'lose-answer' } },
  'an answer that is cut': { fault: { kind: 'cut-answer', afterBytes: 20 } },
  'a slow answer': { fault: { kind: 'slow', bytes: 8, everyMs: 4 } },
  '429 with Retry-After': { fault: tooManyRequests(1) },
  '500': { fault: answer(500, 'oops') },
  '502': { fault: answer(502, '<html>') },
  '503': { fault: answer(503) },
  '413': {
    stays: true,
    fault: async (request) => ((await request.body()).length > 4000 ? answer(413, 'too large') : PASS),
  },
  '400 for one record': {
    stays: true,
    fault: async (request) => (isPoisoned(await request.body()) ? answer(400, 'no such field') : PASS),
  },
  'items that fail': {
    stays: true,
    formats: ['elasticsearch'],
    refuse: (poison, over, random) => (poison ? 400 : !over && random() < 0.1 ? 429 : undefined),
  },
  garbage: { fault: { kind: 'garbage' } },
  '260': { fault: answer(260, 'ingestion blocked for user fake'), formats: ['loki'] },
  '301 elsewhere': { fault: redirect('http://127.0.0.1:9/elsewhere') },
  'a connection that is closed': { fault: { kind: 'close' } },
}

let bundle: Bundle
beforeAll(() => {
  bundle = bundleShipping()
})
afterAll(() => bundle.remove())

/** At each request, or at about every second one. */
function ruleOf(fault: Rule, random: () => number): Rule {
  if (random() < 0.5) return fault
  return (request) => (random() < 0.5 ? PASS : typeof fault === 'function' ? fault(request) : fault)
}

interface Run {
  readonly note: string
  readonly format: Format
  readonly sink: Sink
  readonly proxy: FaultProxy
  readonly spoolDir: string
  /** For each that was killed: the number of its first record, and how many calls had returned. */
  readonly killed: readonly { readonly from: number; readonly acknowledged: number }[]
}

async function killOnce(name: string, kill: number, random: () => number): Promise<Run> {
  const { fault = PASS, stays = false, refuse, formats = FORMATS } = CASES[name] as Case
  const format = formats[kill % formats.length] as Format
  let over = false
  const sink = await startSink({ refuse: ({ record }) => refuse?.(record.poison === true, over, random) })
  const proxy = await startFaultProxy(sink.url)
  onTestFinished(() => proxy.close())
  const spoolDir = temporaryDirectory()
  const url = `${proxy.url}${PATHS[format]}`
  const transport = { url, spoolDir, batch: { count: BATCH, ageMs: 10 } }
  // Where the fault is none of a record's, what is poison elsewhere is a record like any other.
  const given = { transport, poison: POISON }

  proxy.always(stays ? fault : ruleOf(fault, random))
  const killed: { from: number; acknowledged: number }[] = []
  // Some that take over what a killed one has left are killed too.
  for (let from = 0; from === 0 || (from < LAST && random() < 0.25); from += NEXT) {
    const service = startService(bundle, { ...given, from })
    await service.run(1)
    await service.acknowledges(from + 1)
    // Half of them while the first request is under way.
    if (from === 0 && random() < 0.5) await proxy.happened({ kind: 'request' })
    // The random moment; nothing waits for it to be long enough.
    await pause(random() * 250)
    await service.kill()
    killed.push({ from, acknowledged: service.acknowledged - from })
  }

  over = true
  if (!stays) proxy.always(PASS)
  await proxy.accept()
  const next = startService(bundle, { ...given, from: LAST })
  await next.log(10)
  expect(await next.delivered(), name).toBe(true)
  const { code, stderr } = await next.close()
  expect(code, stderr).toBe(0)
  // Where nothing is wrong any more, nothing is told but what the kill has torn.
  if (!stays) expect(stderr.replace(/^spoor: a line in .* was torn .*\n$/, '')).toBe('')
  return { note: `${name}, ${format}`, format, sink, proxy, spoolDir, killed }
}

function look({ note, format, sink, proxy, spoolDir, killed }: Run): void {
  expect(sink.complaints, note).toEqual([])
  const letters = deadLettersIn(spoolDir)
  const there = new Set([...sink.stored.values(), ...letters].map(({ record }) => Number(record.n)))
  for (const { from, acknowledged } of [...killed, { from: LAST, acknowledged: 10 }]) {
    const missing = Array.from({ length: acknowledged }, (_, i) => from + i).filter((n) => !there.has(n))
    expect({ note, from, missing }).toEqual({ note, from, missing: [] })
  }
  expect(leftIn(spoolDir), note).toEqual([])

  // The back end can tell: no record came with two ids.
  const ids = new Map<unknown, string>()
  for (const { id, record } of [...sink.stored.values(), ...letters]) {
    if (format === 'loki') continue
    expect(ids.get(record.n) ?? id, note).toBe(id)
    ids.set(record.n, id)
  }
  expect(new Set([...sink.stored.values()].map(({ record }) => record.n)).size).toBe(sink.stored.size)
  const doubled = [...sink.stored.values()].filter(({ times }) => times > 1).length
  const lostAnswers =
    proxy.count({ kind: 'fault', fault: 'lose-answer' }) + proxy.count({ kind: 'fault', fault: 'cut-answer' })
  // One who is killed has its own spool in flight, and each that it has taken over.
  const spools = (killed.length * (killed.length + 1)) / 2
  expect(doubled, note).toBeLessThanOrEqual(BATCH * (IN_FLIGHT[format] * spools + lostAnswers))
}

/** Whatever is refused for a record of its own is that record. */
function lookAtLetters({ note, spoolDir }: Run): void {
  for (const { reason, record } of deadLettersIn(spoolDir))
    if (!reason.includes('sent together')) expect(record.poison, `${note}: ${reason}`).toBe(true)
}

describe('SIGKILL of a service whose endpoint has', () => {
  it.each(Object.keys(CASES))(`%s: nothing is lost, ${KILLS} times; seed ${SEED}`, async (name) => {
    const random = randomFrom(SEED + Object.keys(CASES).indexOf(name))
    for (let kill = 0; kill < KILLS; kill += AT_ONCE) {
      const now = Array.from({ length: Math.min(AT_ONCE, KILLS - kill) }, (_, i) => kill + i)
      const runs = await Promise.all(now.map((one) => killOnce(name, one, random)))
      for (const run of runs) look(run)
      if (name === '400 for one record' || name === 'items that fail') runs.forEach(lookAtLetters)
    }
  })
})
