import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RetentionPolicy } from '../../../src/config/retention.ts'
import { doneName, parseDoneName } from '../../../src/segments/names.ts'
import { type DoneFile, type PlanInput, planRetention } from '../../../src/segments/upkeep/retention.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const DAY = 24 * 60 * 60 * 1000
const NOW = Date.parse('2026-11-21T12:00:00Z')

let inode = 1

/** A done file of so many days ago, written at noon. */
function done(daysAgo: number, sequence = 1, extra: Partial<DoneFile> & { suffix?: string } = {}): DoneFile {
  const { suffix = '', ...rest } = extra
  const mtimeMs = NOW - daysAgo * DAY
  const name = doneName('app.log', new Date(mtimeMs).toISOString().slice(0, 10), sequence) + suffix
  const parsed = parseDoneName('app.log', name)
  if (parsed === undefined) throw new Error(name)
  return { name, live: 'app.log', ino: inode++, size: 100, mtimeMs, settled: true, ...parsed, ...rest }
}

function plan(files: readonly DoneFile[], policy: Partial<RetentionPolicy>, rest: Partial<PlanInput> = {}) {
  const { deletions, compressions, ...numbers } = planRetention({
    done: files,
    others: [],
    liveBytes: 0,
    policy: { age: {}, ...policy },
    keep: undefined,
    compress: 'off',
    now: NOW,
    timeZone: 'utc',
    isUnread: () => false,
    ...rest,
  })
  return {
    deleted: deletions.map(({ file, reason, unread }) => `${file.name} ${reason}${unread ? ' unread' : ''}`),
    compressed: compressions.map(({ name }) => name),
    ...numbers,
  }
}

