import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createBatch, type Loss } from '../../../src/segments/batch.ts'
import { compareDone, type DoneName, isMovingName, parseDoneName } from '../../../src/segments/names.ts'
import { createRemoteWriter, type RemoteWriterOptions } from '../../../src/segments/remote/remote.ts'
import { unitsFound } from '../../../src/segments/remote/trace.ts'
import { type Bundle, bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 20)
const kills = Number(process.env.SPOOR_RUNS_KILL ?? 5)
const LIMITS = { timeout: 20_000, interval: 2 }

let bundle: Bundle
let thread: string

/**
 * A worker whose writes to the log stand still while `<path>.hold` is there (`<path>.held` then says so), and
 * that dies before or after its nth write if `<path>.die` says `before n` or `after n`. `<path>.opens` grows by
 * a byte each time that it opens the log.
 */
const THREAD = `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { serveWrites } from './spoor.mjs'
const { path } = workerData.settings
const { writeSync, existsSync, openSync } = fs
const [when, nth] = existsSync(path + '.die') ? fs.readFileSync(path + '.die', 'utf8').split(' ') : []
const cell = new Int32Array(new SharedArrayBuffer(4))
let writes = 0
fs.openSync = (file, ...rest) => {
  if (file === path) fs.appendFileSync(path + '.opens', '.')
  return openSync(file, ...rest)
}
fs.writeSync = (...args) => {
  if (existsSync(path + '.hold')) fs.writeFileSync(path + '.held', '')
  while (existsSync(path + '.hold')) Atomics.wait(cell, 0, 0, 1)
  writes++
  if (writes === Number(nth) && when === 'before') process.exit(3)
  const written = writeSync(...args)
  if (writes === Number(nth) && when === 'after') process.exit(3)
  return written
}
syncBuiltinESMExports()
serveWrites(workerData, parentPort)
`

beforeAll(() => {
  bundle = bundleOf([
    'segments/remote/remote.ts',
    'segments/remote/serve.ts',
    'segments/batch.ts',
    'segments/names.ts',
  ])
  thread = bundle.script('thread.mjs', THREAD)
})
afterAll(() => bundle.remove())

function settingsOf(path: string, maxSize = 1e9) {
  const rotation = { maxSize, rotate: 'off', timeZone: 'utc' } as const
  return { path, mode: 0o640, directoryMode: 0o750, rotation, thread }
}

function writerOf(path: string, options: Partial<RemoteWriterOptions> & { maxSize?: number } = {}) {
  const writer = createRemoteWriter({ ...settingsOf(path, options.maxSize), ...options })
  onTestFinished(() => writer.close())
  return writer
}

function freshPath(): string {
  return join(temporaryDirectory(), 'app.log')
}

/** Lines `from` to `to`, of different lengths and not all ASCII. */
function numbered(from: number, to: number): string {
  let lines = ''
  for (let n = from; n < to; n++) lines += `${n} ${'ü'.repeat(n % 7)}\n`
  return lines
}

/** What is in the done files, one that was on its way to its done name, and the live one, in order. */
function everything(path: string): string {
  const directory = join(path, '..')
  const done = readdirSync(directory)
    .map((name) => ({ name, place: parseDoneName(path, name) }))
    .filter((file): file is { name: string; place: DoneName } => file.place !== undefined)
    .sort((a, b) => compareDone(a.place, b.place))
    .map(({ name }) => name)
  const moving = readdirSync(directory).filter((name) => isMovingName(path, name))
  const past = [...done, ...moving].map((name) => readFileSync(join(directory, name), 'utf8'))
  return past.join('') + (existsSync(path) ? readFileSync(path, 'utf8') : '')
}

function hold(path: string): () => void {
  writeFileSync(`${path}.hold`, '')
  onTestFinished(() => rmSync(`${path}.hold`, { force: true }))
  return () => rmSync(`${path}.hold`)
}

function heldUp(path: string): Promise<void> {
  return vi.waitFor(() => {
    if (!existsSync(`${path}.held`)) throw new Error('no write yet')
  }, LIMITS)
}

