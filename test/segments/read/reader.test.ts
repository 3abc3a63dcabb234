import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { constants, deflateRawSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { movingName } from '../../../src/segments/names.ts'
import { createReader } from '../../../src/segments/read/reader.ts'
import { openSource, readHead } from '../../../src/segments/read/source.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { follow, gzipped, numbered, numbersOf, range, readAll } from './reader-support.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 100)

function log() {
  const directory = temporaryDirectory()
  const at = (name: string) => join(directory, name)
  const write = (name: string, content: string | Buffer) => writeFileSync(at(name), content)
  return { directory, path: at('app.log'), at, write }
}

describe('the order', () => {
  it('is logrotate, done, moving, live, each from the oldest on', async () => {
    const { path, write } = log()
    write('app.log', numbered(10, 11))
    writeFileSync(movingName(path), numbered(9, 10))
    write('app-2026-11-21.1000.log', numbered(8, 9))
    write('app-2026-11-21.999.log.gz', gzipped(numbered(7, 8)))
    write('app-2026-11-20T23.001.log', numbered(6, 7))
    write('app.log.1', numbered(5, 6))
    write('app.log.2.gz', gzipped(numbered(4, 5)))
    write('app.log.10.gz', gzipped(numbered(3, 4)))
    write('app.log-20261101', numbered(2, 3))
    write('app.log-20261031.gz', gzipped(numbered(1, 2)))
    for (const other of [
      'app.log.bak',
      'app.log.0',
      'app-debug.log',
      'app.log.1.gz.tmp',
      'app.logs',
      '.app.log.lock',
    ])
      write(other, '{"n":-1}\n')
    expect(numbersOf((await readAll({ path })).lines)).toEqual(range(1, 11))
  })

  it('has one of a file and its compressed copy, and one inode once', async () => {
    const { path, at, write } = log()
    write('app-2026-11-21.001.log', numbered(0, 2))
    write('app-2026-11-21.001.log.gz', gzipped(numbered(0, 2)))
    write('app-2026-11-21.002.log', numbered(2, 4))
    linkSync(at('app-2026-11-21.002.log'), movingName(path))
    write('app.log.1', numbered(-1, 0))
    write('app.log.1.gz', gzipped(numbered(-1, 0)))
    write('app.log', numbered(4, 5))
    expect(numbersOf((await readAll({ path })).lines)).toEqual(range(-1, 5))
  })

  it('is of files alone, and nothing if there is no directory', async () => {
    const { path, at, write } = log()
    mkdirSync(at('app-2026-11-21.001.log'))
    symlinkSync(at('nowhere'), at('app-2026-11-21.002.log'))
    write('app.log', numbered(0, 1))
    expect(numbersOf((await readAll({ path })).lines)).toEqual([0])
    expect((await readAll({ path: at('no/such/app.log') })).lines).toEqual([])
  })
})

