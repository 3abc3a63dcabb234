import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { adoptOrphans } from '../../../src/segments/spool/adopt.ts'
import { parseSubdirectoryName, subdirectoryName } from '../../../src/segments/spool/layout.ts'
import { lifeOf, makeOwner, SILENT_MS } from '../../../src/segments/spool/owner.ts'
import { ended, said } from '../../faults/child.ts'
import { type Bundle, bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { deadOwner, foreignOwner, lineOf, linesOf, onlyIn, readingOf, spoolIn, upTo } from './spools.ts'

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['segments/spool/owner.ts', 'segments/spool/adopt.ts'])
})
afterAll(() => bundle.remove())

const NOW = 1_800_000_000_000

/** A process that says who it is, and lives. */
async function living(name: string, source: string): Promise<{ child: ChildProcess; owner: string }> {
  const script = bundle.script(name, `import { makeOwner } from './spoor.mjs'\n${source}`)
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const owner = (await said(child.stdout as NodeJS.ReadableStream, '\n')).trim()
  return { child, owner }
}

const LIVES = 'console.log(makeOwner(0)); setInterval(() => {}, 1000)'

describe('an owner', () => {
  it('is another one each time', () => {
    const owners = [makeOwner(0), makeOwner(0), makeOwner(3)]
    expect(new Set(owners).size).toBe(3)
    for (const owner of owners)
      expect(
        parseSubdirectoryName(subdirectoryName({ unique: 'a'.repeat(16), owner, guessed: true })),
      ).toEqual({
        unique: 'a'.repeat(16),
        owner,
        guessed: true,
      })
  })

  it('lives as long as its process, however old its last sign is, and is dead at once when that is over', async () => {
    const { child, owner } = await living('lives.mjs', LIVES)
    expect(lifeOf(owner, 0, NOW)).toBe('alive')
    const over = ended(child)
    child.kill('SIGKILL')
    await over
    expect(lifeOf(owner, NOW, NOW)).toBe('dead')
  })

  it('is dead when its process is over and its parent has not asked', async () => {
    // The shell's own child; what takes the shell's place never waits for it.
    const script = bundle.script(
      'says.mjs',
      `import { makeOwner } from './spoor.mjs'\nconsole.log(makeOwner(0))`,
    )
    const child = spawn('sh', ['-c', `"${process.execPath}" "${script}" & exec sleep 1000`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const owner = (await said(child.stdout as NodeJS.ReadableStream, '\n')).trim()
    while (lifeOf(owner, NOW, NOW) === 'alive') await new Promise((resolve) => setTimeout(resolve, 5))
    expect(lifeOf(owner, NOW, NOW)).toBe('dead')
    // It is still there, as a zombie.
    expect(() => process.kill(Number(owner.split('-')[2]), 0)).not.toThrow()
  })

  it('is dead when another process has its pid', () => {
    expect(lifeOf(deadOwner(), NOW, NOW)).toBe('dead')
  })

  it('is dead when it gave its spool up', () => {
    expect(lifeOf('closed', NOW, NOW)).toBe('dead')
  })

  const parts = makeOwner(5).split('-')
  const other = (i: number, text: string): string => parts.map((part, k) => (k === i ? text : part)).join('-')
  it.each([
    ['another boot', other(0, '00000000')],
    ['another pid namespace', other(1, '77')],
    ['a system without /proc', other(0, 'none')],
    ['another thread of this process', parts.join('-')],
    ['who knows whom', 'x-y'],
  ])('of %s is known by its sign of life', (_, owner) => {
    expect(lifeOf(owner, NOW - SILENT_MS, NOW)).toBe('alive')
    expect(lifeOf(owner, NOW - SILENT_MS - 1, NOW)).toBe('silent')
    // Another machine's clock.
    expect(lifeOf(owner, NOW + 3_600_000, NOW)).toBe('alive')
    expect(lifeOf(owner, NOW + 25 * 3_600_000, NOW)).toBe('silent')
  })

  it('that is a thread of another process is known by its sign of life, while that lives', async () => {
    const { child, owner } = await living(
      'thread.mjs',
      'console.log(makeOwner(3)); setInterval(() => {}, 1000)',
    )
    expect(lifeOf(owner, NOW, NOW)).toBe('alive')
    expect(lifeOf(owner, 0, NOW)).toBe('silent')
    const over = ended(child)
    child.kill('SIGKILL')
    await over
    expect(lifeOf(owner, NOW, NOW)).toBe('dead')
  })
})

interface Adopted {
  readonly paths: string[]
  readonly codes: string[]
}

async function adopt(directory: string, owner = makeOwner(0), now = Date.now): Promise<Adopted> {
  const codes: string[] = []
  const onProblem = ({ code }: { code: string }): void => void codes.push(code)
  return { paths: await adoptOrphans({ directory, owner, now, onProblem }), codes }
}

describe('adoption', () => {
  it('takes what dead owners left, with its unique name, and nothing else', async () => {
    const directory = temporaryDirectory()
    const me = makeOwner(0)
    const left = Array.from({ length: 3 }, () => {
      const { writer } = spoolIn(directory, { owner: deadOwner() })
      writer.append(linesOf(0, 5))
      return writer.directory as string
    })
    spoolIn(directory, { owner: me }).writer.append(lineOf(0))
    const { owner } = await living('neighbour.mjs', LIVES)
    spoolIn(directory, { owner }).writer.append(lineOf(0))
    mkdirSync(join(directory, 'backup'))
    writeFileSync(
      join(directory, subdirectoryName({ unique: 'a'.repeat(16), owner: 'closed', guessed: false })),
      '',
    )
    const before = readdirSync(directory).length
    const { paths, codes } = await adopt(directory, me)
    const uniques = (all: readonly string[]) => all.map((path) => basename(path).slice(0, 16)).sort()
    expect(uniques(paths)).toEqual(uniques(left))
    for (const path of paths) {
      expect(dirname(path)).toBe(directory)
      expect(parseSubdirectoryName(basename(path))).toMatchObject({ owner: me, guessed: false })
      expect(await readingOf(path, { finished: true }).deliver()).toEqual(upTo(5))
    }
    expect(readdirSync(directory)).toHaveLength(before - 3)
    expect((await adopt(directory, me)).paths).toEqual([])
    expect(codes).toEqual([])
  })

  it('marks what was taken without proof, for whoever adopts it later too', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { owner: foreignOwner() })
    writer.append(lineOf(0))
    expect((await adopt(directory)).paths).toEqual([])
    const later = (): number => Date.now() + SILENT_MS + 1000
    const [first = ''] = (await adopt(directory, deadOwner(), later)).paths
    expect(parseSubdirectoryName(basename(first))?.guessed).toBe(true)
    const [second = ''] = (await adopt(directory)).paths
    expect(parseSubdirectoryName(basename(second))?.guessed).toBe(true)
    expect(basename(second)).not.toBe(basename(first))
  })

  it('gives a sign of life at once', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { owner: foreignOwner() })
    writer.append(lineOf(0))
    utimesSync(join(writer.directory as string, 'alive'), 1, 1)
    const { paths } = await adopt(directory, foreignOwner())
    expect(paths).toHaveLength(1)
    expect((await adopt(directory)).paths).toEqual([])
  })

  it('takes at once what was given up', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory)
    writer.append(linesOf(0, 5))
    const { source } = readingOf(writer.directory as string)
    writer.close()
    source.finish()
    await source.close()
    const [path = ''] = (await adopt(directory)).paths
    expect(await readingOf(path, { finished: true }).deliver()).toEqual(upTo(5))
  })

  it('is nothing where there is no directory, and tells where it can not be read', async () => {
    const root = temporaryDirectory()
    expect(await adopt(join(root, 'none'))).toEqual({ paths: [], codes: [] })
    writeFileSync(join(root, 'file'), '')
    expect(await adopt(join(root, 'file'))).toEqual({ paths: [], codes: ['adoption'] })
  })

  it('has one winner for each, however many processes try', async () => {
    const script = bundle.script(
      'adopts.mjs',
      `import { adoptOrphans, makeOwner } from './spoor.mjs'
       const problems = []
       process.on('message', async ({ directory, at, over }) => {
         if (over) process.exit()
         while (Date.now() < at);
         const paths = await adoptOrphans({ directory, owner: makeOwner(0), onProblem: (one) => problems.push(one) })
         // It lives on, so that nobody adopts from it.
         process.send({ paths, problems })
       })
       process.send('ready')`,
    )
    const directory = temporaryDirectory()
    const orphans = 60
    for (let i = 0; i < orphans; i++) spoolIn(directory, { owner: deadOwner() }).writer.append(linesOf(i, 3))
    const children = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const next = (): Promise<unknown> => new Promise((resolve) => child.once('message', resolve))
      return { child, next, ready: next() }
    })
    await Promise.all(children.map(({ ready }) => ready))
    const answers = children.map(({ next }) => next())
    for (const { child } of children) child.send({ directory, at: Date.now() + 50 })
    const results = (await Promise.all(answers)) as { paths: string[]; problems: unknown[] }[]
    for (const { child } of children) child.send({ over: true })
    const paths = results.flatMap((result) => result.paths)
    expect(results.flatMap(({ problems }) => problems)).toEqual([])
    expect(paths.map((path) => basename(path)).sort()).toEqual(readdirSync(directory).sort())
    expect(new Set(paths.map((path) => basename(path).slice(0, 16))).size).toBe(orphans)
    const seen = await Promise.all(paths.map((path) => readingOf(path, { finished: true }).numbers()))
    expect(seen.flat().sort((a, b) => a - b)).toEqual(
      upTo(orphans)
        .flatMap((i) => upTo(3, i))
        .sort((a, b) => a - b),
    )
  })
})

