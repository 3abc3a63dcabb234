import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createReader, type Reader, type ReaderOptions } from '../../src/segments/read/reader.ts'
import { createMaintenance, type MaintenanceOptions } from '../../src/segments/upkeep/maintenance.ts'
import { fileTransport } from '../../src/transports/file.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, said } from './child.ts'
import { createTally, filesIn, lineOf, type Tally, tallyOf, whole } from './numbered.ts'
import { ROOMS, startWriters, sumOf, together, until, type WriterOptions, type Writers } from './writers.ts'

const COUNT = process.env.SPOOR_FULL ? 100_000 : 4000
const ROTATIONS = 50
const GENERATIONS = 10
const AT_ONCE = 7
const SETTLE = 200

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(ROOMS)
})
afterAll(() => bundle.remove())

/** Starts the writers; they end with the test at the latest. */
function start(given: WriterOptions): Writers {
  const writers = startWriters(bundle, given)
  onTestFinished(() => void writers.child.kill('SIGKILL'))
  return writers
}

function bytesOf(count: number): number {
  let bytes = 0
  for (let n = 0; n < count; n++) bytes += lineOf(0, n).length
  return bytes
}

/** The bytes of the largest flush. */
function flushOf(atOnce: number): number {
  return 1000 + atOnce * 160
}

async function codesOf(all: readonly Writers[]): Promise<string[]> {
  const over = await Promise.all(all.map((each) => each.over))
  return over.map(({ code, stderr }) => `${code} ${stderr}`)
}

/** How each writer's records were found; each has written what it told last. */
function faultsIn(tally: Tally, all: readonly Writers[]): unknown[] {
  const told = all.flatMap((each) => [...each.told])
  const faults: unknown[] = tally.broken.map((line) => ({ broken: line }))
  for (const [writer, { written }] of told) {
    const account = tally.of(writer)
    if (JSON.stringify(account) !== JSON.stringify(whole(written)))
      faults.push({ writer, written, ...account })
  }
  return faults
}

const eight = Array.from({ length: 8 }, (_, i) => [i])
const WAYS: readonly [string, readonly (readonly number[])[]][] = [
  ['8 processes', eight],
  ['4 threads in each of 2 processes', [eight.slice(0, 4).flat(), eight.slice(4).flat()]],
]

describe.each(WAYS)('%s on one file', (_name, processes) => {
  const maxSize = Math.ceil((bytesOf(COUNT) * 8) / ROTATIONS)

  it('rotate it in turns: no record lost, doubled, broken or out of order, no gap in the numbers', async () => {
    const directory = temporaryDirectory()
    const given = { path: join(directory, 'app.log'), options: { maxSize }, count: COUNT }
    const all = processes.map((writers) => start({ ...given, writers, atOnce: AT_ONCE }))
    await together(all)
    expect(await codesOf(all)).toEqual(all.map(() => '0 '))

    const files = filesIn(directory)
    const rotated = files.length - 1
    expect(faultsIn(tallyOf(directory), all)).toEqual([])
    expect(rotated).toBeGreaterThan(ROTATIONS / 2)
    expect(sumOf(all, 'rotated')).toBeLessThanOrEqual(rotated)
    const numbers = Array.from({ length: rotated }, (_, i) => String(i + 1).padStart(3, '0'))
    const names = readdirSync(directory).sort()
    expect(names.map((name) => name.replace(/\d{4}-\d\d-\d\d/, 'DATE'))).toEqual([
      ...numbers.map((number) => `app-DATE.${number}.log`),
      'app.log',
    ])
    const most = maxSize + 8 * flushOf(AT_ONCE)
    expect(files.filter(({ size }) => size > most).map(({ name, size }) => [name, size, most])).toEqual([])
    // Else it would show nothing: they did write at the same time.
    const shared = files.filter(({ text }) => new Set(text.match(/"w":\d/g)).size > 2)
    expect(shared.length).toBeGreaterThan(rotated / 4)
  })

  it('lose nothing to compression and retention in all of them, in the eyes of a reader that follows', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const reading = await startReader({ path, checkpoint: 'all', settleMs: SETTLE, pollMs: 20 })
    const options = { maxSize, compress: 1, retention: 'count=5', settleMs: SETTLE }
    const given = { path, options, count: COUNT, lasting: true, pace: 20, atOnce: AT_ONCE }
    const all = processes.map((writers) => start({ ...given, writers }))
    await together(all)
    await until(all, () => sumOf(all, 'compressed') > 2 && sumOf(all, 'deleted') > 2 && allWrote(all, COUNT))
    for (const each of all) each.stop()
    expect(await codesOf(all)).toEqual(all.map(() => '0 '))
    const seen = await reading.end()

    expect(faultsIn(seen, all)).toEqual([])
    expect(reading.problems).toEqual([])
    // What had been read could go in any order.
    const left = tallyOf(directory)
    expect(left.broken).toEqual([])
    for (const writer of left.writers)
      expect(left.of(writer)).toMatchObject({ last: seen.of(writer).last, doubled: 0, disordered: 0 })
    expect(readdirSync(directory).filter((name) => /\.(moving|tmp|lock|maintenance)$/.test(name))).toEqual([])
  })
})

function allWrote(all: readonly Writers[], count: number): boolean {
  const told = all.flatMap((each) => [...each.told.values()])
  return told.length === 8 && told.every(({ written }) => written >= count)
}