describe('a remote writer', () => {
  it('writes in order, and says when all is in the file', async () => {
    const path = freshPath()
    const writer = writerOf(path)
    expect(existsSync(path)).toBe(false)
    for (let n = 0; n < 1000; n += 10) {
      const lines = numbered(n, n + 10)
      expect(writer.append(lines)).toBe(lines.length)
    }
    expect(writer.lines()).toBe(1000)
    await writer.settled()
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 1000))
    expect(writer).toMatchObject({ units: 0, bytes: readFileSync(path).length, error: undefined })
    expect(writer.lines()).toBe(0)
  })

  it('takes lines while a write stands still, and nothing past its limit', async () => {
    const path = freshPath()
    const release = hold(path)
    let ready = 0
    const writer = writerOf(path, { inFlightLimit: 1000, onReady: () => ready++ })
    expect(writer.append(`${'x'.repeat(1999)}\n`)).toBe(2000)
    await heldUp(path)
    expect(writer.append('y\n')).toBe(0)
    expect(writer).toMatchObject({ full: true, units: 2000 })
    expect(existsSync(path) && readFileSync(path, 'utf8')).toBe('')
    release()
    await writer.settled()
    expect(ready).toBe(1)
    expect(writer).toMatchObject({ full: false, units: 0 })
    for (let n = 0; n < 500; n++) writer.append('zz\n')
    expect(writer.units).toBe(999)
    await writer.settled()
  })

  it('leaves the lines of a write that does not come back in doubt, and takes it over when it has', async () => {
    const path = freshPath()
    const release = hold(path)
    const writer = writerOf(path)
    writer.append(numbered(0, 10))
    await heldUp(path)
    writer.append(numbered(10, 20))
    expect(writer.takeOver(5)).toBe(false)
    expect(writer.lines()).toBe(20)
    release()
    await writer.settled()
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 20))
    rmSync(`${path}.held`)
    const releaseAgain = hold(path)
    writer.append(numbered(20, 30))
    await heldUp(path)
    writer.append(numbered(30, 40))
    releaseAgain()
    expect(writer.takeOver(20_000)).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 40))
    writer.append(numbered(40, 50))
    await writer.settled()
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 50))
  })

  it('goes on by itself when what was in the way is gone, and tells each outage once', async () => {
    const path = freshPath()
    mkdirSync(path)
    const told: unknown[] = []
    const writer = writerOf(path, {
      onProblem: (error) => told.push(error.code),
      onRecovered: () => told.push('recovered'),
    })
    writer.append(numbered(0, 10))
    writer.append(numbered(10, 20))
    await vi.waitFor(() => expect(readFileSync(`${path}.opens`).length).toBeGreaterThan(1), LIMITS)
    expect(told).toEqual(['EISDIR'])
    expect(writer.takeOver(0)).toBe(false)
    expect(writer.lines()).toBe(20)
    rmSync(path, { recursive: true })
    await writer.settled()
    expect(told).toEqual(['EISDIR', 'recovered'])
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 20))
  })

  it('writes again what goes away with its file during the write', async () => {
    const path = freshPath()
    const writer = writerOf(path)
    writer.append('gone\n')
    await writer.settled()
    const release = hold(path)
    writer.append(numbered(0, 10))
    await heldUp(path)
    rmSync(path)
    release()
    expect(writer.takeOver(20_000)).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(numbered(0, 10))
  })

  it.each(['before 3', 'after 3', 'after 1'])('goes on exactly where its thread died: %s', async (when) => {
    for (const maxSize of [1e9, 40]) {
      const path = freshPath()
      writeFileSync(`${path}.die`, when)
      const lost: string[] = []
      const writer = writerOf(path, { maxSize, onThreadLost: (error) => lost.push(error.message) })
      for (let n = 0; n < 100; n += 10) writer.append(numbered(n, n + 10))
      await writer.settled()
      expect(lost).toEqual(['the writing thread ended with code 3'])
      writer.append(numbered(100, 110))
      expect(everything(path)).toBe(numbered(0, 110))
    }
  })

  it('writes in its own thread where none can be started', async () => {
    const path = freshPath()
    const lost: string[] = []
    const writer = writerOf(path, {
      thread: `${path}.mjs`,
      onThreadLost: (error) => lost.push(error.message),
    })
    writer.append('a\n')
    await writer.settled()
    expect(lost.join()).toContain('app.log.mjs')
    expect(writer.append('b\n')).toBe(2)
    expect(readFileSync(path, 'utf8')).toBe('a\nb\n')
  })

  it('writes to a pipe in its own thread', async () => {
    const path = freshPath()
    execFileSync('mkfifo', [path])
    const lines = `${numbered(0, 100)}${'long '.repeat(30_000)}\n`.repeat(5)
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = over(reader)
    const writer = writerOf(path)
    writer.append(lines)
    await writer.settled()
    await vi.waitFor(() => {
      if (writer.pending() || writer.append('end\n') !== 4) throw new Error('the pipe is full')
    }, LIMITS)
    writer.close()
    expect((await ended).stdout).toBe(`${lines}end\n`)
  })

  it('writes what is logged by who is told of a write, right behind it', async () => {
    const path = freshPath()
    let told = 0
    const tell = () => {
      if (told++ < 20) writer.append(`told ${told}\n`)
    }
    const writer = writerOf(path, { thread: `${path}.mjs`, onOpened: tell, onRotated: tell, maxSize: 20 })
    for (let n = 0; n < 10; n++) writer.append(`${n}\n`)
    await writer.settled()
    const lines = everything(path).trimEnd().split('\n')
    expect(lines.filter((line) => !line.startsWith('told'))).toEqual([...'0123456789'])
    expect(lines.filter((line) => line.startsWith('told'))).toHaveLength(Math.min(told, 20))
  })

  it('tells at close what it gives up, and how sure that is', async () => {
    const losses: unknown[] = []
    const onLoss = (lines: number, certain: boolean) => losses.push([lines, certain])
    const blocked = freshPath()
    mkdirSync(blocked)
    const certain = writerOf(blocked, { onLoss })
    certain.append(numbered(0, 3))
    certain.close(1000)
    const path = freshPath()
    const release = hold(path)
    const doubtful = writerOf(path, { onLoss })
    doubtful.append(numbered(0, 4))
    await heldUp(path)
    doubtful.close(1)
    await doubtful.settled()
    expect(losses).toEqual([
      [3, true],
      [4, false],
    ])
    release()
  })

  it('rotates where it is asked, between the lines before and those after', async () => {
    const path = freshPath()
    const done: string[] = []
    let shared = 0
    const writer = writerOf(path, { onRotated: (name) => done.push(name), onShared: () => shared++ })
    writer.append('a\n')
    await writer.settled()
    writer.append('b\n')
    writer.takeOver(20_000)
    writer.append('c\n')
    await writer.settled()
    writer.append('d\n')
    writer.takeOver(20_000)
    writer.rotate()
    writer.append('e\n')
    await writer.settled()
    expect(readFileSync(path, 'utf8')).toBe('e\n')
    await vi.waitFor(
      () => expect(done.map((name) => readFileSync(name, 'utf8'))).toEqual(['a\nb\nc\nd\n']),
      LIMITS,
    )
    expect({ shared, rotated: writer.rotated }).toEqual({ shared: 0, rotated: 1 })
  })

  it('syncs behind what was appended, and opens what the path names then', async () => {
    const path = freshPath()
    const writer = writerOf(path, { synced: true })
    writer.append('a\n')
    expect(await new Promise((resolve) => writer.syncLater(resolve))).toBeUndefined()
    expect(writer.lines()).toBe(0)
    writer.reopen()
    writer.append('b\n')
    await writer.settled()
    expect(readFileSync(`${path}.opens`, 'utf8')).toBe('..')
    const waiting = new Promise((resolve) => writer.syncLater(resolve))
    writer.close()
    expect(await waiting).toBeInstanceOf(Error)
  })

  it('neither loses, doubles nor reorders over any take-overs and rotations', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 400 }) },
      { weight: 2, arbitrary: fc.constantFrom('take over', 'turn', 'settle') },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const path = freshPath()
        const writer = writerOf(path, { maxSize: 1000 })
        let n = 0
        for (const one of steps) {
          if (typeof one === 'number') {
            writer.append(numbered(n, n + one))
            n += one
          } else if (one === 'take over') expect(writer.takeOver(20_000)).toBe(true)
          else if (one === 'settle') await writer.settled()
          else await new Promise((resolve) => setImmediate(resolve))
        }
        writer.close(20_000)
        expect(everything(path)).toBe(numbered(0, n))
      }),
      { numRuns },
    )
  })
})

