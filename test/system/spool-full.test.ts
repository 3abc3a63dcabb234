import { closeSync, openSync, readdirSync, statfsSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { createBatch } from '../../src/segments/batch.ts'
import { readSmallFileNow } from '../../src/segments/spool/about.ts'
import { createSpoolBudget } from '../../src/segments/spool/budget.ts'
import { parseCheckpoint } from '../../src/segments/spool/checkpoint.ts'
import type { Dropped } from '../../src/segments/spool/line.ts'
import type { SpoolPlace } from '../../src/segments/spool/place.ts'
import { lineOf, linesOf, numberOf, readingOf, segmentsIn, spoolIn, upTo } from '../segments/spool/spools.ts'
import { tmpfs } from './disks.ts'

/** Needs root. */
let disk = ''
beforeEach(() => {
  disk = tmpfs('256k')
})

const SEGMENT = 20_000

/** Takes all that is free, to the last block. */
function fill(): string {
  const ballast = join(disk, 'ballast')
  const fd = openSync(ballast, 'w')
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
  }
  closeSync(fd)
  return ballast
}

const free = (): number => {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

describe('a spool on a disk that fills', () => {
  it.each([16 * 1024 * 1024, 40_000])(
    'takes what it can; with %i units of memory every line is delivered or counted, five times over',
    async (bufferLimit) => {
      const { writer, problems } = spoolIn(join(disk, 'loki'), { segmentBytes: SEGMENT })
      let full = 0
      const batch = createBatch({
        commit: writer.append,
        bufferLimit,
        retryMs: [1e8, 1e8],
        keepAlive: false,
        onBlocked: () => {
          full++
          expect(writer.error?.code).toBe('ENOSPC')
        },
      })
      const given: number[] = []
      let n = 0
      for (let round = 0; round < 5; round++) {
        while (batch.buffered < 1000 || full <= round) {
          batch.add(lineOf(n), [20, 30, 50][n % 3] as number)
          if (++n % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        for (let i = 0; i < 1000; i++, n++) batch.add(lineOf(n), [20, 30, 50][n % 3] as number)
        expect(free()).toBeLessThan(SEGMENT)
        const reading = readingOf(writer.directory as string)
        // What is delivered is deleted, which makes room.
        do given.push(...(await reading.deliver()))
        while (!batch.flush())
        given.push(...(await reading.deliver()))
        expect(reading.source.skipped).toEqual({ broken: 0, tooLong: 0, torn: 0 })
        await reading.source.close()
      }
      expect(given).toEqual([...new Set(given)].sort((a, b) => a - b))
      expect(given.length + batch.dropped).toBe(n)
      if (bufferLimit > 1e6) expect(batch.dropped).toBe(0)
      else expect(batch.dropped).toBeGreaterThan(0)
      expect(problems).toEqual([])
      await batch.close(0)
    },
  )

  it('takes a torn line back, and writes it whole into the next segment', async () => {
    const { writer } = spoolIn(join(disk, 'loki'), { segmentBytes: 1e6 })
    expect(writer.append(lineOf(0))).toBe(lineOf(0).length)
    const ballast = fill()
    // Up to the end of the block that it has.
    const lines = linesOf(1, 400)
    const taken = writer.append(lines)
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(lines.length)
    expect(lines[taken - 1]).toBe('\n')
    expect(writer.error?.code).toBe('ENOSPC')
    const home = writer.directory as string
    const reading = readingOf(home)
    const whole = lines.slice(0, taken).split('\n').length - 1
    expect(await reading.numbers()).toEqual(upTo(1 + whole))
    unlinkSync(ballast)
    expect(writer.append(lines.slice(taken))).toBe(lines.length - taken)
    expect(await reading.numbers()).toEqual(upTo(400 - whole, 1 + whole))
    expect(reading.source.skipped.torn).toBe(0)
    expect(segmentsIn(home).length).toBeGreaterThan(1)
  })

  it('deletes what was delivered even where there is no room for a checkpoint', async () => {
    const { writer } = spoolIn(join(disk, 'loki'), { segmentBytes: 5000 })
    writer.append(linesOf(0, 40))
    for (let n = 40; n < 400; n++) writer.append(lineOf(n))
    const home = writer.directory as string
    const all = segmentsIn(home)
    fill()
    expect(free()).toBe(0)
    const reading = readingOf(home)
    const lines = await reading.source.read(1e6, 1e6)
    expect(lines.map(({ line }) => numberOf(line))).toEqual(upTo(400))
    await reading.source.commit(lines[399]?.place as SpoolPlace)
    expect(reading.codes()).toContain('checkpoint')
    expect(segmentsIn(home)).toEqual(all.slice(-1))
    // There is room for it by then.
    expect(parseCheckpoint(readSmallFileNow(join(home, 'checkpoint')) ?? '')).toMatchObject({
      seq: all.at(-1),
    })
    expect(readdirSync(home).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('drops what is over the budget even where there is no room for a note', async () => {
    const { writer } = spoolIn(join(disk, 'loki'), { segmentBytes: 5000 })
    for (let n = 0; n < 400; n++) writer.append(lineOf(n))
    const home = writer.directory as string
    const note = ({ lines }: Dropped): string => JSON.stringify({ level: 'warn', dropped: lines })
    const { source, codes } = readingOf(home, { note })
    fill()
    const budget = createSpoolBudget({
      directory: join(disk, 'loki'),
      budgetBytes: 20_000,
      segmentBytes: 5000,
      sources: () => [source],
      onProblem: ({ message }) => {
        throw new Error(message)
      },
    })
    const dropped = await budget.enforce()
    expect(dropped.lines).toBeGreaterThan(0)
    expect(dropped.noted).toBe(dropped.lines)
    let told = 0
    const given: number[] = []
    for (const { record, line } of await source.read(1e6, 1e6)) {
      if (record.dropped === undefined) given.push(numberOf(line))
      else told += record.dropped as number
    }
    expect(told).toBe(dropped.lines)
    expect(given).toEqual(upTo(400 - told, told))
    expect(codes()).toEqual([])
  })

  it('goes on where there was no room for its directory', () => {
    const ballast = fill()
    const { writer, directories } = spoolIn(join(disk, 'loki'))
    // tmpfs takes names when it has no room for what is in them.
    expect(writer.append(lineOf(0))).toBe(0)
    expect(writer.error?.code).toBe('ENOSPC')
    for (let tries = 0; tries < 5; tries++) expect(writer.append(lineOf(0))).toBe(0)
    expect(readdirSync(join(disk, 'loki')).length).toBeLessThanOrEqual(1)
    unlinkSync(ballast)
    expect(writer.append(lineOf(0))).toBe(lineOf(0).length)
    expect(directories).toHaveLength(1)
  })
})

it('fills the disk as it says', () => {
  fill()
  expect(() => writeFileSync(join(disk, 'more'), Buffer.alloc(1))).toThrow('ENOSPC')
})