describe('lines', () => {
  it('are views, texts and records, with the place behind each', async () => {
    const { path, write } = log()
    write('app.log', '{"a":"ä"}\n{"b":2}\n')
    for await (const batch of createReader({ path })) {
      expect(batch.count).toBe(2)
      expect(batch.bytes.toString()).toBe('{"a":"ä"}\n{"b":2}\n')
      expect([batch.start(1), batch.end(1)]).toEqual([11, 18])
      expect(batch.line(0).toString()).toBe('{"a":"ä"}')
      expect(batch.text(1)).toBe('{"b":2}')
      expect(batch.json(1)).toEqual({ b: 2 })
      expect([batch.place(0).offset, batch.place(1).offset]).toEqual([11, 19])
      expect(batch.file).toBe('app.log')
    }
  })

  it('that can be no record are left out and counted, blank ones are left out', async () => {
    const { path, write } = log()
    write('app.log', '\nplain\n{"n":0}\n{"n":1\n"n":2}\n{"n":\0}\n\0\0\0\n\n{"n":3}\n{"n":4}\n{}\n{\n')
    const read = await readAll({ path })
    expect(read.lines).toEqual(['{"n":0}', '{"n":3}', '{"n":4}', '{}'])
    expect(read.stats).toMatchObject({ lines: 4, bytes: 27, broken: 6, torn: 0 })
    const all = await readAll({ path, lines: 'all' })
    expect(all.lines).toHaveLength(10)
    expect(all.stats.broken).toBe(0)
  })

  it('without a newline wait in a live file and are torn in a done one', async () => {
    const { path, write } = log()
    write('app-2026-11-21.001.log', '{"n":0}\n{"n":')
    write('app-2026-11-21.002.log.gz', gzipped('{"n":1}\n{"n":9}'))
    write('app.log', '{"n":2}\n{"n":3}')
    const read = await readAll({ path })
    expect(numbersOf(read.lines)).toEqual([0, 1, 2])
    expect(read.stats.torn).toBe(2)
  })

  it('are whole wherever the chunks end, plain and compressed', async () => {
    const { path, write, at } = log()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 12 }),
        async (lengths) => {
          const text = lengths.map((length, n) => `{"n":${n},"x":"${'x'.repeat(length)}"}\n`).join('')
          write('app-2026-11-21.001.log', text)
          write('app-2026-11-21.002.log.gz', gzipped(text))
          const { lines } = await readAll({ path })
          expect(lines.join('\n')).toBe((text + text).trimEnd())
          rmSync(at('app-2026-11-21.002.log.gz'))
        },
      ),
      { numRuns: Math.ceil(numRuns / 10) },
    )
  })

  it.each([50, 300_000, 2_000_000])(
    'above %i bytes are left out, whatever is around them',
    async (maxLine) => {
      const { path, write } = log()
      const line = (n: number, length: number) => `{"n":${n},"x":"${'x'.repeat(length - 14)}"}\n`
      const text = [
        line(0, 30),
        line(1, maxLine),
        line(2, maxLine + 1),
        line(3, 30),
        line(4, maxLine * 3),
        line(5, 40),
      ].join('')
      write('app-2026-11-21.001.log', text)
      write('app-2026-11-21.002.log.gz', gzipped(text))
      write('app.log', 'x'.repeat(maxLine * 2))
      const read = await readAll({ path, maxLine })
      expect(numbersOf(read.lines)).toEqual([0, 1, 3, 5, 0, 1, 3, 5])
      expect(read.stats).toMatchObject({ tooLong: 5, broken: 0, torn: 0 })
    },
  )
})