describe('a batch before a remote writer', () => {
  it('drops by its own rules what the writer does not take, and goes on when it does', async () => {
    const path = freshPath()
    const release = hold(path)
    const recovered: Loss[] = []
    const writer = writerOf(path, { inFlightLimit: 100, onReady: () => batch.retry() })
    const batch = createBatch({
      commit: writer.append,
      pending: writer.pending,
      bufferLimit: 100,
      retryMs: [1e8, 1e8],
      keepAlive: false,
      onRecovered: (loss) => recovered.push(loss),
    })
    for (let n = 0; n < 100; n++)
      batch.add(`${n % 2 === 0 ? 'info' : 'erro'} ${String(n).padStart(4)}\n`, n % 2 ? 50 : 30)
    batch.flush()
    expect(writer.units).toBe(100)
    expect(batch).toMatchObject({ buffered: 100, dropped: 80 })
    release()
    await batch.drained()
    await writer.settled()
    expect(recovered[0]?.byLevel).toEqual(
      new Map([
        [30, 45],
        [50, 35],
      ]),
    )
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(21)
    await batch.close(0)
  })
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function over(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

function saidBy(child: ChildProcess, text: string): Promise<void> {
  let all = ''
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      all += chunk
      if (all.includes(text)) resolve()
    })
    child.on('close', () => reject(new Error(`it ended without saying '${text}': ${all}`)))
  })
}

