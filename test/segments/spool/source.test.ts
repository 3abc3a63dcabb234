import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseCheckpoint } from '../../../src/segments/spool/checkpoint.ts'
import { segmentName, subdirectoryName } from '../../../src/segments/spool/layout.ts'
import { createSpoolSource } from '../../../src/segments/spool/source.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { lineOf, linesOf, numberOf, onlyIn, readingOf, segmentsIn, spoolIn, upTo } from './spools.ts'

/** A subdirectory with these texts as its segments. */
function written(...texts: readonly (string | Buffer)[]): string {
  const name = subdirectoryName({ unique: 'a'.repeat(16), owner: 'me-0', guessed: false })
  const home = join(temporaryDirectory(), name)
  mkdirSync(home)
  writeFileSync(join(home, 'about.json'), '{"v":1,"names":{}}\n')
  texts.forEach((text, i) => {
    writeFileSync(join(home, segmentName(i + 1)), text)
  })
  return home
}

/** Before the next call of that name, of whatever file. */
function once(name: 'readdir' | 'open', before: () => void): void {
  const real = fs[name] as (...args: unknown[]) => Promise<unknown>
  const set = (to: unknown): void => {
    Object.assign(fs, { [name]: to })
    syncBuiltinESMExports()
  }
  onTestFinished(() => set(real))
  set(async (...args: unknown[]) => {
    set(real)
    before()
    return real(...args)
  })
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: as the system said`), { code })
}

function checkpointIn(home: string): unknown {
  return parseCheckpoint(readFileSync(join(home, 'checkpoint'), 'utf8'))
}

describe('a spool source', () => {
  it('gives every line once, in order, over segments', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    for (let n = 0; n < 100; n++) writer.append(lineOf(n))
    const { source, numbers, problems } = readingOf(onlyIn(directory))
    expect(await numbers()).toEqual(upTo(100))
    expect(await numbers()).toEqual([])
    writer.append(linesOf(100, 50))
    expect(await numbers()).toEqual(upTo(50, 100))
    expect(source.ended).toBe(false)
    expect(problems).toEqual([])
  })

  it('keeps to the bounds, but gives a line that is larger', async () => {
    const home = written(linesOf(0, 20) + lineOf(20, 500) + linesOf(21, 10))
    const { source } = readingOf(home)
    const given: number[] = []
    for (;;) {
      const lines = await source.read(200, 3)
      if (lines.length === 0) break
      expect(lines.length).toBeLessThanOrEqual(3)
      const bytes = lines.reduce((sum, line) => sum + line.bytes, 0)
      if (lines.length > 1) expect(bytes).toBeLessThanOrEqual(200)
      for (const line of lines) {
        expect(line.bytes).toBe(Buffer.byteLength(line.line))
        given.push(numberOf(line.line))
      }
    }
    expect(given).toEqual(upTo(31))
  })

  it('makes ids and nth of the place, the same for each reader', async () => {
    const home = written(linesOf(0, 20), linesOf(20, 20))
    const read = async () => {
      const lines = await readingOf(home).source.read(1e6, 1e6)
      return lines.map(({ id, nth, place }) => ({ id, nth, place }))
    }
    const first = await read()
    expect(await read()).toEqual(first)
    expect(new Set(first.map(({ id }) => id)).size).toBe(40)
    for (const { id } of first) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    expect(first[0]).toEqual({
      id: `${'a'.repeat(16)}-1-0`,
      nth: 0,
      place: { seq: 1, offset: Buffer.byteLength(lineOf(0)) },
    })
    const second = first[1]
    expect(second?.id).toBe(`${'a'.repeat(16)}-1-${Buffer.byteLength(lineOf(0)).toString(36)}`)
    expect(second?.nth).toBe(Math.floor(Buffer.byteLength(lineOf(0)) / 10))
    expect(first[20]?.id).toBe(`${'a'.repeat(16)}-2-0`)
  })

  it('goes on from its checkpoint, and deletes the segments that it has passed', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    for (let n = 0; n < 60; n++) writer.append(lineOf(n))
    const home = onlyIn(directory)
    const all = segmentsIn(home)
    const first = readingOf(home)
    const given = (await first.source.read(1e6, 41)).concat(await first.source.read(1e6, 5))
    expect(segmentsIn(home)).toEqual(all)
    const committed = given[40]
    await first.source.commit(committed?.place ?? { seq: 0, offset: 0 })
    expect(checkpointIn(home)).toEqual(committed?.place)
    expect(segmentsIn(home)).toEqual(all.filter((seq) => seq >= (committed?.place.seq ?? 0)))
    expect(await readingOf(home).numbers()).toEqual(upTo(19, 41))
    expect(first.problems).toEqual([])
  })

  it('never moves its checkpoint back, nor beyond what it gave', async () => {
    const home = written(linesOf(0, 20))
    const { source } = readingOf(home)
    const lines = await source.read(1e6, 10)
    await source.commit(lines[5]?.place as { seq: number; offset: number })
    await source.commit(lines[2]?.place as { seq: number; offset: number })
    await source.commit({ seq: 7, offset: 1 })
    expect(checkpointIn(home)).toEqual(lines[5]?.place)
    expect(await readingOf(home).numbers()).toEqual(upTo(14, 6))
  })

  it('waits for the end of a line', async () => {
    const text = lineOf(0)
    const home = written(text.slice(0, 10))
    const { source, numbers } = readingOf(home)
    expect(await numbers()).toEqual([])
    appendFileSync(join(home, segmentName(1)), text.slice(10, -1))
    expect(await numbers()).toEqual([])
    appendFileSync(join(home, segmentName(1)), '\n')
    expect(await numbers()).toEqual([0])
    expect(source.skipped).toEqual({ broken: 0, tooLong: 0, torn: 0 })
  })

  it('does not take an end that is taken back for torn', async () => {
    const home = written(lineOf(0) + lineOf(1).slice(0, 20))
    const { source, numbers } = readingOf(home)
    expect(await numbers()).toEqual([0])
    truncateSync(join(home, segmentName(1)), Buffer.byteLength(lineOf(0)))
    writeFileSync(join(home, segmentName(2)), linesOf(1, 2))
    expect(await numbers()).toEqual([1, 2])
    expect(source.skipped.torn).toBe(0)
  })

  it('reads a segment on when it grows and has a successor between a reading and the look for one', async () => {
    const home = written(linesOf(0, 3))
    const { numbers } = readingOf(home)
    expect(await numbers()).toEqual(upTo(3))
    once('readdir', () => {
      appendFileSync(join(home, segmentName(1)), linesOf(3, 3))
      writeFileSync(join(home, segmentName(2)), linesOf(6, 3))
    })
    expect(await numbers()).toEqual(upTo(6, 3))
  })

  it('passes over segments that are missing', async () => {
    const home = written(linesOf(0, 5), linesOf(5, 5), linesOf(10, 5), linesOf(15, 5))
    unlinkSync(join(home, segmentName(1)))
    unlinkSync(join(home, segmentName(3)))
    const { deliver, problems } = readingOf(home)
    expect(await deliver()).toEqual([...upTo(5, 5), ...upTo(5, 15)])
    expect(problems).toEqual([])
    expect(segmentsIn(home)).toEqual([4])
  })

  it('passes over a segment that goes away after it was seen', async () => {
    const home = written(linesOf(0, 5), linesOf(5, 5), linesOf(10, 5))
    const { source, numbers, problems } = readingOf(home)
    await source.read(1e6, 1)
    unlinkSync(join(home, segmentName(2)))
    expect(await numbers()).toEqual([...upTo(4, 1), ...upTo(5, 10)])
    expect(problems).toEqual([])
  })

  it('leaves out what is no record, counts it, tells it, and is done with it', async () => {
    const home = written(
      `garbage\n${lineOf(0)}{"half":\n{not json}\n[1]\n${lineOf(1)}{"nul":"\0"}\n`,
      Buffer.alloc(300_000),
      `${'\0'.repeat(100)}\n${lineOf(2)}\n\n${lineOf(3)}`,
      'x\n'.repeat(50),
    )
    const { source, deliver, codes } = readingOf(home, { finished: true })
    expect(await deliver()).toEqual(upTo(4))
    expect(source.skipped).toEqual({ broken: 5 + 1 + 1 + 50, tooLong: 0, torn: 0 })
    expect(new Set(codes())).toEqual(new Set(['broken']))
    expect(source.ended).toBe(true)
    expect(existsSync(home)).toBe(false)
  })

  it('leaves out lines that are too long without holding them in memory', async () => {
    const long = `{"long":"${'x'.repeat(2_000_000)}"}\n`
    const home = written(lineOf(0) + long + lineOf(1), `${long}${long}`, lineOf(2))
    const { source, deliver } = readingOf(home, { maxLine: 500_000 })
    expect(await deliver()).toEqual(upTo(3))
    expect(source.skipped).toEqual({ broken: 0, tooLong: 3, torn: 0 })
    // The checkpoint is before such a line while its end has not come.
    const growing = written(lineOf(0) + long.slice(0, -1))
    expect(await readingOf(growing, { maxLine: 500_000 }).deliver()).toEqual([0])
    expect(checkpointIn(growing)).toEqual({ seq: 1, offset: Buffer.byteLength(lineOf(0)) })
    appendFileSync(join(growing, segmentName(1)), `\n${lineOf(1)}`)
    const later = readingOf(growing, { maxLine: 500_000 })
    expect(await later.deliver()).toEqual([1])
    expect(later.codes()).toEqual(['broken'])
    const whole = readingOf(written(long, lineOf(0)))
    expect(await whole.source.read(10, 1)).toHaveLength(1)
  })

  it('can be read in any pieces: by checkpoints behind each line', async () => {
    const home = written(linesOf(0, 6), linesOf(6, 6))
    for (let n = 0; n < 12; n++) {
      const reading = readingOf(home)
      const [line] = await reading.source.read(1e6, 1)
      expect(numberOf(line?.line as string)).toBe(n)
      await reading.source.commit(line?.place as { seq: number; offset: number })
      await reading.source.close()
    }
    expect(await readingOf(home).numbers()).toEqual([])
  })

  it('counts what was not committed', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    for (let n = 0; n < 60; n++) writer.append(lineOf(n))
    const { source } = readingOf(onlyIn(directory))
    const lines = await source.read(1e6, 1e6)
    expect(source.backlog).toBe(writer.bytes)
    const half = lines[29]?.place as { seq: number; offset: number }
    await source.commit(half)
    expect(source.backlog).toBe(Buffer.byteLength(linesOf(30, 30)))
    await source.commit(lines[59]?.place as { seq: number; offset: number })
    expect(source.backlog).toBe(0)
  })
})

describe('a spool whose writer has ended', () => {
  it('is removed when all was committed, and not before', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    for (let n = 0; n < 30; n++) writer.append(lineOf(n))
    const home = onlyIn(directory)
    const { source, numbers } = readingOf(home)
    expect(await numbers()).toEqual(upTo(30))
    expect(source.ended).toBe(false)
    writer.append(lineOf(30))
    writer.close()
    source.finish()
    const [line] = await source.read(1e6, 1e6)
    expect(source.ended).toBe(true)
    expect(existsSync(home)).toBe(true)
    await source.commit(line?.place as { seq: number; offset: number })
    expect(existsSync(home)).toBe(false)
    expect(source.backlog).toBe(0)
    await source.commit(line?.place as { seq: number; offset: number })
    await source.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('is removed when there was nothing in it', async () => {
    const home = written()
    const { source } = readingOf(home, { finished: true })
    expect(await source.read(1e6, 1e6)).toEqual([])
    expect(source.ended).toBe(true)
    expect(existsSync(home)).toBe(false)
  })

  it('counts its torn end and is removed with it', async () => {
    const home = written(linesOf(0, 3) + lineOf(3).slice(0, 7))
    const { source, deliver, codes } = readingOf(home, { finished: true })
    expect(await deliver()).toEqual(upTo(3))
    expect(source.skipped).toEqual({ broken: 0, tooLong: 0, torn: 1 })
    expect(codes()).toEqual(['torn'])
    expect(existsSync(home)).toBe(false)
  })

  it('is given up when it is closed before that, for anybody to take at once', async () => {
    const home = written(linesOf(0, 3))
    const { source } = readingOf(home, { finished: true })
    await source.read(1e6, 1)
    await source.close()
    expect(existsSync(home)).toBe(false)
    const free = `${home.slice(0, -'me-0'.length)}closed`
    expect(await readingOf(free, { finished: true }).deliver()).toEqual(upTo(3))
  })

  it('stays where its writer goes on', async () => {
    const home = written(linesOf(0, 3))
    const { source } = readingOf(home)
    await source.read(1e6, 1)
    await source.close()
    expect(existsSync(home)).toBe(true)
  })
})

describe('a spool whose owner may be alive', () => {
  const TEN_MINUTES = 10 * 60 * 1000
  function guessed(...texts: readonly string[]): string {
    const home = written(...texts)
    const path = `${home}.guessed`
    renameSync(home, path)
    return path
  }

  it('keeps its last segment for 10 minutes after its last growth, and reads it again', async () => {
    const home = guessed(linesOf(0, 3), linesOf(3, 3))
    const file = join(home, segmentName(2))
    let time = statSync(file).mtimeMs
    const { source, deliver } = readingOf(home, { finished: true, now: () => time })
    expect(await deliver()).toEqual(upTo(6))
    time += TEN_MINUTES - 1
    expect(await deliver()).toEqual([])
    expect(segmentsIn(home)).toEqual([2])
    appendFileSync(file, linesOf(6, 2))
    utimesSync(file, time / 1000, time / 1000)
    time = statSync(file).mtimeMs + TEN_MINUTES - 1
    expect(await deliver()).toEqual([6, 7])
    expect(source.ended).toBe(false)
    expect(existsSync(file)).toBe(true)
    time += 1
    expect(await deliver()).toEqual([])
    expect(source.ended).toBe(true)
    expect(existsSync(home)).toBe(false)
  })

  it('takes back its end where it grew after all', async () => {
    const home = guessed(linesOf(0, 3))
    const file = join(home, segmentName(1))
    const time = statSync(file).mtimeMs + TEN_MINUTES
    const { source } = readingOf(home, { finished: true, now: () => time })
    const lines = await source.read(1e6, 1e6)
    expect(source.ended).toBe(true)
    appendFileSync(file, linesOf(3, 2))
    await source.commit(lines[2]?.place as { seq: number; offset: number })
    expect(source.ended).toBe(false)
    const more = await source.read(1e6, 1e6)
    expect(more.map(({ line }) => numberOf(line))).toEqual([3, 4])
  })
})

describe('a spool that somebody else has adopted', () => {
  it.each(['renamed', 'removed'])('ends without a word when it was %s', async (how) => {
    const home = written(linesOf(0, 3), linesOf(3, 3))
    const { source, problems } = readingOf(home)
    const lines = await source.read(1e6, 4)
    if (how === 'renamed') renameSync(home, `${home}-2`)
    else rmSync(home, { recursive: true })
    await source.commit(lines[3]?.place as { seq: number; offset: number })
    await source.read(1e6, 1e6)
    await source.read(1e6, 1e6)
    expect(source.ended).toBe(true)
    expect(source.backlog).toBe(0)
    await source.touch()
    await source.close()
    expect(problems).toEqual([])
    expect(existsSync(home)).toBe(false)
    // What was given and not committed is given by the adopter again.
    if (how === 'renamed') expect(await readingOf(`${home}-2`).numbers()).toEqual(upTo(6))
  })
})

it('ends when it is adopted between its look at the directory and its opening of a segment', async () => {
  const home = written(linesOf(0, 3))
  let asked = 0
  const { source, problems } = readingOf(home, {
    parserOf() {
      // The first time is before it looks.
      if (++asked === 2) renameSync(home, `${home}-2`)
      return () => undefined
    },
  })
  expect(await source.read(1e6, 1e6)).toEqual([])
  expect(asked).toBe(2)
  expect(source.ended).toBe(true)
  expect(problems).toEqual([])
})

describe('files that are not as they should be', () => {
  it('leaves foreign ones alone and tells it once', async () => {
    const home = written(linesOf(0, 3), linesOf(3, 3))
    writeFileSync(join(home, 'notes.txt'), 'mine')
    writeFileSync(join(home, `${segmentName(1)}.bak`), 'mine')
    const { deliver, codes } = readingOf(home, { finished: true })
    expect(await deliver()).toEqual(upTo(6))
    expect(codes()).toEqual(['foreign', 'removal'])
    expect(readdirSync(home).sort()).toEqual([`${segmentName(1)}.bak`, 'notes.txt'])
  })

  it.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync('/etc/hostname', path)],
  ])('sets a segment aside that is %s, and goes on', async (_, make) => {
    const home = written(linesOf(0, 3), '', linesOf(3, 3))
    unlinkSync(join(home, segmentName(2)))
    make(join(home, segmentName(2)))
    const { deliver, codes } = readingOf(home, { finished: true })
    expect(await deliver()).toEqual(upTo(6))
    expect(codes()).toEqual(['unreadable', 'removal'])
    expect(readdirSync(home)).toEqual([`${segmentName(2)}.unreadable`])
  })

  /** The file that is read next can't be, from then on. */
  async function breakReading(home: string, code: string): Promise<void> {
    const handle = await fs.open(join(home, 'about.json'))
    const proto = Object.getPrototypeOf(handle) as { read: (...args: unknown[]) => unknown }
    await handle.close()
    const { read } = proto
    onTestFinished(() => {
      proto.read = read
    })
    let broken: unknown
    proto.read = async function (this: unknown, ...args: unknown[]) {
      broken ??= this
      if (broken === this) throw failure(code)
      return Reflect.apply(read, this, args)
    }
  }

  it('sets a segment aside that can not be read to its end, and gives what was read of it', async () => {
    const home = written(linesOf(0, 3), linesOf(3, 3), linesOf(6, 3))
    const { source, numbers, codes } = readingOf(home, { finished: true })
    const [first] = await source.read(1e6, 1)
    // All its lines were read with the first; it is at its end.
    await breakReading(home, 'EIO')
    expect(await numbers()).toEqual(upTo(8, 1))
    expect(codes()).toEqual(['unreadable'])
    await source.commit(first?.place as { seq: number; offset: number })
    expect(readdirSync(home)).toContain(`${segmentName(1)}.unreadable`)
  })

  it('opens a segment again that its server has forgotten', async () => {
    const home = written(linesOf(0, 3), linesOf(3, 3))
    const { source, numbers, codes } = readingOf(home, { finished: true })
    await source.read(1e6, 1)
    await breakReading(home, 'ESTALE')
    expect(await numbers()).toEqual(upTo(5, 1))
    expect(codes()).toEqual(['unreadable'])
    expect(segmentsIn(home)).toEqual([1, 2])
  })

  it.each(['readdir', 'open'] as const)(
    'tries again where the process has too little of something: %s',
    async (name) => {
      const home = written(linesOf(0, 3), linesOf(3, 3))
      const { source, numbers, deliver, codes } = readingOf(home, { finished: true })
      expect(await source.read(1e6, 2)).toHaveLength(2)
      if (name === 'readdir') writeFileSync(join(home, segmentName(3)), linesOf(6, 3))
      // What was read before the failure is given.
      once(name, () => {
        throw failure('EMFILE')
      })
      const before = await numbers()
      expect(before[0]).toBe(2)
      expect([...before, ...(await deliver())]).toEqual(upTo(name === 'readdir' ? 7 : 4, 2))
      expect(codes()).toEqual(['unreadable'])
    },
  )

  it.each([
    ['missing', undefined],
    ['torn', '{"v":1,"na'],
    ['of another version', '{"v":2,"names":{}}'],
    ['something else', '[]'],
  ])('takes the keys as they are where about.json is %s', async (_, text) => {
    const home = written(linesOf(0, 3))
    if (text === undefined) unlinkSync(join(home, 'about.json'))
    else writeFileSync(join(home, 'about.json'), text)
    const { deliver, codes } = readingOf(home)
    expect(await deliver()).toEqual(upTo(3))
    expect(codes()).toEqual(['about'])
  })

  it('hands the names of the keys to whoever reads the lines', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { names: { message: 'msg', __proto__: 'x' } as never })
    writer.append(lineOf(0))
    const seen: unknown[] = []
    const { source } = readingOf(onlyIn(directory), {
      parserOf(names) {
        seen.push(names)
        return () => ({ record: { n: 7 }, timeMs: 5 })
      },
    })
    expect(await source.read(1, 1)).toMatchObject([{ record: { n: 7 }, timeMs: 5, nth: 0 }])
    expect(seen.at(-1)).toEqual({ message: 'msg' })
  })

  it('refuses a path that is no spool', () => {
    const options = {
      finished: true,
      parserOf: () => () => undefined,
      fsync: 'never',
      onProblem: () => {},
    } as const
    expect(() => createSpoolSource({ ...options, subdirectory: '/spool/loki' })).toThrow(TypeError)
  })
})

describe('waiting', () => {
  it('ends when something was written, a segment was begun, or it is told to', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { segmentBytes: 50 })
    writer.append(lineOf(0))
    const { source, numbers } = readingOf(onlyIn(directory))
    expect(await numbers()).toEqual([0])
    const kept = setInterval(() => {}, 1000)
    for (let n = 1; n < 4; n++) {
      const waiting = source.wait(1e9)
      await new Promise((resolve) => setImmediate(resolve))
      writer.append(lineOf(n))
      await waiting
      expect(await numbers()).toEqual([n])
    }
    const slow = readingOf(onlyIn(directory), { pollMs: 1e8 })
    await slow.numbers()
    for (const end of [slow.source.poke, slow.source.finish, () => void slow.source.close()]) {
      const waiting = slow.source.wait(1e9)
      let over = false
      void waiting.then(() => {
        over = true
      })
      while (!over) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        end()
      }
    }
    clearInterval(kept)
  })

  it('does not return again and again for an end that is torn', async () => {
    const home = written(lineOf(0) + lineOf(1).slice(0, 9))
    const { source, numbers } = readingOf(home)
    await numbers()
    const kept = setInterval(() => {}, 1000)
    let over = false
    const waiting = source.wait(1e9).then(() => {
      over = true
    })
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(over).toBe(false)
    appendFileSync(join(home, segmentName(1)), lineOf(1).slice(9))
    await waiting
    clearInterval(kept)
    expect(await numbers()).toEqual([1])
  })
})

it('touches the sign of life, and makes it where it is gone', async () => {
  const home = written(linesOf(0, 3))
  const { source } = readingOf(home, { now: () => 5_000_000 })
  await source.touch()
  expect(basename(home)).toContain('me-0')
  await source.touch()
  expect(statSync(join(home, 'alive')).mtimeMs).toBe(5_000_000)
})
