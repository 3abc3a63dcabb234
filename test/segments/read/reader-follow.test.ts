import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  promises,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createReader, readCheckpoint } from '../../../src/segments/read/reader.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { follow, gzipped, numbered, numbersOf, range, readAll } from './reader-support.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 20)
const FIRST = 'app-2026-11-21.001.log'
const SECOND = 'app-2026-11-21.002.log'

function log() {
  const directory = temporaryDirectory()
  return { path: join(directory, 'app.log'), at: (name: string) => join(directory, name) }
}

/** Rotates during each of the first `times` readings of the directory. */
async function readWhileRotated(times: number, follow: boolean): Promise<void> {
  const { path, at } = log()
  const real = promises.readdir
  let readings = 0
  let n = 0
  const put = (): void => writeFileSync(path, `{"n":${n++}}\n`)
  put()
  promises.readdir = (async (...args: Parameters<typeof real>) => {
    const names = await real(...args)
    if (++readings <= times) {
      renameSync(path, at(`app-2026-11-21.${String(n).padStart(3, '0')}.log`))
      put()
    }
    return names
  }) as typeof real
  syncBuiltinESMExports()
  onTestFinished(() => {
    promises.readdir = real
    syncBuiltinESMExports()
  })
  let idle = 0
  const reader = createReader({
    path,
    follow,
    clock: {
      now: () => performance.now(),
      after(_, act) {
        // As many as a look takes readings, and more.
        if (++idle > 50) void reader.close()
        setImmediate(act)
        return () => {}
      },
    },
  })
  const numbers: number[] = []
  for await (const batch of reader)
    for (let i = 0; i < batch.count; i++) numbers.push((batch.json(i) as { n: number }).n)
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i))
  expect(n).toBe(times + 1)
}

