import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeCheckpoint } from '../../../src/segments/read/checkpoint.ts'
import {
  checkpointPath,
  createReader,
  type Place,
  readCheckpoint,
  readCheckpoints,
  unreadBy,
} from '../../../src/segments/read/reader.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { gzipped, numbered, numbersOf, range, readAll } from './reader-support.ts'

const FIRST = 'app-2026-11-21.001.log'
const SECOND = 'app-2026-11-21.002.log'
const checkpoint = 'test'

function log() {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.log')
  return {
    directory,
    path,
    at: (name: string) => join(directory, name),
    file: checkpointPath(path, checkpoint),
  }
}

/** Reads and commits up to, and with, the line `n`. */
async function readUpTo(path: string, n: number): Promise<void> {
  for await (const batch of createReader({ path, checkpoint })) {
    for (let i = 0; i < batch.count; i++) {
      if ((batch.json(i) as { n: number }).n !== n) continue
      expect(await batch.commit()).toBe(true)
      return void (await writeCheckpoint(path, checkpoint, [batch.place(i)], false))
    }
  }
  throw new Error(`no line ${n}`)
}

async function rest(path: string) {
  const { lines, codes } = await readAll({ path, checkpoint })
  return { numbers: numbersOf(lines), codes }
}

it("is kept under Node's permission model too, which refuses every fsync", async () => {
  const { directory, path, file } = log()
  writeFileSync(path, numbered(0, 10))
  const bundle = bundleOf(['segments/read/reader.ts'])
  onTestFinished(() => bundle.remove())
  const script = bundle.script(
    'permission.mjs',
    `import { createReader } from './spoor.mjs'
     const [path, checkpoint] = process.argv.slice(2)
     for await (const batch of createReader({ path, checkpoint })) console.log(await batch.commit())`,
  )
  const flag = ['--permission', '--experimental-permission'].find((one) =>
    process.allowedNodeEnvironmentFlags.has(one),
  )
  const flags = [flag as string, '--allow-fs-read=*', `--allow-fs-write=${directory}/*`]
  const child = spawnSync(process.execPath, [...flags, script, path, checkpoint], { encoding: 'utf8' })
  expect(child.stdout, child.stderr).toBe('true\n')
  expect(readdirSync(directory)).toContain(basename(file))
  expect((await rest(path)).numbers).toEqual([])
})

function compress(file: string): void {
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)))
  unlinkSync(file)
}

describe('a last segment cut at every byte', () => {
  const text = numbered(0, 12)
  const states = ['right', 'missing', 'old', 'ahead', 'torn'] as const

  it.each(states)(
    'or filled with zeros from there on, its checkpoint %s: nothing whole is lost',
    async (state) => {
      const { path, file } = log()
      for (const zeros of [false, true]) {
        for (let cut = 0; cut <= text.length; cut++) {
          rmSync(file, { force: true })
          writeFileSync(path, text)
          const whole = text.slice(0, cut).split('\n').length - 1
          // How far the checkpoint is: one line before the cut, long before it, or behind it.
          const committed = { right: whole - 1, missing: -1, old: 2, ahead: 11, torn: whole - 1 }[state]
          if (committed >= 0) await readUpTo(path, committed)
          if (state === 'torn' && committed >= 0) {
            const content = readFileSync(file)
            writeFileSync(file, content.subarray(0, 1 + (cut % (content.length - 2))))
          }
          writeFileSync(path, text.slice(0, cut) + (zeros ? '\0'.repeat(text.length - cut) : ''))
          const { numbers, codes } = await rest(path)
          const valid = committed >= 0 && committed < whole && state !== 'torn'
          const from = valid ? committed + 1 : 0
          expect(numbers, `${cut} ${zeros}`).toEqual(range(from, whole))
          expect(codes.includes('checkpoint'), `${cut} ${zeros} ${codes}`).toBe(!valid)
          // Somebody writes on, after a newline as a writer does.
          appendFileSync(path, `\n${numbered(100, 102)}`)
          const later = await rest(path)
          expect(later.numbers.slice(-2)).toEqual([100, 101])
          // One that only lacked its newline has it now.
          if (whole > from) expect(later.numbers.filter((n) => n !== whole)).toEqual([100, 101])
        }
      }
    },
  )
})

