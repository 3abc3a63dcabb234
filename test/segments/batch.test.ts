import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Batch, type BatchOptions, createBatch, type Loss } from '../../src/segments/batch.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 100)
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A batch before something that can be stopped, and everything it was told. */
function batchTo(options: Partial<BatchOptions> = {}) {
  const seen = {
    commits: [] as string[],
    open: true,
    blocked: 0,
    losses: [] as Loss[],
    recovered: [] as Loss[],
  }
  const batch: Batch = createBatch({
    commit(lines) {
      if (!seen.open) return 0
      if (lines !== '') seen.commits.push(lines)
      return lines.length
    },
    retryMs: [1, 1],
    keepAlive: false,
    onBlocked: () => seen.blocked++,
    onLoss: (loss) => seen.losses.push({ ...loss }),
    onRecovered: (loss) => seen.recovered.push(loss),
    ...options,
  })
  return { batch, seen }
}

describe('a batch', () => {
  it('writes a turn in one piece at its end', async () => {
    const { batch, seen } = batchTo()
    for (let i = 0; i < 5; i++) batch.add(`${i}\n`, 30)
    expect(seen.commits).toEqual([])
    await turn()
    expect(seen.commits).toEqual(['0\n1\n2\n3\n4\n'])
    batch.add('5\n', 30)
    await turn()
    expect(seen.commits).toEqual(['0\n1\n2\n3\n4\n', '5\n'])
  })

  it('writes before add returns at error and above, not at warn', () => {
    const { batch, seen } = batchTo()
    batch.add('warn\n', 40)
    expect(seen.commits).toEqual([])
    batch.add('error\n', 50)
    expect(seen.commits).toEqual(['warn\nerror\n'])
    batch.add('fatal\n', 60)
    expect(seen.commits).toHaveLength(2)
  })

  it('writes at a size, before the turn ends', () => {
    const { batch, seen } = batchTo({ size: 10 })
    batch.add('123456\n', 30)
    batch.add('78\n', 30)
    expect(seen.commits).toEqual(['123456\n78\n'])
  })

  it('holds what can not be written, goes on by itself, and keeps the order', async () => {
    const { batch, seen } = batchTo()
    seen.open = false
    batch.add('a\n', 30)
    await turn()
    batch.add('b\n', 50)
    batch.add('c\n', 10)
    expect(batch.buffered).toBe(6)
    expect(seen).toMatchObject({ blocked: 1, commits: [] })
    seen.open = true
    await batch.drained()
    expect(seen.commits.join('')).toBe('a\nb\nc\n')
    expect(seen.recovered).toHaveLength(1)
    expect(batch).toMatchObject({ buffered: 0, records: 3, dropped: 0 })
  })

  it('goes on at the end of the next turn that writes, without waiting for its timer', async () => {
    const { batch, seen } = batchTo({ retryMs: [1e8, 1e8] })
    seen.open = false
    batch.add('a\n', 30)
    await turn()
    seen.open = true
    batch.add('b\n', 30)
    await turn()
    expect(seen.commits.join('')).toBe('a\nb\n')
  })

  it('drops the lowest levels past its bound, counts them by level and tells it once', async () => {
    const { batch, seen } = batchTo({ bufferLimit: 9 })
    seen.open = false
    for (let i = 0; i < 10; i++) batch.add(`${i}\n`, i % 2 === 0 ? 20 : 40)
    batch.flush()
    expect(seen.losses).toHaveLength(1)
    expect(batch).toMatchObject({ records: 10, dropped: 6, buffered: 8 })
    seen.open = true
    expect(batch.flush()).toBe(true)
    expect(seen.commits.join('')).toBe('3\n5\n7\n9\n')
    expect(seen.recovered[0]?.byLevel).toEqual(
      new Map([
        [20, 5],
        [40, 1],
      ]),
    )
  })

  it('takes lines that are added while it commits', async () => {
    const commits: string[] = []
    const batch: Batch = createBatch({
      commit(lines) {
        commits.push(lines)
        if (commits.length === 1) {
          batch.add('inner debug\n', 20)
          batch.add('inner\n', 30)
        }
        return commits.length === 2 ? 0 : lines.length
      },
      retryMs: [1, 1],
      keepAlive: false,
    })
    batch.add('outer\n', 30)
    await turn()
    await turn()
    await batch.drained()
    expect(commits).toEqual(['outer\n', 'inner debug\ninner\n', 'inner debug\n', 'inner\n'])
  })

  it('gives up what is held when it is closed, and only counts afterwards', async () => {
    const { batch, seen } = batchTo()
    seen.open = false
    batch.add('a\n', 30)
    await batch.close(1)
    batch.add('b\n', 50)
    expect(batch).toMatchObject({ records: 2, dropped: 2, buffered: 0 })
    expect(seen.losses.at(-1)).toMatchObject({ dropped: 1 })
    seen.open = true
    batch.flush()
    expect(seen.commits).toEqual([])
  })

  it('neither loses, doubles nor reorders over any stops and short writes', async () => {
    const step = fc.record({
      level: fc.constantFrom(10, 20, 30, 40, 50),
      length: fc.integer({ min: 0, max: 30 }),
      room: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      turn: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        let room = Number.POSITIVE_INFINITY
        let written = ''
        const commit = (lines: string) => {
          let taken = 0
          for (const line of lines.split(/(?<=\n)/)) {
            if (line.length > room) break
            room -= line.length
            written += line
            taken += line.length
          }
          return taken
        }
        const batch = createBatch({ commit, size: 64, retryMs: [1e8, 1e8], keepAlive: false })
        let sent = ''
        for (const [i, { level, length, room: next, turn: ends }] of steps.entries()) {
          room = next ?? Number.POSITIVE_INFINITY
          const line = `${i}${'x'.repeat(length)}\n`
          sent += line
          batch.add(line, level)
          if (ends) await turn()
        }
        room = Number.POSITIVE_INFINITY
        expect(batch.flush()).toBe(true)
        expect(written).toBe(sent)
        await batch.close(0)
      }),
      { numRuns },
    )
  })
})