describe('a rotation', () => {
  it('is followed by inode, also when there were several, or no new file yet', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 1))
    const { look, numbers, reader } = follow({ path })
    await look()
    appendFileSync(path, numbered(1, 2))
    renameSync(path, at(FIRST))
    await look()
    writeFileSync(at(SECOND), numbered(2, 3))
    writeFileSync(at('app-2026-11-21.003.log.gz'), gzipped(numbered(3, 4)))
    writeFileSync(path, numbered(4, 5))
    await look()
    expect(numbers()).toEqual(range(0, 5))
    expect(reader.stats()).toMatchObject({ missing: 0, truncated: 0, torn: 0 })
  })

  it.each([3, 19, 20, 21, 22, 50])(
    'during every look at the directory, %s times, hides no file',
    async (times) => {
      for (const follow of [true, false]) await readWhileRotated(times, follow)
    },
  )

  it('by a real process loses and doubles nothing', async () => {
    const { path } = log()
    const bundle = bundleOf(['segments/write/writer.ts', 'segments/write/rotation.ts'])
    onTestFinished(() => bundle.remove())
    const script = bundle.script(
      'writes.mjs',
      `import { createWriter, createRotation } from './spoor.mjs'
       const [path, first, count] = process.argv.slice(2)
       const writer = createWriter({
         path, mode: 0o640, directoryMode: 0o750, now: Date.now,
         rotation: createRotation({ maxSize: 5000, rotate: 'off', timeZone: 'utc' }),
       })
       let n = Number(first)
       const end = n + Number(count)
       const write = () => {
         for (let i = 0; i < 20 && n < end; i++) writer.append(JSON.stringify({ n: n++, x: 'x'.repeat(50) }) + '\\n')
         if (n < end) setImmediate(write)
         else process.disconnect()
       }
       write()`,
    )
    const count = 10_000
    let ended = false
    let looks = 0
    const clock = {
      now: () => performance.now(),
      after(_: number, act: () => void) {
        // Three more looks when nobody writes any more; then what has not come is lost.
        if (ended && ++looks > 3) void reader.close()
        const timer = setTimeout(act, 5)
        return () => clearTimeout(timer)
      },
    }
    const reader = createReader({ path, follow: true, clock })
    onTestFinished(() => reader.close())
    const children = [0, 1].map((i) => fork(script, [path, String(i * count), String(count)]))
    const ends = Promise.all(children.map((child) => once(child, 'exit'))).then(() => {
      ended = true
    })
    const numbers: number[] = []
    for await (const batch of reader) {
      for (let i = 0; i < batch.count; i++) numbers.push((batch.json(i) as { n: number }).n)
    }
    await ends
    for (const first of [0, count]) {
      const mine = numbers.filter((n) => n >= first && n < first + count)
      expect(mine.toSorted((a, b) => a - b)).toEqual(range(first, first + count))
    }
    expect(readdirSync(join(path, '..')).length).toBeGreaterThan(100)
    expect(reader.stats()).toMatchObject({ torn: 0, broken: 0, missing: 0, corrupt: 0, truncated: 0 })
  })

  it('may leave late lines behind: they are given until the file has stood still', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 1))
    const late = openSync(path, 'a')
    onTestFinished(() => closeSync(late))
    const { look, lines, numbers, reader } = follow({ path, checkpoint: 'test' })
    await look()
    renameSync(path, at(FIRST))
    writeFileSync(path, numbered(1, 2))
    await look()
    writeSync(late, '{"n":2}\n{"n":')
    await look(9999)
    expect(numbers()).toEqual([0, 1, 2])
    expect(reader.stats().torn).toBe(0)
    writeSync(late, '3}\n')
    await look(9999)
    expect(numbers()).toEqual([0, 1, 2, 3])
    // What the checkpoint says of both files: later late lines are found after a restart.
    const places = (await readCheckpoint(path, 'test')).places
    expect(places?.map((place) => place.offset)).toEqual([24, 8])
    writeSync(late, '{"n":4}\n')
    await reader.close()
    expect(numbersOf((await readAll({ path, checkpoint: 'test' })).lines)).toEqual([4])
    expect(lines).toHaveLength(4)
  })

  it('of a file that has stood still is over: what it still has is torn', async () => {
    const { path, at } = log()
    writeFileSync(path, '{"n":0}\n{"n":')
    const { look, reader } = follow({ path })
    await look()
    renameSync(path, at(FIRST))
    writeFileSync(path, '')
    await look()
    await look()
    expect(reader.stats().torn).toBe(0)
    await look(10_000)
    expect(reader.stats().torn).toBe(1)
  })

  it('and compression of what was read give nothing twice, also after a resume', async () => {
    const { path, at } = log()
    const compress = (name: string) => {
      writeFileSync(at(`${name}.gz`), gzipSync(readFileSync(at(name))))
      unlinkSync(at(name))
    }
    writeFileSync(at(FIRST), numbered(0, 2))
    writeFileSync(path, numbered(2, 4))
    const before = follow({ path, checkpoint: 'test' })
    await before.look()
    await before.reader.close()
    const { look, numbers } = follow({ path, checkpoint: 'test' })
    await look()
    renameSync(path, at(SECOND))
    writeFileSync(path, numbered(4, 5))
    await look()
    compress(FIRST)
    compress(SECOND)
    renameSync(path, at('app-2026-11-21.003.log'))
    // The inode of one that was compressed, perhaps.
    writeFileSync(path, numbered(5, 6))
    await look()
    expect(numbers()).toEqual([4, 5])
  })

  it("by logrotate's numbers gives nothing twice", async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 1))
    const { look, numbers } = follow({ path })
    await look()
    for (let n = 1; n < 6; n++) {
      for (let i = 4; i > 1; i--)
        if (existsSync(at(`app.log.${i}.gz`))) renameSync(at(`app.log.${i}.gz`), at(`app.log.${i + 1}.gz`))
      if (existsSync(at('app.log.1'))) {
        writeFileSync(at('app.log.2.gz'), gzipSync(readFileSync(at('app.log.1'))))
        unlinkSync(at('app.log.1'))
      }
      renameSync(path, at('app.log.1'))
      writeFileSync(path, numbered(n, n + 1))
      await look()
    }
    expect(numbers()).toEqual(range(0, 6))
  })
})

