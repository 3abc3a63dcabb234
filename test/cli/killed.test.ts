import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { fileTransport } from '../../src/transports/file.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { answer, type Fault, PASS, tooManyRequests } from '../support/faults/fault.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { bundleCommand, lines, numbersOf, range, start, startSink } from './support.ts'

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 8)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
const BATCH = 50

let spoor: ReturnType<typeof bundleCommand>
beforeAll(() => {
  spoor = bundleCommand()
})
afterAll(() => spoor.remove())

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Writes numbered lines all the time, with rotation and compression. */
function startWriter(path: string) {
  const out = fileTransport({ path, rotate: 'off', maxSize: 20_000, compress: 2, settleMs: 60 })
  let n = 0
  const writing = setInterval(() => {
    for (let i = 0; i < 10; i++) out.write(lines(n, ++n), 30)
  }, 5)
  onTestFinished(() => clearInterval(writing))
  return {
    get written() {
      return n
    },
    async close() {
      clearInterval(writing)
      await out.close?.()
    },
  }
}

/** The number of the first line behind the checkpoint; undefined where its file is not there as it was any more. */
function committedIn(directory: string): number | undefined {
  const name = readdirSync(directory).find((one) => one.endsWith('.checkpoint'))
  if (name === undefined) return undefined
  const { places } = JSON.parse(readFileSync(join(directory, name), 'utf8'))
  const { file, offset } = places.at(-1)
  for (const one of readdirSync(directory).filter((log) => log.endsWith('.log'))) {
    try {
      const fd = openSync(join(directory, one), 'r')
      const { ino, birthtimeMs } = fstatSync(fd)
      const text = readFileSync(fd, 'utf8')
      closeSync(fd)
      // An inode's number is given again at once.
      if (ino !== file.ino || birthtimeMs !== file.birth) continue
      return JSON.parse(text.slice(0, offset).trimEnd().split('\n').at(-1) ?? '').n + 1
    } catch {
      // It was renamed or removed meanwhile.
    }
  }
  return undefined
}

/** What networks and overloaded back ends do to a request, one after the other. */
const FAULTS: readonly Fault[] = [
  { kind: 'lose-answer' },
  answer(503, 'overloaded'),
  { kind: 'reset', afterBytes: 200 },
  tooManyRequests(0),
  { kind: 'garbage' },
  { kind: 'cut-answer', afterBytes: 10 },
  { kind: 'close' },
]

describe('SIGKILL of spoor ship at any moment, and a restart', () => {
  it.each([
    ['with its checkpoint beside the log', [], []],
    ['with its checkpoint in --state', ['--state'], []],
    ['under faults', [], FAULTS],
  ])('brings every line at least once, twice only what was on its way: %s', async (_name, flags, faults) => {
    const random = randomFrom(SEED)
    const sink = await startSink()
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const state = flags.length === 0 ? directory : temporaryDirectory()
    const proxy = await startFaultProxy(sink.url)
    onTestFinished(() => proxy.close())
    // Each fault once in a while, so that there is some progress.
    proxy.always(({ number }) => (number % 3 === 0 && faults[(number / 3) % faults.length]) || PASS)
    const args = [
      'ship',
      path,
      '--to',
      `ndjson=${proxy.url}`,
      '--batch-count',
      String(BATCH),
      '--batch-age',
      '5ms',
    ]
    if (flags.length > 0) args.push('--state', state)
    const writer = startWriter(path)
    let committed = 0
    let from = 0
    const check = (): void => {
      const first = Math.min(...numbersOf(sink.records.slice(from)))
      // Nothing that is behind the checkpoint comes again.
      if (flags.length === 0)
        expect({ first: Math.max(first, committed), seed: SEED }).toEqual({ first, seed: SEED })
    }
    for (let kill = 0; kill < KILLS; kill++) {
      const command = start(spoor.path, args)
      const wanted = sink.requests.length + 1 + Math.floor(random() * 5)
      await sink.until(() => sink.requests.length >= wanted)
      await new Promise((resolve) => setTimeout(resolve, random() * 20))
      command.child.kill('SIGKILL')
      await command.ended
      check()
      committed = committedIn(directory) ?? 0
      from = sink.records.length
    }
    await writer.close()
    // The rest may come as fast as it can.
    proxy.always(PASS)
    const command = start(spoor.path, args)
    const came = new Set<number>()
    let counted = 0
    await sink.until(() => {
      for (; counted < sink.records.length; counted++) came.add(sink.records[counted]?.n as number)
      return came.size === writer.written
    })
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(0)
    check()
    expect([...came].sort((a, b) => a - b)).toEqual(range(0, writer.written))
    const doubled = sink.records.length - writer.written
    if (flags.length === 0)
      expect(doubled).toBeLessThanOrEqual((KILLS + proxy.count({ kind: 'fault' })) * BATCH)
  })
})
