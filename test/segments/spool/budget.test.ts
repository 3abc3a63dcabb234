import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createSpoolBudget, type SpoolBudgetOptions } from '../../../src/segments/spool/budget.ts'
import { segmentName } from '../../../src/segments/spool/layout.ts'
import { softLimit } from '../../../src/segments/spool/limits.ts'
import { type Dropped, sumOfLevels } from '../../../src/segments/spool/line.ts'
import type { SpoolSource } from '../../../src/segments/spool/source-options.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import {
  LEVELS,
  linesOf,
  numberOf,
  onlyIn,
  parse,
  type Reading,
  readingOf,
  segmentsIn,
  spoolIn,
  upTo,
} from './spools.ts'

const SEGMENT = 200

/** Writes numbered lines, one an append, each segment a minute older than the next. */
function filled(directory: string, from: number, count: number, budgetBytes = 1e9) {
  const { writer } = spoolIn(directory, { segmentBytes: SEGMENT, budgetBytes })
  for (let n = from; n < from + count; n++) expect(writer.append(linesOf(n, 1))).toBeGreaterThan(0)
  return { writer, home: writer.directory as string }
}

/** @param seconds epoch */
function age(home: string, seq: number, seconds: number): void {
  utimesSync(join(home, segmentName(seq)), seconds, seconds)
}

const HOURS_AGO = Date.now() / 1000 - 7200

function budgetOf(
  directory: string,
  sources: readonly SpoolSource[],
  options: Partial<SpoolBudgetOptions> = {},
) {
  return createSpoolBudget({
    directory,
    budgetBytes: 2000,
    segmentBytes: SEGMENT,
    sources: () => sources,
    onProblem: ({ message }) => {
      throw new Error(message)
    },
    ...options,
  })
}

/** The least budget whose soft limit is so many bytes. */
function budgetOver(limit: number): number {
  let bytes = limit
  while (softLimit(bytes, SEGMENT) < limit) bytes++
  return bytes
}

/** By level, what lines of these numbers come to. */
function levelsOf(numbers: readonly number[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const n of numbers) counts.set(LEVELS[n % 3] as string, (counts.get(LEVELS[n % 3] as string) ?? 0) + 1)
  return counts
}

const sizeIn = (home: string): number =>
  segmentsIn(home).reduce((sum, seq) => sum + statSync(join(home, segmentName(seq))).size, 0)