describe('a checkpoint', () => {
  it.each([0, 3, 4, 7])('is gone on from in plain files, after line %i', async (n) => {
    const { path, at } = log()
    writeFileSync(at(FIRST), numbered(0, 4))
    writeFileSync(path, numbered(4, 8))
    await readUpTo(path, n)
    expect(await rest(path)).toEqual({ numbers: range(n + 1, 8), codes: [] })
    expect(await rest(path)).toEqual({ numbers: [], codes: [] })
  })

  it('is gone on from in a compressed file, long or short', async () => {
    const { path, at } = log()
    writeFileSync(at(`${FIRST}.gz`), gzipped(numbered(0, 50_000)))
    writeFileSync(path, numbered(50_000, 50_010))
    for (const n of [0, 40, 30_000, 49_999]) {
      rmSync(checkpointPath(path, checkpoint), { force: true })
      await readUpTo(path, n)
      expect(await rest(path)).toEqual({ numbers: range(n + 1, 50_010), codes: [] })
    }
  })

  it('survives rotation and compression of the file that it names', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 300))
    await readUpTo(path, 150)
    renameSync(path, at(FIRST))
    writeFileSync(path, numbered(300, 310))
    await readUpTo(path, 151)
    compress(at(FIRST))
    expect(await rest(path)).toEqual({ numbers: range(152, 310), codes: [] })
  })

  it('is not misled by an inode that is another file by now', async () => {
    const { path, at } = log()
    writeFileSync(path, numbered(0, 10))
    await readUpTo(path, 5)
    // What is left of the first one is its content; its inode gets another.
    copyFileSync(path, at('copy'))
    writeFileSync(path, numbered(10, 30))
    renameSync(at('copy'), at(FIRST))
    compress(at(FIRST))
    expect((await rest(path)).numbers).toEqual(range(6, 30))
  })

  it('is not misled by files that begin alike', async () => {
    const { path, at } = log()
    const head = '{"n":-1}\n'
    writeFileSync(at(FIRST), head + numbered(0, 3))
    writeFileSync(path, head + numbered(3, 6))
    await readUpTo(path, 4)
    expect((await rest(path)).numbers).toEqual([5])
    // The inode that it knew is gone, so the oldest that it can be is taken.
    rmSync(checkpointPath(path, checkpoint))
    for await (const batch of createReader({ path, checkpoint, from: 'end' })) batch.commit()
    await readUpTo(path, -1)
    compress(at(FIRST))
    expect((await rest(path)).numbers).toEqual([0, 1, 2, -1, 3, 4, 5])
  })

  it('begins at the oldest where its file is gone, shorter, or compressed and shorter', async () => {
    for (const how of ['gone', 'shorter', 'compressed and shorter']) {
      const { path, at } = log()
      writeFileSync(at(FIRST), numbered(0, 300))
      writeFileSync(at(SECOND), numbered(300, 600))
      writeFileSync(path, numbered(600, 603))
      await readUpTo(path, 590)
      if (how === 'gone') unlinkSync(at(SECOND))
      else writeFileSync(at(SECOND), numbered(300, 500))
      if (how === 'compressed and shorter') compress(at(SECOND))
      const { numbers, codes } = await rest(path)
      const second = how === 'gone' ? [] : range(300, 500)
      const tail = [...range(0, 300), ...second, ...range(600, 603)]
      expect(numbers, how).toEqual(tail)
      expect(codes, how).toEqual(['checkpoint'])
      expect(await rest(path)).toEqual({ numbers: [], codes: [] })
    }
  })

  it.each([
    ['', 'torn'],
    ['{}', 'torn'],
    ['null', 'torn'],
    ['\0'.repeat(100), 'torn'],
    ['{"version":2,"places":[]}', 'of version 2, not 1'],
    ['{"version":1,"crc":1,"places":[]}', 'torn'],
    ['{"version":1,"crc":223132457,"places":[]}', 'torn'],
  ])('that holds %j is not believed', async (content, reason) => {
    const { path, file } = log()
    writeFileSync(file, content)
    expect(await readCheckpoint(path, checkpoint)).toEqual({ name: checkpoint, places: undefined, reason })
    writeFileSync(path, numbered(0, 2))
    const { lines, problems } = await readAll({ path, checkpoint, from: 'end' })
    expect(numbersOf(lines)).toEqual([0, 1])
    expect(problems[0]?.message).toContain(reason)
  })

  it.each([
    ['fifo', 'no regular file'],
    ['directory', 'no regular file'],
    ['link', 'a symbolic link, which is not followed'],
    ['large', 'larger than 1 MiB'],
  ])('that is a %s is not read', async (what, reason) => {
    const { path, at, file } = log()
    writeFileSync(path, numbered(0, 2))
    await readUpTo(path, 0)
    renameSync(file, at('right'))
    if (what === 'fifo') execFileSync('mkfifo', [file])
    else if (what === 'directory') mkdirSync(file)
    else if (what === 'link') symlinkSync(at('right'), file)
    else {
      renameSync(at('right'), file)
      // Right as JSON, so that nothing but its size speaks against it.
      appendFileSync(file, ' '.repeat(1024 * 1024))
    }
    expect((await readCheckpoint(path, checkpoint)).reason).toBe(reason)
    const { lines, problems } = await readAll({ path, checkpoint })
    expect(numbersOf(lines)).toEqual([0, 1])
    expect(problems[0]?.message).toContain(reason)
  })

  it('with any bit turned is not believed', async () => {
    const { path, file } = log()
    writeFileSync(path, numbered(0, 3))
    await readUpTo(path, 1)
    const content = readFileSync(file)
    const right = (await readCheckpoint(path, checkpoint)).places
    for (let i = 0; i < content.length - 1; i++) {
      const turned = Buffer.from(content)
      turned[i] = (turned[i] as number) ^ 1
      writeFileSync(file, turned)
      const { places } = await readCheckpoint(path, checkpoint)
      if (places !== undefined) expect(places).toEqual(right)
    }
  })

  it('is replaced as a whole, leaves nothing beside it, and is for no stranger to read', async () => {
    const { directory, path, file } = log()
    writeFileSync(path, numbered(0, 3))
    writeFileSync(join(directory, '..app.log.test.checkpoint.0123456789abcdef.tmp'), 'left by a crash')
    for await (const batch of createReader({ path, checkpoint, durable: true })) await batch.commit()
    expect(readdirSync(directory).sort()).toEqual(['.app.log.test.checkpoint', 'app.log'])
    expect(statSync(file).mode & 0o027).toBe(0)
  })

  it('that can not be written is told of, and the next commit has it too', async () => {
    const { path, file } = log()
    writeFileSync(path, `${numbered(0, 1)}\n${numbered(1, 2)}`)
    mkdirSync(file)
    const codes: string[] = []
    const results: boolean[] = []
    for await (const batch of createReader({ path, checkpoint, onProblem: ({ code }) => codes.push(code) })) {
      results.push(await batch.commit())
      if (results.length === 1) rmSync(file, { recursive: true })
    }
    expect(results).toEqual([false, true])
    expect((await rest(path)).numbers).toEqual([])
    expect(codes).toEqual(['checkpoint', 'checkpoint'])
  })

  it('moves only over an unbroken row, whatever order commits come in, and never back', async () => {
    const { path, at } = log()
    writeFileSync(at(FIRST), numbered(0, 3))
    writeFileSync(path, numbered(3, 6))
    const reader = createReader({ path, checkpoint })
    const places: Place[] = []
    for await (const batch of reader) for (let i = 0; i < batch.count; i++) places.push(batch.place(i))
    const offset = async () => (await readCheckpoint(path, checkpoint)).places?.map((place) => place.offset)
    await reader.commit(places[1] as Place)
    expect(await offset()).toEqual([16])
    await Promise.all([reader.commit(places[3] as Place), reader.commit(structuredClone(places[4]) as Place)])
    expect(await offset()).toEqual([16])
    await reader.commit(places[3] as Place)
    await reader.commit(places[0] as Place)
    expect(await offset()).toEqual([16])
    expect((await rest(path)).numbers).toEqual([5])
  })
})