describe('an owner who is taken for dead and is not', () => {
  it('loses nothing, whatever it goes on to write', async () => {
    const directory = temporaryDirectory()
    let clock = 0
    const { writer, directories, problems } = spoolIn(directory, {
      owner: foreignOwner(),
      segmentBytes: 1e6,
      monotonic: () => clock,
    })
    let n = 0
    const write = (count: number): void => {
      expect(writer.append(linesOf(n, count))).toBe(linesOf(n, count).length)
      n += count
    }
    write(20)
    const own = readingOf(directories[0] as string)
    expect(await own.source.read(1e6, 5)).toHaveLength(5)
    const now = (): number => Date.now() + SILENT_MS + 1000
    const [path = ''] = (await adopt(directory, makeOwner(0), now)).paths
    const adopter = readingOf(path, { finished: true })
    const delivered = await adopter.deliver()
    expect(adopter.source.ended).toBe(false)
    // Still to the file that was taken.
    clock += 500
    write(5)
    clock += 500
    write(5)
    delivered.push(...(await adopter.deliver()))
    expect(problems.map(({ code }) => code)).toEqual(['moved'])
    expect(directories).toHaveLength(2)
    // The owner's own reader finds out by itself.
    await own.source.read(1e6, 1e6)
    expect(own.source.ended).toBe(true)
    expect(own.problems).toEqual([])
    write(20)
    delivered.push(...(await readingOf(directories[1] as string).deliver()))
    expect(delivered).toEqual(upTo(n))
  })

  it('may even begin a segment there', async () => {
    const directory = temporaryDirectory()
    const { writer } = spoolIn(directory, { owner: foreignOwner() })
    writer.append(linesOf(0, 3))
    const home = onlyIn(directory)
    const taken = `${home}.guessed`
    renameSync(home, taken)
    const adopter = readingOf(taken, { finished: true })
    expect(await adopter.deliver()).toEqual(upTo(3))
    // It had the directory open, in a manner of speaking.
    appendFileSync(join(taken, '0000000000000002.ndjson'), linesOf(3, 3))
    expect(await adopter.deliver()).toEqual(upTo(3, 3))
  })
})