let scripts = 0

/** A process of its own that has `writer`, `batch` (info and above) and `numbered`. */
function child(path: string, body: string, maxSize = 1e9, fileBlocks?: number): ChildProcess {
  const script = bundle.script(
    `child-${scripts++}.mjs`,
    `import { createBatch, createRemoteWriter } from './spoor.mjs'
     const ${numbered.name} = ${numbered.toString()}
     const path = ${JSON.stringify(path)}
     let problem = () => {}
     const writer = createRemoteWriter({
       ...${JSON.stringify(settingsOf(path, maxSize))},
       onReady: () => batch.retry(),
       onProblem: (error) => problem(error),
       onLoss: (lines, certain) => console.error('lost', lines, certain),
     })
     const batch = createBatch({
       commit: writer.append,
       pending: writer.pending,
       get retryMs() { return writer.full ? [5, 100] : [1000, 1000] },
       get keepAlive() { return writer.full },
       exitWaitMs: 1000,
       onLoss: (loss, final) => console.error('dropped', loss.dropped, final),
     })
     ${body}`,
  )
  const limited = `${fileBlocks === undefined ? '' : `ulimit -f ${fileBlocks}; `}exec "$0" "$1"`
  return spawn('bash', ['-c', limited, process.execPath, script], { stdio: ['ignore', 'pipe', 'pipe'] })
}

const ENDS: readonly (readonly [string, string, number])[] = [
  ['exit', 'process.exit(0)', 0],
  ['throw', "throw new Error('on purpose')", 1],
  ['end', '', 0],
  ['exit a turn later', 'setImmediate(() => process.exit(0))', 0],
  ['exit in mid-stream', 'setTimeout(() => process.exit(0), 40)', 0],
]

describe('a process that ends after 10,000 appends', () => {
  it.each(ENDS)('loses and doubles nothing: %s', async (_, end, code) => {
    for (const add of [
      'for (let n = 0; n < 10000; n++) writer.append(numbered(n, n + 1))',
      'for (let n = 0; n < 10000; n++) batch.add(numbered(n, n + 1), n % 100 === 0 ? 50 : 30)',
    ]) {
      for (const maxSize of [1e9, 3000]) {
        const path = freshPath()
        const result = await over(child(path, `${add}\n${end}`, maxSize))
        expect(result.stderr.includes('on purpose') ? '' : result.stderr).toBe('')
        expect(result.code).toBe(code)
        expect(everything(path)).toBe(numbered(0, 10_000))
      }
    }
  })

  it('writes what is logged while it exits, behind the rest', async () => {
    const path = freshPath()
    const late = `process.on('exit', () => { batch.add('late\\n', 30); batch.add('latest\\n', 50) })`
    await over(child(path, `${late}; batch.add(numbered(0, 10000), 30); process.exit(0)`))
    expect(everything(path)).toBe(`${numbered(0, 10_000)}late\nlatest\n`)
  })

  it('ends though its thread lives, and tells what the disk did not take', async () => {
    const path = freshPath()
    mkdirSync(path)
    const result = await over(child(path, 'writer.append(numbered(0, 10))'))
    expect(result).toMatchObject({ code: 0, stderr: 'lost 10 true\n' })
  })

  it('waits at exit for the write that its thread is in', async () => {
    const path = freshPath()
    hold(path)
    const result = await over(
      child(
        path,
        `const { existsSync, rmSync } = await import('node:fs')
         batch.add(numbered(0, 10), 50)
         while (!existsSync(path + '.held')) await new Promise((resolve) => setImmediate(resolve))
         batch.add(numbered(10, 20), 30)
         // Let go in the middle of the wait, whose steps are the only ones of 5 ms.
         const { wait } = Atomics
         let steps = 0
         Atomics.wait = (...args) => {
           if (args[3] === 5 && ++steps === 10) rmSync(path + '.hold')
           return wait(...args)
         }
         process.exit(0)`,
      ),
    )
    expect(result.stderr).toBe('')
    expect(everything(path)).toBe(numbered(0, 20))
  })

  it('tells as in doubt what a write has that does not come back', async () => {
    const path = freshPath()
    const release = hold(path)
    const process_ = child(
      path,
      `writer.append(numbered(0, 10))
       const { existsSync } = await import('node:fs')
       while (!existsSync(path + '.held')) await new Promise((resolve) => setImmediate(resolve))
       batch.add(numbered(10, 11), 30)
       process.exit(0)`,
    )
    const ended = over(process_)
    await saidBy(process_, 'lost 10 false')
    release()
    expect(await ended).toMatchObject({ code: 0 })
  })
})

