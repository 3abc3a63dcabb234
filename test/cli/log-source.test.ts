import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { beginAtEnd, createKeeper, type KeeperOptions } from '../../src/cli/ship/keeper.ts'
import { foreignLines } from '../../src/cli/ship/lines.ts'
import { noLogCounts } from '../../src/cli/ship/log-counts.ts'
import { createLogSource, type LogSourceOptions } from '../../src/cli/ship/log-source.ts'
import { stateOf } from '../../src/cli/ship/log-state.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { lines, numbersOf, range } from './support.ts'

const NAME = 'ship-0123456789ab'

function newLog(text: string): string {
  const path = join(temporaryDirectory(), 'app.log')
  writeFileSync(path, text)
  return path
}

function sourceOf(path: string, more: Partial<LogSourceOptions & KeeperOptions> = {}) {
  const problems: string[] = []
  const keeper = createKeeper({
    path,
    name: NAME,
    state: undefined,
    onProblem: (message) => problems.push(message),
    ...more,
  })
  const counts = noLogCounts()
  const source = createLogSource({
    path,
    keeper,
    follow: true,
    parse: foreignLines(),
    fields: { labels: {}, defaults: {} },
    minLevel: 0,
    counts,
    onProblem: ({ message }) => problems.push(message),
    onUnmatched: undefined,
    ...more,
  })
  onTestFinished(() => source.close())
  return { source, counts, problems }
}

type Source = ReturnType<typeof sourceOf>['source']

/** All there is now, in reads of that size. */
async function drain(source: Source, bytes = 1_000_000, count = 1000): Promise<Shipped[]> {
  const records: Shipped[] = []
  for (;;) {
    const some = await source.read(bytes, count)
    if (some.length === 0) return records
    records.push(...some)
  }
}

const numbers = (records: readonly Shipped[]): number[] => numbersOf(records.map(({ record }) => record))

describe('a log as a source', () => {
  it('gives as many as fit, at least one, and none where there is nothing', async () => {
    const { source } = sourceOf(newLog(`${lines(0, 10)}${JSON.stringify({ n: 10, x: 'x'.repeat(5000) })}\n`))
    const [first] = await source.read(1, 1000)
    expect(first?.record.n).toBe(0)
    const bytes = first?.bytes ?? 0
    expect(numbers(await source.read(2 * bytes, 1000))).toEqual([1, 2])
    expect(numbers(await source.read(1_000_000, 3))).toEqual([3, 4, 5])
    expect(numbers(await source.read(4 * bytes + 10, 1000))).toEqual([6, 7, 8, 9])
    expect(numbers(await source.read(10, 1000))).toEqual([10])
    expect(await source.read(10, 1000)).toEqual([])
    expect(source.ended).toBe(false)
    expect(source.caughtUp).toBe(true)
  })

  it('has ended at the end where it does not follow', async () => {
    const { source } = sourceOf(newLog(lines(0, 3)), { follow: false })
    expect(source.ended).toBe(false)
    expect(numbers(await source.read(1_000_000, 2))).toEqual([0, 1])
    expect(source.ended).toBe(false)
    expect(numbers(await drain(source))).toEqual([2])
    expect(source.ended).toBe(true)
  })

  it('goes on behind what was committed, and gives the rest again with the same ids and times', async () => {
    const path = newLog(lines(0, 200))
    const first = sourceOf(path)
    const records = await drain(first.source, 3000)
    await first.source.commit(records[99] as Shipped)
    await first.source.close()
    renameSync(path, `${path}.1`)
    writeFileSync(path, lines(200, 210))
    const second = sourceOf(path)
    const again = await drain(second.source)
    expect(again.slice(0, 100)).toEqual(records.slice(100))
    expect(numbers(again)).toEqual(range(100, 210))
  })

  it('gives each record an id of its own, whatever files begin with', async () => {
    const directory = temporaryDirectory()
    const paths = ['a.log', 'b.log'].map((name) => join(directory, name))
    const banner = `${'=== the same in every file ===\n'.repeat(60)}`
    for (const path of paths) {
      writeFileSync(`${path}.1`, banner)
      writeFileSync(path, banner)
    }
    const ids = (await Promise.all(paths.map((path) => drain(sourceOf(path).source))))
      .flat()
      .map(({ id }) => id)
    expect(ids).toHaveLength(4 * 60)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  })

  it('tells records of one millisecond apart, in their order', async () => {
    const path = newLog(`${'{"time":1795000000000,"msg":"m"}\n'.repeat(500)}${'ok\n'.repeat(500)}`)
    const records = await drain(sourceOf(path).source)
    const places = records.map(({ timeMs, nth }) => `${timeMs}.${String(nth).padStart(6, '0')}`)
    expect(new Set(places).size).toBe(1000)
    expect(places).toEqual([...places].sort())
  })

  it('knows what is left', async () => {
    const path = newLog(lines(0, 10))
    const { source, counts } = sourceOf(path)
    const [half, rest] = [await source.read(1_000_000, 5), await source.read(1_000_000, 5)]
    const bytes = readFileSync(path).length
    expect(source.backlog).toBe(bytes)
    await source.commit(half[4] as Shipped)
    expect(source.backlog).toBe(bytes / 2)
    await source.commit(rest[4] as Shipped)
    expect(source.backlog).toBe(0)
    expect(counts).toMatchObject({ lines: 10, bytes, committed: 10 })
  })

  it('passes what is not shipped, so that it is not read again', async () => {
    const path = newLog('{"level":"debug","n":0}\n \r\n'.repeat(10))
    const first = sourceOf(path, { minLevel: 30 })
    expect(await drain(first.source)).toEqual([])
    expect(first.counts).toMatchObject({ lines: 20, filtered: 10 })
    await first.source.close()
    const second = sourceOf(path, { minLevel: 30 })
    expect(await drain(second.source)).toEqual([])
    expect(second.counts.lines).toBe(0)
  })

  it('gives nothing more once it is finished', async () => {
    const { source } = sourceOf(newLog(lines(0, 10)))
    await source.read(1_000_000, 5)
    source.finish()
    expect(await source.read(1_000_000, 5)).toEqual([])
    expect(source.ended).toBe(false)
  })

  it('leaves a log that has stood still for long, and says how it stood', async () => {
    const path = newLog(lines(0, 3))
    const old = new Date(Date.now() - 11 * 60_000)
    utimesSync(path, old, old)
    const { source } = sourceOf(path)
    const records = await source.read(1_000_000, 10)
    await source.read(1_000_000, 10)
    // Not while something is under way.
    expect(source.ended).toBe(false)
    await source.commit(records[2] as Shipped)
    await source.read(1_000_000, 10)
    expect(source.ended).toBe(true)
    expect(source.asleepAs).toBe(stateOf(path).text)
    appendFileSync(path, lines(3, 4))
    expect(source.asleepAs).not.toBe(stateOf(path).text)
    await source.close()
    expect(numbers(await drain(sourceOf(path).source))).toEqual([3])
  })

  it('is not asleep while it is written', async () => {
    const { source } = sourceOf(newLog(''))
    expect(await drain(source)).toEqual([])
    expect(source.asleepAs).toBeUndefined()
  })
})