describe('a file', () => {
  const zcat = (file: string) => spawnSync('gzip', ['-dc', file], { maxBuffer: 2 ** 30 }).stdout.toString()

  it('that is damaged gives at least what zcat does, and the rest of the log follows', async () => {
    const { path, at, write } = log()
    const text = Array.from({ length: 100_000 }, (_, n) => `{"n":${n},"r":"${(n * 7919) % 100_003}"}\n`).join(
      '',
    )
    const whole = gzipped(text)
    const good = gzipped(numbered(0, 3))
    const name = 'app-2026-11-21.001.log.gz'
    write('app.log', numbered(-1, 0))
    const middle = Math.floor(whole.length / 2)
    const corrupt = (from: number, bytes: number, value: number) =>
      Buffer.from(whole).fill(value, from, from + bytes)
    const damaged = {
      cut: whole.subarray(0, middle),
      'cut in its trailer': good.subarray(0, -5),
      'overwritten in the middle': corrupt(middle, 1000, 0xff),
      'zeros in the middle': corrupt(middle, 4096, 0),
      'one byte turned': corrupt(middle, 1, (whole[middle] ?? 0) ^ 0x55),
      'good, then garbage': Buffer.concat([good, Buffer.from('garbage'.repeat(50_000))]),
      'good, then half a header': Buffer.concat([good, Buffer.from([0x1f, 0x8b]), Buffer.alloc(99, 7)]),
      'large, then garbage': Buffer.concat([whole, Buffer.from('garbage')]),
      'good twice, then a broken one': Buffer.concat([good, good, corrupt(10, 20, 0xff)]),
      'no gzip at all': Buffer.from('no gzip at all'),
    }
    for (const [what, content] of Object.entries(damaged)) {
      write(name, content)
      const read = await readAll({ path, lines: 'all' })
      expect(read.codes, what).toEqual(['corrupt'])
      expect(read.stats.corrupt).toBe(1)
      expect(read.lines.pop(), what).toBe('{"n":-1}')
      // Blank lines are never given; the last one is not whole.
      const expected = zcat(at(name))
        .split('\n')
        .slice(0, -1)
        .filter((line) => line !== '')
      expect(read.lines.slice(0, expected.length), what).toEqual(expected)
      const sound = /^good,|^cut in/.test(what) ? numbered(0, 3) : what.startsWith('large') ? text : ''
      if (sound !== '') expect(`${read.lines.join('\n')}\n`, what).toBe(sound)
    }
    // Of a file that is cut, everything that is there.
    write(name, damaged.cut)
    const there = gunzipSync(damaged.cut, { finishFlush: constants.Z_SYNC_FLUSH }).toString()
    expect((await readAll({ path })).lines).toHaveLength(there.split('\n').length)
  })

  it.each(['fifo', 'directory', 'link', 'dangling link'])(
    'that is a %s is told of, counted and not waited for',
    async (what) => {
      const { path, at, write } = log()
      write('other', numbered(90, 95))
      const make = (name: string) => {
        if (what === 'fifo') execFileSync('mkfifo', [at(name)])
        else if (what === 'directory') mkdirSync(at(name))
        else symlinkSync(at(what === 'link' ? 'other' : 'nowhere'), at(name))
      }
      // It does not hide its compressed twin either.
      make('app-2026-11-21.001.log')
      write('app-2026-11-21.001.log.gz', gzipped(numbered(0, 1)))
      make('app.log.1')
      write('app-2026-11-21.002.log', numbered(1, 2))
      write('app.log', numbered(2, 3))
      const { look, numbers, reader, problems } = follow({ path })
      await look()
      expect(numbers()).toEqual([0, 1, 2])
      expect(problems.map(({ code, file }) => [code, basename(file)])).toEqual([
        ['unreadable', 'app-2026-11-21.001.log'],
        ['unreadable', 'app.log.1'],
      ])
      expect(reader.stats().unreadable).toBe(2)
      // One that takes the place of a file after the directory was read.
      for (const kind of ['done', 'live'] as const) {
        if (what === 'link' && kind === 'live') continue
        const segment = { file: at('app-2026-11-21.001.log'), kind, compression: undefined }
        await expect(openSource(segment)).rejects.toThrow()
        expect(await readHead(segment, 9)).toBeUndefined()
      }
    },
  )

  it('that is live may be a link of our own, and none of others', async () => {
    const { path, at, write } = log()
    write('other', numbered(0, 2))
    symlinkSync(at('other'), path)
    expect(numbersOf((await readAll({ path })).lines)).toEqual([0, 1])
    expect(numbersOf((await readAll({ path, from: 'end' })).lines)).toEqual([])
    if (process.getuid?.() !== 0) return
    lchownSync(path, 65534, 65534)
    const read = await readAll({ path })
    expect(read.lines).toEqual([])
    expect(read.problems[0]?.message).toContain('uid 65534')
    expect(read.stats.unreadable).toBe(1)
  })

  it('of several gzip members is read whole', async () => {
    const { path, write } = log()
    write('app-2026-11-21.001.log.gz', Buffer.concat([gzipped(numbered(0, 5)), gzipped(numbered(5, 9))]))
    expect(numbersOf((await readAll({ path })).lines)).toEqual(range(0, 9))
  })

  it('that this Node can not decompress is told of and skipped', async () => {
    const { path, write } = log()
    const original = Object.getOwnPropertyDescriptor(
      process.getBuiltinModule('node:zlib'),
      'createZstdDecompress',
    )
    if (original === undefined) {
      write('app-2026-11-21.001.log.zst', deflateRawSync('x'))
      write('app.log', numbered(0, 1))
      const read = await readAll({ path })
      expect(read.codes).toEqual(['unsupported'])
      expect(read.stats.unreadable).toBe(1)
      expect(numbersOf(read.lines)).toEqual([0])
      return
    }
    const { zstdCompressSync } = process.getBuiltinModule('node:zlib') as unknown as {
      zstdCompressSync(text: string): Buffer
    }
    write('app-2026-11-21.001.log.zst', zstdCompressSync(numbered(0, 9)))
    expect(numbersOf((await readAll({ path })).lines)).toEqual(range(0, 9))
  })

  it('that is renamed, compressed or removed after it was listed is looked for again', async () => {
    const { path, at, write } = log()
    for (let n = 1; n <= 5; n++) write(`app-2026-11-21.00${n}.log`, numbered(n, n + 1))
    write('app.log', numbered(6, 7))
    const reader = createReader({ path })
    const numbers: number[] = []
    for await (const batch of reader) {
      numbers.push(...numbersOf([batch.text(0)]))
      if (numbers.length > 1) continue
      write('app-2026-11-21.002.log.gz', gzipped(numbered(2, 3)))
      unlinkSync(at('app-2026-11-21.002.log'))
      renameSync(at('app-2026-11-21.003.log'), at('app-2026-11-21.009.log'))
      unlinkSync(at('app-2026-11-21.004.log'))
      // The live one too: a rotation.
      renameSync(path, at('app-2026-11-21.010.log'))
      write('app.log', numbered(7, 8))
    }
    expect(numbers).toEqual([1, 2, 5, 3, 6, 7])
    expect(reader.stats().missing).toBe(1)
  })

  it('that was removed is missing also where the live file has got its inode', async () => {
    const { path, at, write } = log()
    for (let n = 1; n <= 3; n++) write(`app-2026-11-21.00${n}.log`, numbered(n, n + 1))
    const reader = createReader({ path })
    const numbers: number[] = []
    for await (const batch of reader) {
      numbers.push(...numbersOf([batch.text(0)]))
      if (numbers.length > 1) continue
      const { ino } = statSync(at('app-2026-11-21.002.log'))
      unlinkSync(at('app-2026-11-21.002.log'))
      // Not every file system gives an inode again at once: then this is a removal like any other.
      for (let n = 0; n < 200; n++) {
        write(`other.${n}`, numbered(4, 5))
        if (statSync(at(`other.${n}`)).ino !== ino) continue
        renameSync(at(`other.${n}`), path)
        break
      }
      if (!existsSync(path)) write('app.log', numbered(4, 5))
    }
    expect(numbers).toEqual([1, 3, 4])
    expect(reader.stats().missing).toBe(1)
  })
})

