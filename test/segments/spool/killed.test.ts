import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Ended, ended, said } from '../../faults/child.ts'
import { type Bundle, bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 12)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
const KILLS_IN_ONE = 25

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf([
    'segments/spool/owner.ts',
    'segments/spool/writer.ts',
    'segments/spool/source.ts',
    'segments/spool/adopt.ts',
    'segments/spool/budget.ts',
  ])
})
afterAll(() => bundle.remove())

interface Given {
  readonly directory: string
  /** A file to which all that happens is appended, by whoever it happens to. */
  readonly log: string
  /** The number of the first line. */
  readonly from: number
  /** The step in the directory before which it dies; in the middle of it if that is a write. */
  readonly at?: number
  /** Lines to write; then it delivers all there is, adopts all it can and ends. @default without end */
  readonly count?: number
  /** Bytes of the spool's budget; notes are kept for what is dropped. @default none */
  readonly budget?: number
}

/**
 * Writes numbered lines and delivers them, and those of the dead: W n after an append, G n id when a line is given,
 * C n when it is committed, D n when n lines were dropped without a note, N id n for a note of n lines.
 */
const SERVICE = `
  import fs, { openSync, readdirSync, writeSync } from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const { directory, log: path, from, at, count, budget: budgetBytes } = JSON.parse(process.argv[2])
  const log = openSync(path, 'a')
  const told = writeSync
  const say = (text) => told(log, text + '\\n')
  let step = 0
  const die = () => { process.kill(process.pid, 'SIGKILL'); for (;;); }
  const trap = (host, name) => {
    const real = host[name]
    host[name] = function (...args) {
      if (String(args[0]).startsWith(directory) && ++step === at) die()
      return real.apply(this, args)
    }
  }
  if (at !== undefined) {
    for (const name of ['openSync', 'mkdirSync', 'unlinkSync', 'writeFileSync']) trap(fs, name)
    for (const name of ['open', 'rename', 'unlink', 'rmdir', 'utimes', 'writeFile']) trap(fs.promises, name)
    fs.writeSync = (fd, buffer, start, length) => {
      if (++step !== at) return told(fd, buffer, start, length)
      told(fd, buffer, start, Math.floor(length / 2))
      die()
    }
    syncBuiltinESMExports()
  }
  const { adoptOrphans, createSpoolBudget, createSpoolSource, createSpoolWriter, makeOwner } = await import('./spoor.mjs')
  const owner = makeOwner(0)
  const onProblem = ({ code, message }) => code === 'torn' || told(2, code + ' ' + message + '\\n')
  const sources = []
  const note = ({ lines }) => JSON.stringify({ level: 'warn', dropped: lines })
  const parserOf = () => (line) => ({ record: JSON.parse(line), timeMs: 0 })
  const follow = (subdirectory, finished) =>
    sources.push(createSpoolSource({ subdirectory, finished, parserOf, fsync: 'never', onProblem, note: budgetBytes && note }))
  const adopt = async () => {
    for (const path of await adoptOrphans({ directory, owner, onProblem })) follow(path, true)
  }
  const writer = createSpoolWriter({ directory, owner, budgetBytes: 1e9, segmentBytes: 600, fsync: 'never', fsyncMs: 1000, onProblem, onDirectory: (path) => follow(path, false) })
  const budget = createSpoolBudget({ directory, budgetBytes, segmentBytes: 600, sources: () => sources, onProblem })
  const pad = (n) => 'ü'.repeat((n * 7) % 40)
  const deliver = async (source) => {
    const lines = await source.read(500, 4)
    for (const { record, id } of lines) say(record.dropped === undefined ? 'G ' + record.n + ' ' + id : 'N ' + id + ' ' + record.dropped)
    const last = lines.at(-1)
    if (last === undefined) return 0
    await source.commit(last.place)
    for (const { record } of lines) if (record.dropped === undefined) say('C ' + record.n)
    if (source.ended) sources.splice(sources.indexOf(source), 1)
    return lines.length
  }
  console.log('ready')
  await adopt()
  let n = from
  for (let turn = 0; count === undefined || n < from + count; turn++) {
    for (let i = 0; i <= turn % 4; i++) {
      const line = JSON.stringify({ n, level: 'info', pad: pad(n) }) + '\\n'
      if (writer.append(line) === line.length) say('W ' + n++)
    }
    // Behind by a few segments, so that there is something to be dropped.
    if (budgetBytes === undefined || turn % 8 === 0) for (const source of [...sources]) await deliver(source)
    if (turn % 10 === 9) await adopt()
    if (budgetBytes !== undefined) {
      const dropped = await budget.enforce()
      if (dropped.lines > dropped.noted) say('D ' + (dropped.lines - dropped.noted))
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  writer.close()
  for (const source of [...sources]) source.finish()
  const alive = setInterval(() => {}, 1000)
  while (readdirSync(directory).length > 0) {
    await adopt()
    for (const source of [...sources]) while (await deliver(source) > 0);
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  clearInterval(alive)
  say('steps ' + step)
`

interface Service {
  readonly child: ChildProcess
  readonly over: Promise<Ended>
  readonly ready: Promise<unknown>
}

