import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeCheckpoint } from '../../../src/segments/spool/checkpoint.ts'
import { parseSubdirectoryName, segmentName } from '../../../src/segments/spool/layout.ts'
import { segmentBytesFor } from '../../../src/segments/spool/limits.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { lineOf, linesOf, onlyIn, segmentsIn, spoolIn } from './spools.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777

function textIn(subdirectory: string): string {
  return segmentsIn(subdirectory)
    .map((seq) => readFileSync(join(subdirectory, segmentName(seq)), 'utf8'))
    .join('')
}

describe('a spool writer', () => {
  it('touches no file before the first append', () => {
    const directory = join(temporaryDirectory(), 'spool/loki')
    const { writer } = spoolIn(directory)
    expect(existsSync(dirname(directory))).toBe(false)
    expect(writer.directory).toBeUndefined()
    expect(writer.append('')).toBe(0)
    expect(existsSync(dirname(directory))).toBe(false)
  })

  it('makes its directories for the owner alone, and says what its keys are called', () => {
    const root = temporaryDirectory()
    const directory = join(root, 'logs/spool/loki')
    const { writer, directories } = spoolIn(directory, { names: { '@timestamp': 'time' }, owner: 'me-0' })
    expect(writer.append(lineOf(1))).toBe(lineOf(1).length)
    const home = onlyIn(directory)
    expect(directories).toEqual([home])
    expect(writer.directory).toBe(home)
    expect(parseSubdirectoryName(basename(home))).toEqual({
      unique: expect.stringMatching(/^[a-z2-7]{16}$/),
      owner: 'me-0',
      guessed: false,
    })
    expect(readdirSync(home).sort()).toEqual([segmentName(1), 'about.json', 'alive'])
    expect(JSON.parse(readFileSync(join(home, 'about.json'), 'utf8'))).toEqual({
      v: 1,
      names: { '@timestamp': 'time' },
    })
    expect([home, directory, dirname(directory)].map(modeOf)).toEqual([0o700, 0o700, 0o700])
    // The log files' readers go through this one.
    expect(modeOf(join(root, 'logs'))).toBe(0o750)
    expect(readdirSync(home).map((name) => modeOf(join(home, name)))).toEqual([0o600, 0o600, 0o600])
  })

  it('writes what it was given, over segments that begin before their size is passed', () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { segmentBytes: 200 })
    let text = ''
    for (let n = 0; n < 40; n++) {
      expect(writer.append(lineOf(n))).toBe(lineOf(n).length)
      text += lineOf(n)
    }
    const home = onlyIn(directory)
    expect(textIn(home)).toBe(text)
    expect(writer.bytes).toBe(Buffer.byteLength(text))
    const sizes = segmentsIn(home).map((seq) => statSync(join(home, segmentName(seq))).size)
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200)
  })

  it('takes an append that is larger than a segment in one', () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { segmentBytes: 200 })
    writer.append(lineOf(0))
    expect(writer.append(linesOf(1, 30))).toBe(linesOf(1, 30).length)
    writer.append(lineOf(31))
    expect(segmentsIn(onlyIn(directory))).toEqual([1, 2, 3])
    expect(textIn(onlyIn(directory))).toBe(linesOf(0, 32))
  })

  it('begins a segment when the last one is 5 minutes old, with the next line', () => {
    const directory = temporaryDirectory()
    let time = 0
    const { writer } = spoolIn(directory, { segmentBytes: 1e6, monotonic: () => time })
    writer.append(lineOf(0))
    time += 299_999
    writer.append(lineOf(1))
    expect(segmentsIn(onlyIn(directory))).toEqual([1])
    time += 1
    writer.append(lineOf(2))
    expect(segmentsIn(onlyIn(directory))).toEqual([1, 2])
  })

  it('passes over a name that somebody else has taken', () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    writer.append(lineOf(0))
    const home = onlyIn(directory)
    writeFileSync(join(home, segmentName(2)), '')
    writer.append(linesOf(1, 20))
    expect(segmentsIn(home)).toEqual([1, 2, 3])
    expect(textIn(home)).toBe(linesOf(0, 21))
  })

  it('goes on after it was closed, in a new segment', () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    writer.append(lineOf(0))
    writer.close()
    writer.append(lineOf(1))
    expect(segmentsIn(onlyIn(directory))).toEqual([1, 2])
  })

  it.each([
    [2 ** 30, 8 * 2 ** 20],
    [2 ** 26, 2 ** 22],
    [2 ** 20, 2 ** 16],
    [100_000, 25_000],
    [1, 1],
    [Number.POSITIVE_INFINITY, 8 * 2 ** 20],
  ])('has segments for a budget of %i bytes of %i', (budget, bytes) => {
    expect(segmentBytesFor(budget)).toBe(bytes)
  })
})