describe('a reader', () => {
  it('waits for more only if it shall follow, and looks at once when it is poked', async () => {
    const { path, write } = log()
    write('app.log', numbered(0, 1))
    const { reader, rest, numbers } = follow({ path })
    await rest()
    expect(numbers()).toEqual([0])
    appendFileSync(path, '{"n":1}\n{"n":')
    reader.poke()
    await rest()
    appendFileSync(path, '2}\n')
    reader.poke()
    await rest()
    expect(numbers()).toEqual([0, 1, 2])
    expect(reader.stats()).toMatchObject({ lines: 3, torn: 0, lag: 0 })
  })

  it('waits for a log that is not there yet', async () => {
    const { path, at } = log()
    const { look, numbers } = follow({ path: join(at('later'), 'app.log') })
    await look()
    mkdirSync(at('later'))
    writeFileSync(join(at('later'), 'app.log'), numbered(0, 2))
    await look()
    expect(numbers()).toEqual([0, 1])
    expect(path).toContain('app.log')
  })

  it('ends at once when it is closed, while it waits and while a batch is at hand', async () => {
    const { path, write } = log()
    write('app.log', numbered(0, 1))
    // Its own clock: were the wait not ended, the process would stay for it.
    const waits = createReader({ path, follow: true, pollMs: 3_600_000 })
    const iterator = waits[Symbol.asyncIterator]()
    await iterator.next()
    const next = iterator.next()
    await waits.close()
    expect((await next).done).toBe(true)

    const holds = createReader({ path, follow: true })
    const held = holds[Symbol.asyncIterator]()
    await held.next()
    await holds.close()
    expect((await held.next()).done).toBe(true)

    const fresh = createReader({ path, follow: true })
    await fresh.close()
    expect((await fresh[Symbol.asyncIterator]().next()).done).toBe(true)
  })

  it('begins at the end, at a place, or at the start', async () => {
    const { path, write } = log()
    write('app-2026-11-21.001.log', numbered(0, 5))
    write('app.log', `${numbered(5, 8)}{"n":8`)
    const { look, numbers } = follow({ path, from: 'end' })
    await look()
    appendFileSync(path, '}\n{"n":9}\n')
    await look()
    expect(numbers()).toEqual([8, 9])

    for await (const batch of createReader({ path })) {
      const place = structuredClone(batch.place(2))
      expect(numbersOf((await readAll({ path, from: place })).lines)).toEqual(range(3, 10))
      break
    }
  })

  it('checks its options', async () => {
    expect(() => createReader({} as never)).toThrow('createReader({ path })')
    expect(() => createReader({ path: 'x', checkpoint: 'a.b' })).toThrow("letters, digits, '_' and '-'")
    expect(() => createReader({ path: 'x', from: 'middle' as never })).toThrow('a place that a batch gave')
    await expect(createReader({ path: 'x' }).commit({} as never)).rejects.toThrow(
      'createReader({ checkpoint })',
    )
  })

  it('is not disturbed by what its listener throws, nor by old times', async () => {
    const { path, at, write } = log()
    write('app-2026-11-21.001.log.gz', 'x')
    write('app.log', numbered(0, 1))
    utimesSync(at('app.log'), 0, 0)
    const reader = createReader({
      path,
      onProblem: () => {
        throw new Error('mine')
      },
    })
    let lines = 0
    for await (const batch of reader) lines += batch.count
    expect(lines).toBe(1)
  })
})