describe('a retention plan', () => {
  it('deletes nothing where nothing is asked, however much there is', () => {
    const files = [done(4000), done(2), done(0)]
    expect(plan(files, {})).toMatchObject({ deleted: [], compressed: [], bytes: 300, nextAt: undefined })
  })

  it('deletes by age, oldest first, at the boundary and not before', () => {
    const files = [done(1), done(3), done(2)]
    expect(plan(files, {}, { keep: 2 * DAY }).deleted).toEqual([
      'app-2026-11-18.001.log age',
      'app-2026-11-19.001.log age',
    ])
    const later = plan(files, {}, { keep: 2 * DAY + 1 })
    expect(later.deleted).toEqual(['app-2026-11-18.001.log age'])
    expect(later.nextAt).toBe(NOW + 1)
  })

  it('takes the oldest names, whatever was written or compressed when', () => {
    const files = [
      done(3, 2, { mtimeMs: NOW, suffix: '.gz' }),
      done(3, 10, { mtimeMs: NOW + DAY }),
      done(2, 1, { mtimeMs: 0 }),
      done(1, 1, { mtimeMs: 1 }),
    ]
    const oldest = ['app-2026-11-18.002.log.gz', 'app-2026-11-18.010.log']
    const space = { available: 0, total: 1e9 }
    expect(plan(files, { count: 2 }).deleted).toEqual(oldest.map((name) => `${name} count`))
    expect(plan(files, { size: 200 }).deleted).toEqual(oldest.map((name) => `${name} size`))
    expect(plan(files, { free: { bytes: 200 } }, { space }).deleted).toEqual(
      oldest.map((name) => `${name} free`),
    )
  })

  it('deletes no newer file in the place of one that has just been compressed', () => {
    const files = [done(3, 1, { suffix: '.gz', settled: false }), done(2), done(1)]
    const space = { available: 0, total: 1e9 }
    expect(plan(files, { size: 200 }).deleted).toEqual([])
    expect(plan(files, { free: { bytes: 100 } }, { space }).deleted).toEqual([])
    expect(plan(files, { size: 100 }).deleted).toEqual(['app-2026-11-19.001.log size'])
    const goesByAge = [done(3, 1, { mtimeMs: NOW }), done(2, 1, { settled: false })]
    expect(plan(goesByAge, { size: 100 }, { keep: 2 * DAY }).deleted).toEqual([])
  })

  it('takes no file for older than its name says, and none for old when the clock is set back', () => {
    const touched = done(1, 1, { mtimeMs: 0 })
    expect(plan([touched], {}, { keep: 1.5 * DAY + 1 }).deleted).toEqual([])
    expect(plan([touched], {}, { keep: 1.5 * DAY }).deleted).toHaveLength(1)
    expect(plan([done(3)], {}, { keep: 1, now: NOW - 3650 * DAY }).deleted).toEqual([])
    const odd = { ...done(3), label: '2026-99-99' }
    expect(plan([odd], {}, { keep: DAY }).deleted).toEqual([])
  })

  it('counts by the order in the names, a file and its compressed copy as one', () => {
    const files = [
      done(1, 10),
      done(1, 9),
      done(1, 1000, { mtimeMs: 5 }),
      done(1, 10, { suffix: '.gz' }),
      done(2, 1, { suffix: '.zst' }),
    ]
    expect(plan(files, { count: 2 }).deleted).toEqual([
      'app-2026-11-19.001.log.zst count',
      'app-2026-11-20.009.log count',
    ])
    expect(plan(files, { count: 4 }).deleted).toEqual([])
  })

  it('keeps to a size that the live file counts in', () => {
    const files = [done(1), done(3), done(2)]
    const found = plan(files, { size: 250 }, { liveBytes: 50 })
    expect(found).toMatchObject({ deleted: ['app-2026-11-18.001.log size'], bytes: 250 })
    expect(plan(files, { size: 350 }, { liveBytes: 50 }).deleted).toEqual([])
    expect(plan(files, { size: 1 }, { liveBytes: 50 }).deleted).toHaveLength(3)
  })

  it('keeps space free, and counts what it deletes for another reason', () => {
    const files = [done(1), done(3), done(2)]
    const space = { available: 950, total: 10_000 }
    expect(plan(files, { free: { bytes: 950 } }, { space }).deleted).toEqual([])
    expect(plan(files, { free: { share: 0.1 } }, { space }).deleted).toEqual(['app-2026-11-18.001.log free'])
    const both = plan(files, { free: { share: 0.1 } }, { space, keep: 3 * DAY })
    expect(both.deleted).toEqual(['app-2026-11-18.001.log age'])
  })

  it('never touches what may still be written to', () => {
    const files = [done(3, 1, { settled: false }), done(2)]
    for (const policy of [{ count: 1 }, { size: 1 }, { free: { bytes: 1e9 } }]) {
      const found = plan(files, policy, {
        space: { available: 0, total: 1e9 },
        keep: DAY,
        compress: { files: 0 },
      })
      expect(found.deleted.join()).not.toContain('11-18')
      expect(found.compressed).toEqual([])
    }
  })

  it('leaves what a reader has not read, unless the budget forces it, and then takes it last', () => {
    const files = [done(3), done(2), done(1)]
    const isUnread = (name: string) => name !== 'app-2026-11-20.001.log'
    expect(plan(files, { count: 1 }, { keep: DAY, isUnread }).deleted).toEqual(['app-2026-11-20.001.log age'])
    expect(plan(files, { size: 150 }, { isUnread }).deleted).toEqual([
      'app-2026-11-20.001.log size',
      'app-2026-11-18.001.log size unread',
    ])
  })

  it("takes another process's live file for done when it has been still for longer than files are kept", () => {
    const other = {
      name: 'app.7.log',
      live: 'app.7.log',
      ino: 5,
      size: 9,
      mtimeMs: NOW - 2 * DAY,
      settled: true,
    }
    const rest = { others: [other], keep: 2 * DAY }
    expect(plan([], {}, rest).deleted).toEqual(['app.7.log age'])
    expect(plan([], {}, { ...rest, others: [{ ...other, settled: false }] }).deleted).toEqual([])
    expect(plan([], {}, { ...rest, now: NOW - 1 })).toMatchObject({ deleted: [], nextAt: NOW })
    expect(plan([], { count: 1, size: 1, free: { bytes: 1e9 } }, { others: [other] }).deleted).toEqual([])
  })

  it('compresses by age or behind the newest files', () => {
    const files = [done(3, 1, { suffix: '.gz' }), done(2), done(1), done(0), done(2, 2, { size: 0 })]
    expect(plan(files, {}, { compress: { age: DAY } })).toMatchObject({
      compressed: ['app-2026-11-19.001.log', 'app-2026-11-20.001.log'],
      nextAt: NOW + DAY,
    })
    expect(plan(files, {}, { compress: { files: 1 } }).compressed).toEqual([
      'app-2026-11-19.001.log',
      'app-2026-11-20.001.log',
    ])
    expect(plan(files, {}, { compress: { files: 9 } }).compressed).toEqual([])
    expect(plan(files, { size: 150 }, { compress: { age: 0 } }).compressed).toEqual([
      'app-2026-11-21.001.log',
    ])
  })

  it('does not compress what it deletes no later', () => {
    const rest = { compress: { age: DAY } } as const
    expect(plan([done(1.5)], {}, { ...rest, keep: DAY }).compressed).toEqual([])
    expect(plan([done(1.5)], {}, { ...rest, keep: 2 * DAY }).compressed).toHaveLength(1)
  })

  it('reads the start of a period in its zone', () => {
    const local = { ...done(1), label: '2026-11-20T09', mtimeMs: 0 }
    const start = new Date(2026, 10, 20, 9).getTime()
    expect(plan([local], {}, { timeZone: 'local', keep: DAY, now: start + DAY }).deleted).toHaveLength(1)
    expect(plan([local], {}, { timeZone: 'local', keep: DAY, now: start + DAY - 1 }).deleted).toEqual([])
  })

  it('whatever the files are: deletes only settled ones, none twice, and no more than a size asks', () => {
    const file = fc.record({
      daysAgo: fc.integer({ min: 0, max: 30 }),
      sequence: fc.integer({ min: 1, max: 1200 }),
      size: fc.integer({ min: 0, max: 1000 }),
      settled: fc.boolean(),
      unread: fc.boolean(),
    })
    const unique = fc.uniqueArray(file, { selector: (each) => `${each.daysAgo}/${each.sequence}` })
    const bound = fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined })
    const days = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined })
    fc.assert(
      fc.property(unique, bound, bound, days, days, (given, size, count, keepDays, age) => {
        const files = given.map((each) => done(each.daysAgo, each.sequence, each))
        const unread = new Set(files.filter((_, i) => given[i]?.unread).map(({ name }) => name))
        const input: PlanInput = {
          done: files,
          others: [],
          liveBytes: 10,
          policy: { age: {}, size, count },
          keep: keepDays === undefined ? undefined : keepDays * DAY,
          compress: age === undefined ? 'off' : { age: age * DAY },
          now: NOW,
          timeZone: 'utc',
          isUnread: (name) => unread.has(name),
        }
        const found = planRetention(input)
        const gone = found.deletions.map((each) => each.file)
        expect(new Set(gone).size).toBe(gone.length)
        expect(gone.every(({ settled }) => settled)).toBe(true)
        expect(found.compressions.every((each) => each.settled && !gone.includes(each))).toBe(true)
        for (const {
          reason,
          unread: forced,
          file: { name },
        } of found.deletions) {
          expect(forced).toBe(unread.has(name))
          if (forced) expect(reason).toBe('size')
        }
        const last = found.deletions.filter(({ reason }) => reason === 'size').at(-1)
        if (last !== undefined) expect(found.bytes + last.file.size).toBeGreaterThan(size as number)
        const settled = planRetention({ ...input, done: files.map((each) => ({ ...each, settled: true })) })
        const goneThen = settled.deletions.map((each) => each.file.name)
        expect(goneThen).toEqual(expect.arrayContaining(gone.map(({ name }) => name)))
        if (keepDays === undefined && size === undefined && count === undefined) expect(gone).toEqual([])
      }),
      { numRuns },
    )
  })
})