describe('a write of the thread that comes back short', () => {
  // RLIMIT_FSIZE gives real short writes without a disk to fill, and moving the file away gives room again.
  it('is gone on with at the line where it stopped, whoever does it', async () => {
    const path = freshPath()
    const process_ = child(
      path,
      `const { existsSync, renameSync } = await import('node:fs')
       let moved = 0
       const move = () => existsSync(path) && renameSync(path, path + '.' + ++moved)
       writer.append(numbered(0, 1000))
       writer.append(numbered(1000, 2000))
       const alive = setInterval(() => {}, 1e6)
       await new Promise((resolve) => (problem = resolve))
       for (move(); moved < 2; move()) if (writer.takeOver(1000)) throw new Error('no short write')
       // The thread's turn again: its pause is a second.
       await writer.settled()
       clearInterval(alive)
       console.log(moved)`,
      1e9,
      8,
    )
    const result = await over(process_)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const moved = Number(result.stdout)
    const files = Array.from({ length: moved }, (_, i) => `${path}.${i + 1}`).concat(path)
    const whole = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1))
    expect(`${whole.join('\n')}\n`).toBe(numbered(0, 2000))
  })
})

describe('SIGKILL', () => {
  it('leaves a prefix of whole lines with all that was confirmed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), async (ms) => {
        const path = freshPath()
        const process_ = child(
          path,
          `const { writeSync } = await import('node:fs')
           for (let n = 0; ; n += 100) {
             writer.append(numbered(n, n + 100))
             if (n % 1000 !== 0) continue
             await writer.settled()
             writeSync(1, n + 100 + '\\n')
           }`,
          200_000,
        )
        const ended = over(process_)
        await new Promise((resolve) => process_.stdout?.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, ms))
        process_.kill('SIGKILL')
        const { stdout, stderr } = await ended
        expect(stderr).toBe('')
        const confirmed = Number(stdout.trimEnd().split('\n').at(-1))
        const text = everything(path)
        const count = text.split('\n').length - 1
        expect(text).toBe(numbered(0, count))
        expect(count).toBeGreaterThanOrEqual(confirmed)
      }),
      { numRuns: kills },
    )
  })
})

describe('what a dead thread wrote', () => {
  it('is found behind the mark only, line by line, whatever others wrote in between', () => {
    const path = freshPath()
    writeFileSync(path, 'a\nb\n')
    const mark = { sequence: 1, ino: Number(statOf(path)), size: 4 }
    expect(unitsFound(path, mark, 'a\nb\nc\n')).toBe(0)
    writeFileSync(path, 'a\nb\nother\nxa\na\nother\nb\nc', { flag: 'r+' })
    expect(unitsFound(path, mark, 'a\nb\nc\n')).toBe(4)
    expect(unitsFound(path, mark, 'er\n')).toBe(0)
    writeFileSync(path, 'a\nb\nü\nc', { flag: 'r+' })
    expect(unitsFound(path, mark, 'ü\nc\n')).toBe(2)
  })
})

function statOf(path: string): string {
  return execFileSync('stat', ['-c', '%i', path], { encoding: 'utf8' })
}