describe('copytruncate', () => {
  it('begins again, and finds in the copy what it had not read', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 3))
    const { look, numbers, reader, problems } = follow({ path })
    await look()
    appendFileSync(path, numbered(3, 5))
    copyFileSync(path, at('app.log.1'))
    truncateSync(path)
    appendFileSync(path, numbered(5, 6))
    await look()
    expect(numbers()).toEqual(range(0, 6))
    expect(reader.stats()).toMatchObject({ truncated: 1, torn: 0 })
    expect(problems.map(({ code }) => code)).toEqual(['truncated'])
  })

  it('is seen where the file has outgrown its old size, and in a compressed copy', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 3))
    const { look, numbers, reader } = follow({ path })
    await look()
    appendFileSync(path, numbered(3, 5))
    writeFileSync(at('app.log.1.gz'), gzipSync(readFileSync(path)))
    truncateSync(path)
    appendFileSync(path, numbered(5, 50))
    await look()
    expect(numbers()).toEqual(range(0, 50))
    expect(reader.stats().truncated).toBe(1)
  })

  it('without a copy counts the half line that is gone', async () => {
    const { path } = log()
    writeFileSync(path, '{"n":0}\n{"n":')
    const { look, numbers, reader } = follow({ path })
    await look()
    truncateSync(path)
    await look()
    appendFileSync(path, numbered(1, 2))
    await look()
    expect(numbers()).toEqual([0, 1])
    expect(reader.stats()).toMatchObject({ truncated: 1, torn: 1 })
  })
})

describe('any history of a log', () => {
  const always = ['write', 'write', 'half', 'look', 'stop', 'start'] as const
  // Who rotates is one or the other: the order of both kinds of names in one time is not known.
  const history = fc.oneof(
    fc.array(fc.constantFrom(...always, 'rotate' as const, 'compress' as const), { maxLength: 40 }),
    fc.array(fc.constantFrom(...always, 'logrotate' as const, 'copytruncate' as const), { maxLength: 40 }),
  )

  it('is read without loss and without doubles', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (acts) => {
        const { path, at } = log()
        let n = 0
        let sequence = 0
        let copies = 0
        const plain: string[] = []
        let reader = follow({ path, checkpoint: 'test' })
        const read: number[] = []
        let stopped = false
        const stop = async () => {
          await reader.look()
          read.push(...reader.numbers())
          await reader.reader.close()
        }
        const line = () => `{"n":${n++},"x":"${String(n).repeat(20)}"}\n`
        for (const one of acts) {
          if (one === 'write') appendFileSync(path, line() + line())
          else if (one === 'half') {
            const text = line()
            appendFileSync(path, text.slice(0, 9))
            if (!stopped) await reader.look()
            appendFileSync(path, text.slice(9))
          } else if (one === 'rotate' && existsSync(path)) {
            const name = `app-2026-11-21.${String(++sequence).padStart(3, '0')}.log`
            renameSync(path, at(name))
            plain.push(name)
          } else if (one === 'compress') {
            const name = plain.shift()
            if (name === undefined) continue
            writeFileSync(at(`${name}.gz`), gzipSync(readFileSync(at(name))))
            unlinkSync(at(name))
          } else if ((one === 'copytruncate' || one === 'logrotate') && existsSync(path)) {
            for (let i = copies; i > 0; i--) renameSync(at(`app.log.${i}`), at(`app.log.${i + 1}`))
            copies++
            if (one === 'logrotate') {
              renameSync(path, at('app.log.1'))
              continue
            }
            copyFileSync(path, at('app.log.1'))
            truncateSync(path)
            // Twice without a look is a truncation that nobody can see.
            if (!stopped) await reader.look()
          } else if (one === 'look' && !stopped) await reader.look()
          else if (one === 'stop' && !stopped) {
            await stop()
            stopped = true
          } else if (one === 'start' && stopped) {
            stopped = false
            reader = follow({ path, checkpoint: 'test' })
          }
        }
        if (stopped) reader = follow({ path, checkpoint: 'test' })
        await stop()
        expect(read.toSorted((a, b) => a - b)).toEqual(range(0, n))
      }),
      { numRuns },
    )
  })
})