describe('a budget', () => {
  it('drops nothing below its soft limit', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 15)
    const { source } = readingOf(home)
    const all = segmentsIn(home)
    expect((await budgetOf(directory, [source]).enforce()).segments).toBe(0)
    expect(segmentsIn(home)).toEqual(all)
  })

  it('drops whole oldest segments, and says by level what was in them', async () => {
    const directory = temporaryDirectory()
    const { home, writer } = filled(directory, 0, 60)
    const before = segmentsIn(home)
    const { source, numbers } = readingOf(home)
    const dropped = await budgetOf(directory, [source]).enforce()
    const left = segmentsIn(home)
    expect(sizeIn(home)).toBeLessThanOrEqual(softLimit(2000, SEGMENT))
    // Not one more than it takes.
    expect(sizeIn(home)).toBeGreaterThan(softLimit(2000, SEGMENT) - SEGMENT)
    expect(left).toEqual(before.slice(-left.length))
    const gone = 60 - (await numbers()).length
    expect(dropped).toEqual({
      lines: gone,
      byLevel: levelsOf(upTo(gone)),
      told: new Map(),
      noted: 0,
      bytes: writer.bytes - sizeIn(home),
      segments: before.length - left.length,
      exact: true,
    })
  })

  it('keeps what was given, what is written to, and counts from the checkpoint on', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 60)
    const { source, numbers, codes } = readingOf(home)
    const given = await source.read(1e6, 10)
    const committed = given[3]?.place ?? { seq: 0, offset: 0 }
    await source.commit(committed)
    const dropped = await budgetOf(directory, [source], { budgetBytes: 300 }).enforce()
    const used = given.at(-1)?.place.seq as number
    const last = segmentsIn(home).at(-1) as number
    expect(segmentsIn(home)).toEqual([...upTo(used - committed.seq + 1, committed.seq), last])
    const rest = await numbers()
    expect(rest[0]).toBe(10)
    expect(10 + rest.length + dropped.lines).toBe(60)
    expect(dropped.byLevel).toEqual(levelsOf(upTo(60).filter((n) => n >= 10 && !rest.includes(n))))
    expect(codes()).toEqual([])
  })

  it('drops what is too old, the segment that is written to aside', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 15)
    const all = segmentsIn(home)
    const now = 1_800_000_000_000
    const week = 7 * 24 * 3600
    for (const seq of all)
      age(home, seq, now / 1000 - (seq === 2 || seq === all.at(-1) ? week + 1 : week - 1))
    const { source } = readingOf(home)
    const dropped = await budgetOf(directory, [source], { now: () => now }).enforce()
    expect(dropped.segments).toBe(1)
    expect(segmentsIn(home)).toEqual(all.filter((seq) => seq !== 2))
  })

  it('drops the last segment too where nobody writes any more', async () => {
    const directory = temporaryDirectory()
    const { home, writer } = filled(directory, 0, 15)
    writer.close()
    const { source } = readingOf(home, { finished: true })
    const dropped = await budgetOf(directory, [source], { now: () => Date.now() * 2 }).enforce()
    expect(dropped.lines).toBe(15)
    expect(segmentsIn(home)).toEqual([])
    await source.read(1e6, 1e6)
    expect(source.ended).toBe(true)
    expect(existsSync(home)).toBe(false)
  })

  it('lets the owner of the oldest drop them, for two seconds', async () => {
    const directory = temporaryDirectory()
    const other = filled(directory, 0, 20)
    const mine = filled(directory, 20, 20)
    for (const seq of segmentsIn(other.home)) age(other.home, seq, HOURS_AGO + seq)
    const own = readingOf(mine.home)
    let time = 0
    const budgetBytes = budgetOver(sizeIn(other.home) + sizeIn(mine.home) - 100)
    const budget = budgetOf(directory, [own.source], { budgetBytes, monotonic: () => time })
    const all = segmentsIn(mine.home)
    expect((await budget.enforce()).segments).toBe(0)
    time = 1999
    expect((await budget.enforce()).segments).toBe(0)
    expect(segmentsIn(mine.home)).toEqual(all)
    time = 2000
    expect((await budget.enforce()).segments).toBe(1)
    // Below the limit it has all its patience again.
    expect((await budget.enforce()).segments).toBe(0)
    const more = filled(directory, 100, 5)
    for (const seq of segmentsIn(more.home)) age(more.home, seq, HOURS_AGO + seq)
    time = 9000
    expect((await budget.enforce()).segments).toBe(0)
    time = 11_000
    expect((await budget.enforce()).segments).toBeGreaterThan(0)
  })

  it('takes the oldest of all that are its own, whichever spool they are in', async () => {
    const directory = temporaryDirectory()
    const one = filled(directory, 0, 30)
    const two = filled(directory, 30, 30)
    for (const seq of segmentsIn(one.home)) age(one.home, seq, HOURS_AGO + 2000 + seq)
    for (const seq of segmentsIn(two.home)) age(two.home, seq, HOURS_AGO + (seq === 1 ? 0 : 5000 + seq))
    const sources = [readingOf(one.home).source, readingOf(two.home).source]
    const wanted = sizeIn(one.home) + sizeIn(two.home) - 2 * SEGMENT
    await budgetOf(directory, sources, { budgetBytes: budgetOver(wanted) }).enforce()
    expect(segmentsIn(two.home).slice(0, 2)).toEqual([2, 3])
    expect(segmentsIn(one.home)[0]).toBeGreaterThan(1)
    expect(segmentsIn(one.home).length).toBeGreaterThan(2)
  })

  it('is not over by what was delivered', async () => {
    const directory = temporaryDirectory()
    const { home, writer } = filled(directory, 0, 1)
    const reading = readingOf(home)
    writer.append(linesOf(1, 100))
    await reading.deliver()
    expect(sizeIn(home)).toBeGreaterThan(2000)
    const other = filled(directory, 101, 12)
    const source = readingOf(other.home).source
    expect((await budgetOf(directory, [reading.source, source]).enforce()).segments).toBe(0)
  })

  it('can be without bounds', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 60, Number.POSITIVE_INFINITY)
    const { source } = readingOf(home)
    const none = Number.POSITIVE_INFINITY
    const now = (): number => Date.now() * 2
    const options = { budgetBytes: none, segmentBytes: undefined, maxAgeMs: none, now }
    expect((await budgetOf(directory, [source], options).enforce()).segments).toBe(0)
  })

  it('tells where it can not look', async () => {
    const codes: string[] = []
    const budget = budgetOf(join(temporaryDirectory(), '\0'), [], {
      onProblem: ({ code }) => codes.push(code),
    })
    expect((await budget.enforce()).segments).toBe(0)
    expect(codes).toEqual(['unreadable'])
  })
})

