import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs, {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { hasZstd } from '../../../src/segments/compression.ts'
import { type CompressJob, compressFile } from '../../../src/segments/upkeep/compress.ts'
import { createCompressor } from '../../../src/segments/upkeep/compressor.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const runs = Number(process.env.SPOOR_RUNS ?? 6)
const NAME = 'app-2026-11-21.001.log'
const WRITTEN = Date.parse('2026-11-21T10:00:00.123Z') / 1000
const bundle = bundleOf(['segments/upkeep/compress.ts'])
afterAll(() => bundle.remove())
afterEach(() => vi.restoreAllMocks())

function linesOf(count: number, from = 0): string {
  return Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ n: from + n, pad: 'ü'.repeat(20) })}\n`,
  ).join('')
}

function doneFile(content: string, name = NAME) {
  const directory = temporaryDirectory()
  const file = join(directory, name)
  writeFileSync(file, content, { mode: 0o640 })
  utimesSync(file, WRITTEN, WRITTEN)
  const at = (other: string) => join(directory, other)
  return { directory, file, at, names: () => readdirSync(directory).sort() }
}

function jobFor(file: string, rest: Partial<CompressJob> = {}): CompressJob {
  const { ino, size, mtimeMs } = statSync(file)
  return { path: join(file, '../app.log'), name: NAME, ino, size, mtimeMs, format: 'gzip', ...rest }
}

function unzipped(file: string): string {
  return gunzipSync(readFileSync(file)).toString()
}

/** Does something once, right before the `nth` call of one of the functions that touch the directory. */
function meanwhile(
  call: 'rename' | 'link' | 'unlink',
  act: (from: string, to: string) => void,
  nth = 1,
): void {
  const original = fs.promises[call] as (from: string, to: string) => Promise<void>
  let calls = 0
  vi.spyOn(fs.promises, call).mockImplementation(async (...paths: unknown[]) => {
    const [from, to] = paths as [string, string]
    if (++calls === nth) act(from, to)
    return original(from, to)
  })
}

describe('compressing', () => {
  it('leaves the whole file under its compressed name, with its mode and time, and nothing else', async () => {
    const content = linesOf(50_000)
    const { file, at, names } = doneFile(content)
    chmodSync(file, 0o604)
    const result = await compressFile(jobFor(file))
    expect(result).toEqual({ outcome: 'compressed', size: statSync(at(`${NAME}.gz`)).size, late: undefined })
    expect(names()).toEqual([`${NAME}.gz`])
    expect(unzipped(at(`${NAME}.gz`))).toBe(content)
    expect(statSync(at(`${NAME}.gz`)).mode & 0o777).toBe(0o604)
    expect(Math.abs(statSync(at(`${NAME}.gz`)).mtimeMs - WRITTEN * 1000)).toBeLessThan(1)
  })

  it('piece by piece, where its thread has nothing else to do: any gunzip reads it', async () => {
    const content = linesOf(60_000)
    const { file, at } = doneFile(content)
    expect(content.length).toBeGreaterThan(2 * 1024 * 1024)
    expect(await compressFile(jobFor(file), undefined, true)).toMatchObject({ outcome: 'compressed' })
    const packed = readFileSync(at(`${NAME}.gz`))
    expect(gunzipSync(packed).toString()).toBe(content)
    // One stream and no row of members, which would be a fifth larger.
    expect(packed.length).toBeLessThan(gzipSync(content).length * 1.05)
  })

  it.each([0, 1, 16_383, 16_384, 16_385, 49_152, 49_153])('piece by piece, %s bytes', async (bytes) => {
    const content = randomBytes(bytes).toString('latin1').slice(0, bytes)
    const { file, at } = doneFile('')
    writeFileSync(file, content, 'latin1')
    utimesSync(file, WRITTEN, WRITTEN)
    expect(await compressFile(jobFor(file), undefined, true)).toMatchObject({ outcome: 'compressed' })
    expect(gunzipSync(readFileSync(at(`${NAME}.gz`))).toString('latin1')).toBe(content)
  })

  it.skipIf(!hasZstd())('makes zstd', async () => {
    const { file, names } = doneFile(linesOf(1000))
    expect(await compressFile(jobFor(file, { format: 'zstd' }))).toMatchObject({ outcome: 'compressed' })
    expect(names()).toEqual([`${NAME}.zst`])
  })

  it.skipIf(hasZstd())('says so where there is no zstd, and keeps the file', async () => {
    const { file, names } = doneFile(linesOf(10))
    const result = await compressFile(jobFor(file, { format: 'zstd' }))
    expect(result).toMatchObject({
      outcome: 'failed',
      message: 'this Node writes no zstd; from 22.15 on it does',
    })
    expect(names()).toEqual([NAME])
  })

  it('removes the original only when the copy is whole', async () => {
    const content = linesOf(20_000)
    const { file, at } = doneFile(content)
    const seen: string[] = []
    meanwhile('rename', (from) => {
      if (from === file) seen.push(unzipped(at(`${NAME}.gz`)))
    })
    await compressFile(jobFor(file))
    expect(seen).toEqual([content])
  })

  it('leaves a file that is gone, another one, or not what it was', async () => {
    const { file, names, directory } = doneFile(linesOf(10))
    const job = jobFor(file)
    expect(await compressFile({ ...job, ino: job.ino + 1 })).toEqual({ outcome: 'changed' })
    expect(await compressFile({ ...job, size: job.size - 1 })).toEqual({ outcome: 'changed' })
    expect(await compressFile({ ...job, mtimeMs: 1 })).toEqual({ outcome: 'changed' })
    expect(names()).toEqual([NAME])
    renameSync(file, join(directory, 'elsewhere'))
    expect(await compressFile(job)).toEqual({ outcome: 'gone' })
    symlinkSync(join(directory, 'elsewhere'), file)
    expect(await compressFile(job)).toMatchObject({ outcome: 'failed', code: 'ELOOP' })
  })

  it('keeps a file that is written to before its copy gets its name', async () => {
    const content = linesOf(5000)
    const { file, names } = doneFile(content)
    const job = jobFor(file)
    const running = compressFile(job)
    appendFileSync(file, 'late\n')
    expect(await running).toEqual({ outcome: 'changed' })
    expect(names()).toEqual([NAME])
    expect(readFileSync(file, 'utf8')).toBe(`${content}late\n`)
  })

  it('keeps a file that is written to after its copy got its name, and does it again over the copy', async () => {
    const content = linesOf(5000)
    const { file, at, names } = doneFile(content)
    meanwhile('rename', () => appendFileSync(file, 'late\n'))
    expect(await compressFile(jobFor(file))).toEqual({ outcome: 'changed' })
    vi.restoreAllMocks()
    expect(names()).toEqual([NAME, `${NAME}.gz`])
    expect(readFileSync(file, 'utf8')).toBe(`${content}late\n`)
    expect(await compressFile(jobFor(file))).toMatchObject({ outcome: 'compressed' })
    expect(names()).toEqual([`${NAME}.gz`])
    expect(unzipped(at(`${NAME}.gz`))).toBe(`${content}late\n`)
  })

  it('gives what is written in the very last moment a file of its own', async () => {
    const content = linesOf(5000)
    const { file, at, names } = doneFile(content)
    meanwhile(
      'unlink',
      (from) => {
        // The hidden copy's second name goes first, then the original.
        appendFileSync(from, 'late\n')
      },
      2,
    )
    const result = await compressFile(jobFor(file))
    vi.restoreAllMocks()
    expect(result).toMatchObject({ outcome: 'compressed', late: at('app-2026-11-21.002.log') })
    expect(names()).toEqual([`${NAME}.gz`, 'app-2026-11-21.002.log'])
    expect(unzipped(at(`${NAME}.gz`))).toBe(content)
    expect(readFileSync(at('app-2026-11-21.002.log'), 'utf8')).toBe('late\n')
  })

  it('puts another file back that has got its name in between', async () => {
    const { file, at, names } = doneFile(linesOf(500))
    meanwhile('rename', () => {
      unlinkSync(file)
      writeFileSync(file, 'somebody else\n')
    })
    expect(await compressFile(jobFor(file))).toEqual({ outcome: 'changed' })
    vi.restoreAllMocks()
    expect(names()).toEqual([NAME, `${NAME}.gz`])
    expect(readFileSync(at(NAME), 'utf8')).toBe('somebody else\n')
  })

  it('replaces what a crash has left: a whole copy, one of the beginning, an empty one', async () => {
    const content = linesOf(2000)
    for (const left of [gzipSync(content), gzipSync(content.slice(0, 500)), Buffer.alloc(0)]) {
      const { file, at, names } = doneFile(content)
      writeFileSync(at(`${NAME}.gz`), left)
      expect(await compressFile(jobFor(file))).toMatchObject({ outcome: 'compressed' })
      expect(names()).toEqual([`${NAME}.gz`])
      expect(unzipped(at(`${NAME}.gz`))).toBe(content)
    }
  })

  it('never replaces a compressed file of other content: the plain one takes another number', async () => {
    const content = linesOf(2000)
    const others = [
      gzipSync(linesOf(2000, 7)),
      gzipSync(`${content}more\n`),
      gzipSync(content).subarray(0, 40),
      Buffer.from('no gzip'),
    ]
    for (const other of others) {
      const { file, at, names } = doneFile(content)
      writeFileSync(at(`${NAME}.gz`), other)
      expect(await compressFile(jobFor(file))).toEqual({ outcome: 'renamed' })
      expect(names()).toEqual([`${NAME}.gz`, 'app-2026-11-21.002.log'])
      expect(readFileSync(at(`${NAME}.gz`)).equals(other)).toBe(true)
      expect(readFileSync(at('app-2026-11-21.002.log'), 'utf8')).toBe(content)
    }
  })

  it('yields to a copy in the other format that another process has finished', async () => {
    const { file, at, names } = doneFile(linesOf(200))
    meanwhile('rename', () => {
      writeFileSync(at(`${NAME}.zst`), 'theirs')
      unlinkSync(file)
    })
    expect(await compressFile(jobFor(file))).toEqual({ outcome: 'gone' })
    expect(names()).toEqual([`${NAME}.zst`])
  })

  it('does without hard links', async () => {
    const content = linesOf(2000)
    const { file, at, names } = doneFile(content)
    vi.spyOn(fs.promises, 'link').mockRejectedValue(Object.assign(new Error('no links'), { code: 'EPERM' }))
    expect(await compressFile(jobFor(file))).toMatchObject({ outcome: 'compressed' })
    expect(names()).toEqual([`${NAME}.gz`])
    expect(unzipped(at(`${NAME}.gz`))).toBe(content)
  })

  it('stops when it is told to, and leaves all as it was', async () => {
    const content = linesOf(100_000)
    const { file, names } = doneFile(content)
    const stopping = new AbortController()
    const running = compressFile(jobFor(file), stopping.signal)
    setImmediate(() => stopping.abort())
    expect(await running).toEqual({ outcome: 'cancelled' })
    expect(names()).toEqual([NAME])
    expect(readFileSync(file, 'utf8')).toBe(content)
  })

  it("works under Node's permission model, and gives nobody more", () => {
    const content = linesOf(100)
    const { directory, file, at, names } = doneFile(content)
    chmodSync(file, 0o604)
    const script = bundle.script(
      'permission.mjs',
      `import { compressFile } from './spoor.mjs'
       process.umask(0)
       console.log(JSON.stringify(await compressFile(JSON.parse(process.argv[2]))))`,
    )
    const flag = ['--permission', '--experimental-permission'].find((one) =>
      process.allowedNodeEnvironmentFlags.has(one),
    )
    const child = spawnSync(
      process.execPath,
      [
        ...[flag as string, '--allow-fs-read=*', `--allow-fs-write=${directory}/*`, script],
        JSON.stringify(jobFor(file)),
      ],
      { encoding: 'utf8' },
    )
    expect(JSON.parse(child.stdout), child.stderr).toMatchObject({ outcome: 'compressed' })
    expect(names()).toEqual([`${NAME}.gz`])
    expect(unzipped(at(`${NAME}.gz`))).toBe(content)
    expect(statSync(at(`${NAME}.gz`)).mode & ~0o604 & 0o777).toBe(0)
    expect(Math.abs(statSync(at(`${NAME}.gz`)).mtimeMs - WRITTEN * 1000)).toBeLessThan(1)
  })

  it('keeps the times where they can be set by name alone', async () => {
    const { file, at, directory } = doneFile(linesOf(10))
    const probe = await fs.promises.open(directory, 'r')
    const handles = Object.getPrototypeOf(probe)
    await probe.close()
    const denied = Object.assign(new Error('disabled'), { code: 'ERR_ACCESS_DENIED' })
    vi.spyOn(handles, 'utimes').mockRejectedValue(denied)
    expect(await compressFile(jobFor(file))).toMatchObject({ outcome: 'compressed' })
    expect(Math.abs(statSync(at(`${NAME}.gz`)).mtimeMs - WRITTEN * 1000)).toBeLessThan(1)
  })

  it('leaves no half copy behind on a disk that is full', () => {
    const { directory, file, names } = doneFile('')
    // Random bytes, which stay as large as they are; RLIMIT_FSIZE is a full disk for one process.
    const script = bundle.script(
      'full.mjs',
      `import { compressFile } from './spoor.mjs'
       import { statSync } from 'node:fs'
       const { ino, size, mtimeMs } = statSync(${JSON.stringify(file)})
       const job = { path: ${JSON.stringify(join(directory, 'app.log'))}, name: ${JSON.stringify(NAME)}, ino, size, mtimeMs, format: 'gzip' }
       console.log(JSON.stringify(await compressFile(job)))`,
    )
    spawnSync('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1024', 'count=64'])
    const content = readFileSync(file)
    const child = spawnSync('bash', ['-c', `ulimit -f 8; exec "${process.execPath}" "${script}"`], {
      encoding: 'utf8',
    })
    expect(JSON.parse(child.stdout)).toMatchObject({ outcome: 'failed', code: 'EFBIG' })
    expect(names()).toEqual([NAME])
    expect(readFileSync(file).equals(content)).toBe(true)
  })

  it('needs no more memory for a large file than for a small one', () => {
    const { directory, file, at } = doneFile('')
    const line = linesOf(1000)
    for (let i = 0; i < 40; i++) appendFileSync(file, line.repeat(20))
    const script = bundle.script(
      'memory.mjs',
      `import { compressFile } from './spoor.mjs'
       import { statSync } from 'node:fs'
       const { ino, size, mtimeMs } = statSync(${JSON.stringify(file)})
       const job = { path: ${JSON.stringify(join(directory, 'app.log'))}, name: ${JSON.stringify(NAME)}, ino, size, mtimeMs, format: 'gzip' }
       const before = process.memoryUsage().rss
       let most = 0
       const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss) }, 5)
       const { outcome } = await compressFile(job)
       clearInterval(timer)
       console.log(JSON.stringify({ outcome, size, more: most - before }))`,
    )
    const child = spawnSync(process.execPath, [script], { encoding: 'utf8' })
    const { outcome, size, more } = JSON.parse(child.stdout)
    expect(outcome).toBe('compressed')
    expect(size).toBeGreaterThan(40e6)
    expect(more).toBeLessThan(size)
    expect(existsSync(at(`${NAME}.gz`))).toBe(true)
  })
})

describe('compressing in several processes, killed at any moment', () => {
  const script = bundle.script(
    'compress.mjs',
    `import { compressFile } from './spoor.mjs'
     console.log('begins')
     const result = await compressFile(JSON.parse(process.argv[2]))
     console.log(JSON.stringify(result))`,
  )

  function start(file: string) {
    const child = spawn(process.execPath, [script, JSON.stringify(jobFor(file))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const began = new Promise((resolve) => child.stdout.once('data', resolve))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    return { child, began, ended }
  }

  it('always leaves the whole file under one name or the other', async () => {
    const content = linesOf(20_000)
    let killed = 0
    for (let run = 0; run < runs; run++) {
      const { file, at, directory } = doneFile(content)
      const { child, began, ended } = start(file)
      await began
      // One kill in two as near as can be to the rename of the original.
      const wait = Math.random() * 40
      const timer = setTimeout(() => child.kill('SIGKILL'), wait)
      const watcher =
        run % 2 === 0
          ? undefined
          : fs.watch(directory, (_, name) => name === `${NAME}.gz` && child.kill('SIGKILL'))
      await ended
      clearTimeout(timer)
      watcher?.close()
      if (child.signalCode === 'SIGKILL') killed++
      const plain = existsSync(file)
      if (plain) expect(readFileSync(file, 'utf8'), `killed after ${wait} ms`).toBe(content)
      if (!plain || existsSync(at(`${NAME}.gz`)))
        expect(unzipped(at(`${NAME}.gz`)), `${wait} ms`).toBe(content)
      if (!plain) continue
      expect(await compressFile(jobFor(file))).toMatchObject({ outcome: 'compressed' })
      expect(unzipped(at(`${NAME}.gz`))).toBe(content)
    }
    expect(killed).toBeGreaterThan(0)
  })

  it('two at once: one file is left, and it is whole', async () => {
    const content = linesOf(5000)
    for (let run = 0; run < runs; run++) {
      const { file, at, names } = doneFile(content)
      const both = [start(file), start(file)]
      await Promise.all(both.map(({ ended }) => ended))
      // Whoever came late may have found the file gone.
      expect(names().filter((name) => name !== NAME)).toEqual([`${NAME}.gz`])
      expect(unzipped(at(`${NAME}.gz`))).toBe(content)
      rmSync(file, { force: true })
    }
  })
})

describe('a compressor', () => {
  const thread = join(bundle.path, '../spoor-thread.mjs')
  buildSync({
    entryPoints: [join(import.meta.dirname, '../../../src/segments/thread.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: thread,
  })

  function compressorWith(file: string | undefined) {
    const stopping = new AbortController()
    const lost: string[] = []
    const compressor = createCompressor({
      file,
      signal: stopping.signal,
      onThreadLost: ({ message }) => lost.push(message),
    })
    return { compressor, lost, stopping }
  }

  it.each(['a thread', 'this thread'])('works in %s', async (where) => {
    const { compressor, lost } = compressorWith(where === 'a thread' ? thread : undefined)
    for (const name of ['one', 'two']) {
      const { file, names } = doneFile(linesOf(100))
      expect(await compressor.compress(jobFor(file)), name).toMatchObject({ outcome: 'compressed' })
      expect(names()).toEqual([`${NAME}.gz`])
    }
    await compressor.end()
    expect(lost).toEqual([])
  })

  it.each([
    ['can not be started', '/no/such/thread.js'],
    ['throws', bundle.script('throws.mjs', "throw new Error('broken')")],
    [
      'ends',
      bundle.script(
        'ends.mjs',
        "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(3))",
      ),
    ],
  ])('goes on without a thread that %s, and tells it once', async (_, entry) => {
    const { compressor, lost } = compressorWith(entry)
    for (let i = 0; i < 2; i++) {
      const { file } = doneFile(linesOf(100))
      expect(await compressor.compress(jobFor(file))).toMatchObject({ outcome: 'compressed' })
    }
    await compressor.end()
    expect(lost).toHaveLength(1)
  })

  it('stops what its thread does', async () => {
    const { compressor, stopping } = compressorWith(thread)
    const { file, names } = doneFile(linesOf(200_000))
    const running = compressor.compress(jobFor(file))
    // Its hidden copy is there: it is at work.
    await vi.waitFor(() => expect(names()).toHaveLength(2))
    stopping.abort()
    expect(await running).toEqual({ outcome: 'cancelled' })
    await compressor.end()
    expect(names()).toEqual([NAME])
  })

  it('does not hold the process', () => {
    const both = bundleOf(['segments/upkeep/compressor.ts', 'segments/upkeep/compress.ts'])
    const { file, directory } = doneFile('')
    writeFileSync(file, linesOf(200_000))
    const child = spawnSync(
      process.execPath,
      [
        both.script(
          'unheld.mjs',
          `import { createCompressor } from './spoor.mjs'
           import { statSync } from 'node:fs'
           const { ino, size, mtimeMs } = statSync(${JSON.stringify(file)})
           const compressor = createCompressor({ file: ${JSON.stringify(thread)}, signal: new AbortController().signal, onThreadLost() {} })
           compressor.compress({ path: ${JSON.stringify(join(directory, 'app.log'))}, name: ${JSON.stringify(NAME)}, ino, size, mtimeMs, format: 'gzip' })
             .then(() => console.log('waited for'))`,
        ),
      ],
      { encoding: 'utf8', timeout: 20_000 },
    )
    both.remove()
    expect(child).toMatchObject({ stdout: '', stderr: '', status: 0 })
    expect(existsSync(file)).toBe(true)
    linkSync(file, join(directory, 'still here'))
  })
})