describe('what readers still need', () => {
  it('is what is behind their checkpoints, compressed or not', async () => {
    const { path, at } = log()
    const names = [FIRST, SECOND, 'app-2026-11-21.003.log']
    for (const [n, name] of names.entries()) writeFileSync(at(name), numbered(n * 3, n * 3 + 3))
    writeFileSync(path, numbered(9, 12))
    const question = unreadBy(path)
    const ask = async (...asked: string[]) =>
      [...(await question(asked.map(at)))].map(([file, readers]) => [basename(file), readers])
    expect(await ask(...names)).toEqual([])

    await readUpTo(path, 4)
    const unread = (offset: number) => [{ reader: checkpoint, offset }]
    expect(await ask(...names)).toEqual([
      [SECOND, unread(16)],
      [names[2], unread(0)],
    ])
    compress(at(SECOND))
    expect(await ask(FIRST, SECOND, `${SECOND}.gz`)).toEqual([
      [SECOND, unread(16)],
      [`${SECOND}.gz`, unread(16)],
    ])
    await readUpTo(path, 8)
    expect(await ask(...names)).toEqual([])
    // One that came since, and a reader that will begin at the oldest.
    expect(await ask('app-2026-11-21.004.log')).toEqual([['app-2026-11-21.004.log', unread(0)]])
    writeFileSync(checkpointPath(path, 'other'), 'torn')
    expect(await ask(FIRST)).toEqual([[FIRST, [{ reader: 'other', offset: 0 }]]])
    expect((await readCheckpoints(path)).map(({ name, reason }) => [name, reason])).toEqual([
      ['other', 'torn'],
      ['test', undefined],
    ])
  })
})