/** A reader that has read and committed one record when this resolves, so that nothing unread is deleted. */
async function startReader(options: ReaderOptions) {
  const tally = createTally()
  const problems: string[] = []
  const onProblem = ({ code, message }: { code: string; message: string }): void => {
    if (code !== 'checkpoint' || !message.includes('missing')) problems.push(`${code}: ${message}`)
  }
  const first = fileTransport({ path: options.path, rotate: 'off', compress: 'off' })
  first.write(lineOf(99, 0), 50)
  await first.close?.()

  async function read(reader: Reader, onRead: () => void): Promise<void> {
    for await (const batch of reader) {
      tally.add(batch.bytes.toString())
      await batch.commit()
      onRead()
    }
  }
  const reader = createReader({ ...options, follow: true, onProblem })
  onTestFinished(() => reader.close())
  let over: Promise<void> = Promise.resolve()
  await new Promise<void>((resolve) => {
    over = read(reader, resolve)
  })
  return {
    problems,
    /** Ends it and reads the rest from its checkpoint on. */
    async end() {
      await reader.close()
      await over
      await read(createReader({ ...options, onProblem }), () => {})
      return tally
    },
  }
}

describe('new processes that start while the old ones end by process.exit in mid-stream', () => {
  it(`lose and double nothing in ${GENERATIONS} generations, with compression on`, async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const options = { maxSize: 20_000, compress: 1, settleMs: SETTLE }
    const logged = new Map<number, number>()

    async function begin(generation: number): Promise<Writers[]> {
      const pair = [0, 1].map((i) =>
        start({
          path,
          options,
          writers: [generation * 2 + i],
          count: 0,
          lasting: true,
          pace: 5,
          atOnce: AT_ONCE,
        }),
      )
      await together(pair)
      await until(pair, () =>
        pair.every(({ told }) => [...told.values()].some(({ written }) => written > 50)),
      )
      return pair
    }

    async function end(old: readonly Writers[]): Promise<void> {
      for (const each of old) each.exit()
      for (const { over, told } of old) {
        const { code, stdout, stderr } = await over
        expect([code, stderr]).toEqual([0, ''])
        for (const writer of told.keys()) logged.set(writer, Number(stdout))
      }
    }

    let old = await begin(0)
    await until(old, () => sumOf(old, 'compressed') > 0)
    for (let generation = 1; generation <= GENERATIONS; generation++) {
      const young = await begin(generation)
      await end(old)
      old = young
    }
    await end(old)
    const tally = tallyOf(directory)
    expect(tally.broken).toEqual([])
    for (const [writer, count] of logged) expect([writer, tally.of(writer)]).toEqual([writer, whole(count)])
    expect(logged.size).toBe(2 * (GENERATIONS + 1))
  })
})

describe('a process that stands still between its look at the path and its write', () => {
  const WAYS: readonly [string, Pick<MaintenanceOptions, 'compress' | 'retention'>][] = [
    ['rotated', {}],
    ['compressed', { compress: { files: 0 } }],
    ['deleted', { retention: { age: {}, size: 1 } }],
  ]

  it.each(WAYS)('loses and doubles nothing where the file was %s meanwhile', async (_name, upkeep) => {
    const script = bundle.script(
      'still.mjs',
      `import fs, { existsSync } from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       const directory = process.argv[2]
       const real = fs.writeSync
       let writes = 0
       // As long as it takes until a done file is compressed or deleted.
       let stood = 0
       const now = performance.now.bind(performance)
       performance.now = () => now() + stood
       fs.writeSync = (...args) => {
         if (++writes !== 3) return real(...args)
         real(1, 'still')
         while (!existsSync(directory + '/go')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
         stood = 10_000
         return real(...args)
       }
       syncBuiltinESMExports()
       const { fileTransport, lineOf } = await import('./spoor.mjs')
       const out = fileTransport({ path: directory + '/app.log', rotate: 'off', compress: 'off' })
       for (let n = 0; n < 5; n++) out.write(lineOf(0, n), 50)`,
    )
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'pipe'] })
    const over = ended(child)
    await said(child.stdout, 'still')
    const other = fileTransport({ path, rotate: 'off', compress: 'off' })
    other.write(lineOf(1, 0), 50)
    other.rotate()
    other.write(lineOf(1, 1), 50)
    await other.close?.()
    const gone = await maintain(path, upkeep)
    writeFileSync(join(directory, 'go'), '')
    expect((await over).stderr).toBe('')

    const tally = tallyOf(directory)
    expect(tally.broken).toEqual([])
    // With a deleted file goes what was in it, and nothing of what came later.
    if (gone) expect(tally.of(0)).toEqual({ ...whole(5), first: 2 })
    else expect([tally.of(0), tally.of(1)]).toEqual([whole(5), whole(2)])
  })

  /** Whether a file was deleted. */
  async function maintain(path: string, upkeep: Pick<MaintenanceOptions, 'compress' | 'retention'>) {
    let clock = 0
    const maintenance = createMaintenance({
      ...upkeep,
      path,
      rotate: 'off',
      timeZone: 'local',
      settleMs: 1,
      monotonic: () => clock,
      report: () => {},
    })
    await maintenance.pass()
    clock += 1000
    const { compressed, deleted } = await maintenance.pass()
    await maintenance.close()
    expect(compressed + deleted).toBe(Object.keys(upkeep).length)
    return deleted > 0
  }
})