function start(given: Given): Service {
  const script = bundle.script('service.mjs', SERVICE)
  const child = spawn(process.execPath, [script, JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ready = said(child.stdout as NodeJS.ReadableStream, 'ready').catch(() => {})
  return { child, over: ended(child), ready }
}

interface Account {
  readonly written: number
  /** Written and not given. */
  readonly lost: readonly number[]
  /** Given again after it was committed. */
  readonly repeated: readonly string[]
  /** Lines of which another id was seen. */
  readonly unstable: readonly number[]
  readonly given: number
  readonly noted: number
}

function accountOf(log: string): Account {
  const written = new Set<number>()
  const committed = new Set<number>()
  const ids = new Map<number, string>()
  const notes = new Map<string, number>()
  const repeated: string[] = []
  const unstable: number[] = []
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [what, first = '', second = ''] = line.split(' ')
    const n = Number(first)
    if (what === 'W') written.add(n)
    else if (what === 'C') committed.add(n)
    else if (what === 'N') notes.set(first, Number(second))
    else if (what === 'G') {
      if (committed.has(n)) repeated.push(line)
      if (ids.has(n) && ids.get(n) !== second) unstable.push(n)
      ids.set(n, second)
    }
  }
  return {
    written: written.size,
    lost: [...written].filter((n) => !ids.has(n)),
    repeated,
    unstable,
    given: ids.size,
    noted: [...notes.values()].reduce((sum, lines) => sum + lines, 0),
  }
}

const WHOLE = { lost: [], repeated: [], unstable: [] }

/** A directory and a log of what happens in it. */
function place(): { directory: string; log: string } {
  const root = temporaryDirectory()
  const directory = join(root, 'spool')
  mkdirSync(directory)
  return { directory, log: join(root, 'log') }
}

function look(log: string, note: unknown): Account {
  const account = accountOf(log)
  const { lost, repeated, unstable } = account
  expect({ note, lost, repeated, unstable }).toEqual({ note, ...WHOLE })
  return account
}

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

async function finish(given: Given): Promise<void> {
  const { stderr, code, signal } = await start({ ...given, count: 10 }).over
  expect({ stderr, code, signal }).toEqual({ stderr: '', code: 0, signal: null })
  expect(readdirSync(given.directory)).toEqual([])
}

it('is delivered whole by a service that lives', async () => {
  const { directory, log } = place()
  await finish({ directory, log, from: 0 })
  expect(look(log, 'alive').given).toBe(10)
})

describe('SIGKILL', () => {
  it('before a step, and in the middle of each write, of one that adopts, writes, delivers and deletes', async () => {
    const random = randomFrom(SEED)
    const whole = place()
    const count = 40
    /** What the one that is going to die finds: the spool of one that was killed. */
    const orphan = async (given: { directory: string; log: string }): Promise<void> => {
      const { over } = start({ ...given, from: 0, at: 60 })
      expect((await over).signal).toBe('SIGKILL')
    }
    await orphan(whole)
    await start({ ...whole, from: 1000, at: Number.MAX_SAFE_INTEGER, count }).over
    const steps = Number(/steps (\d+)/.exec(readFileSync(whole.log, 'utf8'))?.[1])
    expect(steps).toBeGreaterThan(100)
    const all = Array.from({ length: steps }, (_, i) => i + 1)
    const chosen = all.filter(() => random() < KILLS / steps)
    for (const at of chosen) {
      const { directory, log } = place()
      await orphan({ directory, log })
      const { signal, stderr } = await start({ directory, log, from: 1000, at, count }).over
      expect({ at, signal, stderr }).toEqual({ at, signal: 'SIGKILL', stderr: '' })
      await finish({ directory, log, from: 5000 })
      look(log, { seed: SEED, at })
    }
  })

  it(`at any moment, ${KILLS} times, beside a neighbour; seed ${SEED}`, async () => {
    const random = randomFrom(SEED + 1)
    let repeats = 0
    for (let kill = 0; kill < KILLS; ) {
      const { directory, log } = place()
      let from = 0
      const next = (): Service => {
        from += 1_000_000
        return start({ directory, log, from })
      }
      const services = [next(), next()]
      for (let i = 0; i < KILLS_IN_ONE && kill < KILLS; i++, kill++) {
        const victim = Math.floor(random() * 2)
        const service = services[victim] as Service
        await service.ready
        await new Promise((resolve) => setTimeout(resolve, random() * 150))
        service.child.kill('SIGKILL')
        const { stderr, signal } = await service.over
        expect({ kill, stderr, signal }).toEqual({ kill, stderr: '', signal: 'SIGKILL' })
        services[victim] = next()
      }
      for (const { child, over } of services) {
        child.kill('SIGKILL')
        await over
      }
      await finish({ directory, log, from: from + 1_000_000 })
      const { given, written } = look(log, { seed: SEED + 1, kill })
      expect(written).toBeGreaterThan(0)
      expect(given).toBeGreaterThanOrEqual(written)
      repeats += (readFileSync(log, 'utf8').match(/^G /gm)?.length ?? 0) - given
    }
    if (process.env.SPOOR_FULL) console.log(`${repeats} lines were given twice over ${KILLS} kills`)
  })

  it('while the oldest are dropped: what was written is delivered or noted', async () => {
    const random = randomFrom(SEED + 2)
    let dropped = 0
    for (let kill = 0; kill < Math.ceil(KILLS / 4); kill++) {
      const { directory, log } = place()
      const at = 50 + Math.floor(random() * 1500)
      const given = { directory, log, budget: 3000 }
      await start({ ...given, from: 0, at }).over
      await finish({ directory, log, from: 1_000_000 })
      const { written, lost, repeated, unstable, noted } = accountOf(log)
      dropped += noted
      expect({ at, repeated, unstable }).toEqual({ at, repeated: [], unstable: [] })
      // The line whose append was interrupted may be there and in a note, unsaid.
      expect(noted - lost.length, `${written} written, kill before step ${at}`).toBeGreaterThanOrEqual(0)
      expect(noted - lost.length).toBeLessThanOrEqual(4 + 1)
    }
    expect(dropped).toBeGreaterThan(0)
  })
})