describe('a note', () => {
  const note = ({ lines, byLevel }: Dropped): string =>
    JSON.stringify({ level: 'warn', dropped: lines, by: Object.fromEntries(byLevel) })

  async function delivered({ source }: Reading) {
    const numbers: number[] = []
    let noted = 0
    const ids: string[] = []
    for (;;) {
      const lines = await source.read(1e6, 5)
      for (const { record, line, id } of lines) {
        ids.push(id)
        if (record.dropped === undefined) numbers.push(numberOf(line))
        else noted += record.dropped as number
      }
      const last = lines.at(-1)
      if (last === undefined) return { numbers, noted, ids }
      await source.commit(last.place)
    }
  }

  it('takes the place of what was dropped, and is delivered in its turn by whoever delivers it', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 60)
    const before = await readingOf(home).source.read(1e6, 1e6)
    const dropping = readingOf(home, { note })
    const dropped = await budgetOf(directory, [dropping.source], { budgetBytes: 1000 }).enforce()
    expect(dropped.noted).toBe(dropped.lines)
    expect(dropped.lines).toBeGreaterThan(0)
    // A crash: nothing of it was told but by the notes.
    const { numbers, noted, ids } = await delivered(readingOf(home))
    expect(numbers).toEqual(upTo(60 - dropped.lines, dropped.lines))
    expect(noted).toBe(dropped.lines)
    // No id of a note is one that a line had, which may have been delivered before.
    const known = new Set(before.map(({ id }) => id))
    expect(ids.filter((id) => !known.has(id))).toHaveLength(dropped.segments)
  })

  it.each([
    [true, 0],
    [false, 107],
  ])('tells again what a line told of a loss that is dropped now (with a note: %s)', async (noting, left) => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 60)
    // The fourth line says that others were lost: it is no record that somebody misses.
    const telling = (line: string) => {
      const parsed = parse(line)
      return parsed?.record.n === 3 ? { ...parsed, lost: { info: 100, error: 7 } } : parsed
    }
    const told: number[] = []
    const noteOf = (dropped: Dropped): string => {
      told.push([...dropped.told.values()].reduce((sum, lines) => sum + lines, 0))
      return note(dropped)
    }
    const { source } = readingOf(home, { parserOf: () => telling, ...(noting && { note: noteOf }) })
    const dropped = await budgetOf(directory, [source], { budgetBytes: 1000 }).enforce()
    expect([...dropped.told.values()].reduce((sum, lines) => sum + lines, 0)).toBe(left)
    expect(told.filter((lines) => lines > 0)).toEqual(noting ? [107] : [])
    expect(dropped.lines).toBeGreaterThan(4)
    expect([...dropped.byLevel.values()].reduce((sum, lines) => sum + lines, 0)).toBe(dropped.lines)
    expect(dropped.lines).toBe(60 - 1 - (await linesLeft(source)))
  })

  async function linesLeft(source: SpoolSource): Promise<number> {
    const lines = await source.read(1e6, 1e6)
    return lines.filter(({ record }) => record.dropped === undefined).length
  }

  describe('that can be read again', () => {
    /** Notes have what was dropped before by level, as a loss of ours has. */
    const parserOf = () => (line: string) => {
      const parsed = parse(line)
      const by = parsed?.record.by as Record<string, number> | undefined
      return parsed === undefined || by === undefined ? parsed : { ...parsed, lost: by }
    }
    const noteAll = ({ lines, byLevel, told }: Dropped): string => {
      const by = Object.fromEntries(sumOfLevels(byLevel, told))
      return JSON.stringify({
        level: 'warn',
        dropped: lines + [...told.values()].reduce((a, b) => a + b, 0),
        by,
      })
    }
    const notesIn = (home: string) =>
      segmentsIn(home).filter((seq) => readFileSync(join(home, segmentName(seq)), 'utf8').startsWith('\n'))

    it('becomes one with those that follow it', async () => {
      const directory = temporaryDirectory()
      const { home, writer } = filled(directory, 0, 60)
      const reading = readingOf(home, { note: noteAll, parserOf })
      const budget = budgetOf(directory, [reading.source], { budgetBytes: 1000 })
      const first = await budget.enforce()
      expect(notesIn(home)).toHaveLength(1)
      writer.append(linesOf(60, 60))
      const second = await budget.enforce()
      expect(notesIn(home)).toHaveLength(1)
      expect(reading.source.backlog).toBe(sizeIn(home))
      const { numbers, noted } = await delivered(reading)
      expect(noted).toBe(first.lines + second.lines)
      expect(numbers).toEqual(upTo(120 - noted, noted))
    })

    it('stays as it is once it was given', async () => {
      const directory = temporaryDirectory()
      const { home, writer } = filled(directory, 0, 60)
      const reading = readingOf(home, { note: noteAll, parserOf })
      const budget = budgetOf(directory, [reading.source], { budgetBytes: 1000 })
      const first = await budget.enforce()
      const [given] = await reading.source.read(1e6, 1)
      expect(given?.record.dropped).toBe(first.lines)
      writer.append(linesOf(60, 60))
      const second = await budget.enforce()
      expect(notesIn(home)).toHaveLength(2)
      const { numbers, noted } = await delivered(reading)
      expect(noted).toBe(second.lines)
      expect(numbers.length).toBe(120 - first.lines - second.lines)
    })
  })

  it('is never dropped itself', async () => {
    const directory = temporaryDirectory()
    const { home } = filled(directory, 0, 60)
    const reading = readingOf(home, { note })
    const budget = budgetOf(directory, [reading.source], { budgetBytes: 10 })
    const first = await budget.enforce()
    const texts = segmentsIn(home).map((seq) => readFileSync(join(home, segmentName(seq)), 'utf8'))
    expect(texts.filter((text) => text.startsWith('\n'))).toHaveLength(first.segments)
    const again = await budget.enforce()
    expect(again.segments).toBe(0)
    const { numbers, noted } = await delivered(reading)
    expect(numbers.length + noted).toBe(60)
    expect(numbers.length + first.lines).toBe(60)
  })
})

it('whose segment was read in part meanwhile is not dropped: a read and a drop come one after the other', async () => {
  const directory = temporaryDirectory()
  const { home } = filled(directory, 0, 60)
  const { source } = readingOf(onlyIn(directory))
  const [lines, dropped] = await Promise.all([source.read(1e6, 3), source.drop(1)])
  expect(lines).toHaveLength(3)
  expect(dropped).toBeUndefined()
  const [second, more] = await Promise.all([source.drop(3), source.read(1e6, 1e6)])
  expect(second?.segments).toBe(1)
  expect(3 + more.length + (second?.lines ?? 0)).toBe(60)
  expect(segmentsIn(home)).not.toContain(3)
})

it.each([
  [2 ** 30, 8 * 2 ** 20, 2 ** 30 - 2 ** 30 / 10],
  [2 ** 20, 2 ** 16, 2 ** 20 - 2 ** 17],
  [1000, 600, 500],
  [Number.POSITIVE_INFINITY, 600, Number.POSITIVE_INFINITY],
])('of %i bytes with segments of %i has a soft limit of %f', (budget, segment, limit) => {
  expect(softLimit(budget, segment)).toBe(limit)
})