describe('a checkpoint in a directory of its own', () => {
  it('stays in the file before for 10 s after a rotation, for what may still come into that', async () => {
    const path = newLog(lines(0, 5))
    const state = temporaryDirectory()
    let now = 0
    const first = sourceOf(path, { state, now: () => now })
    const before = await drain(first.source)
    await first.source.commit(before[4] as Shipped)
    renameSync(path, `${path}.1`)
    writeFileSync(path, lines(10, 15))
    const after = await drain(first.source)
    await first.source.commit(after[4] as Shipped)
    await first.source.close()
    // Another process's flush, after this one has ended.
    appendFileSync(`${path}.1`, lines(5, 6))
    const second = sourceOf(path, { state, now: () => now })
    const again = await drain(second.source)
    expect(numbers(again)).toEqual([5, 10, 11, 12, 13, 14])
    await second.source.commit(again[5] as Shipped)
    now += 10_000
    await second.source.read(1, 1)
    await second.source.close()
    expect(await drain(sourceOf(path, { state }).source)).toEqual([])
    expect(readdirSync(join(path, '..')).sort()).toEqual(['app.log', 'app.log.1'])
  })

  it('begins anew where it is torn, and says so', async () => {
    const path = newLog(lines(0, 3))
    const state = temporaryDirectory()
    const first = sourceOf(path, { state })
    await first.source.commit((await drain(first.source))[2] as Shipped)
    await first.source.close()
    const [name = ''] = readdirSync(state)
    writeFileSync(join(state, name), '{')
    const second = sourceOf(path, { state })
    expect(numbers(await drain(second.source))).toEqual([0, 1, 2])
    expect(second.problems).toEqual([expect.stringContaining('is torn; it is shipped from its beginning')])
  })
})

describe('a log whose end is its beginning', () => {
  it.each([
    ['behind its last line', `${lines(0, 5)}{"n":`, ''],
    ['with an empty live file', '', lines(0, 5)],
    ['with a last line of many bytes', `${lines(0, 2)}${'x'.repeat(200_000)}`, ''],
  ])('%s', async (_name, live, rotated) => {
    const path = newLog(live)
    if (rotated !== '') writeFileSync(`${path}.1`, rotated)
    await beginAtEnd({ path, name: NAME, state: undefined })
    appendFileSync(path, `0}\n${lines(10, 12)}`)
    const records = await drain(sourceOf(path).source)
    expect(numbers(records).slice(-2)).toEqual([10, 11])
    expect(records).toHaveLength(3)
  })

  it('is left where it was shipped before, or where there is none', async () => {
    const path = newLog(lines(0, 5))
    const first = sourceOf(path)
    await first.source.commit((await drain(first.source))[1] as Shipped)
    await first.source.close()
    await beginAtEnd({ path, name: NAME, state: undefined })
    expect(numbers(await drain(sourceOf(path).source))).toEqual([2, 3, 4])
    const none = join(temporaryDirectory(), 'none.log')
    await beginAtEnd({ path: none, name: NAME, state: undefined })
    expect(existsSync(none)).toBe(false)
  })
})