describe('a spool writer that can not write', () => {
  it('says why, and goes on when it can', () => {
    const directory = join(temporaryDirectory(), 'spool')
    writeFileSync(directory, '')
    const { writer } = spoolIn(join(directory, 'loki'))
    expect(writer.append(lineOf(0))).toBe(0)
    expect(writer.error?.code).toBe('ENOTDIR')
    unlinkSync(directory)
    expect(writer.append(lineOf(0))).toBe(lineOf(0).length)
    expect(textIn(onlyIn(join(directory, 'loki')))).toBe(lineOf(0))
  })

  it('leaves no half-made subdirectory behind', () => {
    const directory = temporaryDirectory()
    // A name of 255 characters is the longest: with the owner's it can't be made.
    const { writer } = spoolIn(directory, { owner: 'a'.repeat(300) })
    expect(writer.append(lineOf(0))).toBe(0)
    expect(writer.error?.code).toBe('ENAMETOOLONG')
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('a spool that is full', () => {
  it('takes nothing, says what to do, and looks again after 100 ms at the earliest', () => {
    const directory = temporaryDirectory()
    let time = 0
    const { writer } = spoolIn(directory, { segmentBytes: 200, budgetBytes: 1000, monotonic: () => time })
    let taken = 0
    while (taken < 100 && writer.append(lineOf(taken)) > 0) taken++
    expect(taken).toBeLessThan(100)
    const home = onlyIn(directory)
    expect(Buffer.byteLength(textIn(home))).toBeLessThanOrEqual(1000)
    expect(textIn(home)).toBe(linesOf(0, taken))
    expect(writer.error).toMatchObject({ code: 'ESPOOLFULL' })
    expect(writer.error?.message).toMatch(/LOG_SPOOL_MAX/)
    expect(writer.append(lineOf(taken))).toBe(0)
    // It never deletes by itself.
    expect(segmentsIn(home)[0]).toBe(1)
    for (const seq of [1, 2]) unlinkSync(join(home, segmentName(seq)))
    time += 99
    expect(writer.append(lineOf(taken))).toBe(0)
    time += 1
    expect(writer.append(lineOf(taken))).toBe(lineOf(taken).length)
  })

  it('counts what other owners have', () => {
    const directory = temporaryDirectory()
    const first = spoolIn(directory, { budgetBytes: 1000 })
    for (let tries = 0; tries < 100; tries++) first.writer.append(lineOf(1))
    expect(first.writer.error?.code).toBe('ESPOOLFULL')
    const second = spoolIn(directory, { budgetBytes: 1000 })
    expect(second.writer.append(lineOf(1))).toBe(0)
    expect(second.writer.error?.code).toBe('ESPOOLFULL')
    expect(readdirSync(directory)).toHaveLength(1)
  })

  it('does not count what was delivered, but can not be deleted before a next segment begins', async () => {
    const directory = temporaryDirectory()
    const budgetBytes = 8 * Buffer.byteLength(linesOf(0, 4)) + 199
    let time = 0
    const spools = Array.from({ length: 8 }, () => spoolIn(directory, { budgetBytes, monotonic: () => time }))
    for (const { writer } of spools) expect(writer.append(linesOf(0, 4))).toBeGreaterThan(0)
    for (const { writer } of spools) expect(writer.append(linesOf(4, 4))).toBe(0)
    for (const { writer } of spools) {
      const home = writer.directory as string
      await writeCheckpoint(home, { seq: 1, offset: Buffer.byteLength(textIn(home)) }, false)
    }
    time += 100
    expect(spools[0]?.writer.append(linesOf(4, 4))).toBeGreaterThan(0)
  })
})

describe('a spool writer whose directory goes away', () => {
  it.each(['renamed', 'removed'])('begins a new one, within a second, when it was %s', (how) => {
    const directory = temporaryDirectory()
    let time = 0
    const { writer, problems, directories } = spoolIn(directory, { segmentBytes: 1e6, monotonic: () => time })
    writer.append(lineOf(0))
    const home = onlyIn(directory)
    const adopted = `${home}-9`
    if (how === 'renamed') renameSync(home, adopted)
    else rmSync(home, { recursive: true })
    time += 999
    // Nobody looks: it goes to where the file is.
    expect(writer.append(lineOf(1))).toBeGreaterThan(0)
    expect(directories).toHaveLength(1)
    time += 1
    expect(writer.append(lineOf(2))).toBeGreaterThan(0)
    expect(writer.append(lineOf(3))).toBeGreaterThan(0)
    expect(directories).toHaveLength(2)
    const next = directories[1] as string
    expect(writer.directory).toBe(next)
    expect(segmentsIn(next)).toEqual([1])
    expect(textIn(next)).toBe(linesOf(2, 2))
    expect(basename(next).slice(0, 16)).not.toBe(basename(home).slice(0, 16))
    expect(problems.map(({ code, file }) => ({ code, file }))).toEqual([{ code: 'moved', file: home }])
    if (how === 'renamed') expect(textIn(adopted)).toBe(linesOf(0, 2))
  })

  it('looks at each new segment, whenever that is', () => {
    const directory = temporaryDirectory()
    const { writer, directories, problems } = spoolIn(directory, { segmentBytes: 100, monotonic: () => 0 })
    writer.append(linesOf(0, 10))
    renameSync(onlyIn(directory), `${onlyIn(directory)}-9`)
    writer.append(lineOf(10))
    expect(directories).toHaveLength(2)
    expect(problems.map(({ code }) => code)).toEqual(['moved'])
    expect(textIn(directories[1] as string)).toBe(lineOf(10))
  })

  it('writes again what it wrote to a deleted file, after it stood still between its look and its write', () => {
    const directory = temporaryDirectory()
    // Each append asks for the time before its write and after it.
    let freeze = (): void => {}
    let asked = 0
    let time = 0
    const monotonic = (): number => {
      if (++asked % 2 === 0) return time
      // In the first question of an append: the time is old when the write comes.
      const before = time
      freeze()
      return before
    }
    const { writer, directories } = spoolIn(directory, { segmentBytes: 1e6, monotonic })
    writer.append(lineOf(0))
    freeze = () => {
      freeze = () => {}
      time += 700_000
      rmSync(onlyIn(directory), { recursive: true })
    }
    expect(writer.append(linesOf(1, 3))).toBe(linesOf(1, 3).length)
    expect(directories).toHaveLength(2)
    expect(textIn(directories[1] as string)).toBe(linesOf(1, 3))
  })
})

it('makes as many directories as are missing, and none where there is no way', () => {
  const root = temporaryDirectory()
  mkdirSync(join(root, 'a'))
  const { writer } = spoolIn(join(root, 'a/b/c/d'))
  expect(writer.append(lineOf(0))).toBeGreaterThan(0)
  const nowhere = spoolIn('/proc/spoor/spool')
  expect(nowhere.writer.append(lineOf(0))).toBe(0)
  expect(nowhere.writer.error?.code).toBe('ENOENT')
})
