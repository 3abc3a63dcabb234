import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, run, said, withBundle } from './child.ts'

const bundle = withBundle()
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const numbers = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).n)

const PRELUDE = `import { consoleTransport } from './spoor.mjs'
  import { writeSync } from 'node:fs'
  const out = consoleTransport({ format: 'json' })
  let n = 0
  const log = (level = 30, pad = 200) => out.write(JSON.stringify({ n: n++, pad: 'x'.repeat(pad) }) + '\\n', level)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const tell = (text) => writeSync(2, text + '\\n')
`

/** Runs a script with stdout a real pipe whose reader reads nothing until `open` is called. */
function pipedToStoppedReader(script: string) {
  const gate = join(temporaryDirectory(), 'gate')
  execFileSync('mkfifo', [gate])
  // The shell is bash, so that `read` waits on the FIFO while the pipe stays open.
  const command = `"$0" "$1" | { read -r go < "$2"; cat; }; echo "code \${PIPESTATUS[0]}" >&2`
  const child = spawn('bash', ['-c', command, process.execPath, script, gate], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, open: () => writeFileSync(gate, 'go\n') }
}

/** The same with the socket that child_process gives, as PM2 does; Node reads it from the first listener on. */
function socketToStoppedReader(script: string) {
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] })
  return { child, open: () => {} }
}

describe.each([
  ['a pipe', pipedToStoppedReader],
  ['a socket', socketToStoppedReader],
])('a reader that has stopped, on %s', (_name, start) => {
  it('costs neither a record, nor the order, nor the event loop', async () => {
    // It tells that it is alive from a timer, while nobody has read yet; lines past 4,096 bytes are cut up.
    const script = bundle().script(
      'slow.mjs',
      `${PRELUDE}
       for (let i = 0; i < 4000; i++) { log(30 + (i % 3) * 10, i % 50 === 0 ? 9000 : 200); if (i % 100 === 0) await turn() }
       process.prependListener('exit', () => tell('left ' + out.stats().buffered + '.'))
       setTimeout(() => tell('alive, holding ' + out.stats().buffered))`,
    )
    const { child, open } = start(script)
    const heard = await said(child.stderr as NodeJS.ReadableStream, 'alive')
    expect(Number(/holding (\d+)/.exec(heard)?.[1])).toBeGreaterThan(100_000)
    const over = ended(child)
    open()
    const { stdout, stderr } = await over
    expect(numbers(stdout)).toEqual(upTo(4000))
    // It stayed alive until all was read, and did not leave it to the moment of its exit.
    expect(stderr).toContain('left 0.')
  })

  it('does not make it spin: it tries again a few times a second', async () => {
    const script = bundle().script(
      'idle.mjs',
      `import fs from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       let tries = 0
       const { writeSync } = fs
       fs.writeSync = (fd, ...rest) => { if (fd !== 2) tries++; return writeSync(fd, ...rest) }
       syncBuiltinESMExports()
       const { consoleTransport } = await import('./spoor.mjs')
       const out = consoleTransport({ format: 'json' })
       for (let i = 0; i < 4000; i++) out.write('"' + 'x'.repeat(200) + '"\\n', 30)
       await new Promise((resolve) => setImmediate(resolve))
       tries = 0
       setTimeout(() => writeSync(2, 'tried ' + tries + '.'), 600)`,
    )
    const { child, open } = start(script)
    const heard = await said(child.stderr as NodeJS.ReadableStream, '.')
    const tries = Number(/tried (\d+)/.exec(heard)?.[1])
    expect(tries).toBeGreaterThan(0)
    expect(tries).toBeLessThan(60)
    const over = ended(child)
    open()
    await over
  })
})

describe('a reader that never reads', () => {
  it('until the process exits still gets everything, if it begins then', async () => {
    const script = bundle().script(
      'late.mjs',
      `${PRELUDE} for (let i = 0; i < 4000; i++) log()
       process.prependListener('exit', () => tell('exiting'))
       process.exit(0)`,
    )
    const { child, open } = pipedToStoppedReader(script)
    await said(child.stderr as NodeJS.ReadableStream, 'exiting')
    const over = ended(child)
    open()
    expect(numbers((await over).stdout)).toEqual(upTo(4000))
  })

  it.each([
    ['short', 200],
    ['long, one of them cut in half', 9000],
  ])('is waited for at exit, then what is lost is told exactly: %s lines', async (_name, pad) => {
    const script = bundle().script(
      'exit.mjs',
      `${PRELUDE} for (let i = 0; i < 1000; i++) log(30, ${pad}); process.exit(0)`,
    )
    const { child, open } = pipedToStoppedReader(script)
    const heard = await said(child.stderr as NodeJS.ReadableStream, 'were lost')
    const lost = Number(/(\d+) of the console's records were lost/.exec(heard)?.[1])
    const over = ended(child)
    open()
    const { stdout } = await over
    const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
    expect(lost).toBeGreaterThan(0)
    expect(numbers(whole)).toEqual(upTo(1000 - lost))
    expect(heard.includes('1 cut in half')).toBe(whole !== stdout)
    expect(whole !== stdout).toBe(pad > 4096)
  })

  it('costs bounded memory: past 16 MiB the lowest levels go first, and the records say so', async () => {
    const script = bundle().script(
      'bound.mjs',
      `${PRELUDE}
       const small = consoleTransport({ format: 'json', bufferLimit: 300_000 })
       for (let i = 0; i < 3000; i++) small.write(JSON.stringify({ n: n++, pad: 'x'.repeat(200) }) + '\\n', i % 10 === 0 ? 40 : 20)
       await turn()
       tell('dropped ' + small.stats().dropped + ' holding ' + small.stats().buffered + '.')`,
    )
    const { child, open } = pipedToStoppedReader(script)
    const heard = await said(child.stderr as NodeJS.ReadableStream, 'holding')
    const dropped = Number(/dropped (\d+)/.exec(heard)?.[1])
    expect(Number(/holding (\d+)/.exec(heard)?.[1])).toBeLessThanOrEqual(300_000)
    const over = ended(child)
    open()
    const { stdout } = await over
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records.pop()).toMatchObject({ component: 'spoor', dropped, dropped_by_level: { debug: dropped } })
    expect(records).toHaveLength(3000 - dropped)
    const warnings = records.filter(({ n }) => n % 10 === 0)
    expect(warnings).toHaveLength(300)
  })
})

describe('a reader that has gone', () => {
  it('stops nothing: one line on stderr, the rest is counted', async () => {
    const script = bundle().script(
      'gone.mjs',
      `${PRELUDE}
       for (let i = 0; i < 5000; i++) { log(i % 2 ? 30 : 50); await turn() }
       tell('sum ' + (out.stats().dropped > 4000) + ' ' + out.stats().buffered)
       process.exitCode = 7`,
    )
    const command = `"$0" "$1" | head -n 1; echo "code \${PIPESTATUS[0]}" >&2`
    const child = spawn('bash', ['-c', command, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { stdout, stderr } = await ended(child)
    expect(numbers(stdout)).toEqual([0])
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toContain('EPIPE')
    expect(lines.slice(1)).toEqual(['sum true 0', 'code 7'])
  })
})

describe('stdout', () => {
  it.each([
    ['process.exit', 'process.exit()'],
    ['an exception', 'throw new Error("x")'],
    ['the end of the program', ''],
    ['SIGKILL a turn later', "await turn(); process.kill(process.pid, 'SIGKILL')"],
  ])('has every record after %s', async (_name, death) => {
    const { stdout } = await run(
      bundle().script('death.mjs', `${PRELUDE} for (let i = 0; i < 100; i++) log(); ${death}`),
    )
    expect(numbers(stdout)).toEqual(upTo(100))
  })

  it('that somebody has put his own write into gets the lines through it', async () => {
    const script = bundle().script(
      'tampered.mjs',
      `${PRELUDE}
       let seen = ''
       log(50, 0)
       const real = process.stdout.write
       process.stdout.write = (text) => { seen += text; return true }
       log(50, 0)
       log(30, 0)
       await turn()
       delete process.stdout.write
       log(50, 0)
       tell(JSON.stringify(seen.split('\\n').length - 1))`,
    )
    const { stdout, stderr } = await run(script)
    expect(numbers(stdout)).toEqual([0, 3])
    expect(stderr).toBe('2\n')
  })

  it("gets a worker thread's lines at once, whatever the main thread does", async () => {
    const worker = bundle().script(
      'worker.mjs',
      `${PRELUDE} for (let i = 0; i < 100; i++) log(); log(50); tell('done')
      await new Promise((r) => setTimeout(r, 1e6))`,
    )
    const main = bundle().script(
      'main.mjs',
      `import { Worker } from 'node:worker_threads'
       const worker = new Worker(${JSON.stringify(worker)})
       for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)`,
    )
    const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'pipe'] })
    const over = ended(child)
    await said(child.stderr as NodeJS.ReadableStream, 'done')
    child.kill('SIGKILL')
    expect(numbers((await over).stdout)).toEqual(upTo(101))
  })

  it('shared by processes keeps their lines whole, also with a slow reader', async () => {
    const script = bundle().script(
      'sharing.mjs',
      `${PRELUDE} for (let i = 0; i < 2000; i++) { log(30, i % 3000); if (i % 20 === 0) await turn() }`,
    )
    const command = `{ "$0" "$1" & "$0" "$1" & "$0" "$1" & wait; } | { head -c 1000; cat; }`
    const child = spawn('bash', ['-c', command, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { stdout } = await ended(child)
    const found = numbers(stdout).sort((a, b) => a - b)
    expect(found).toEqual(upTo(2000).flatMap((n) => [n, n, n]))
  })

  it('is pretty only when asked or on a terminal, and pino-pretty is loaded only then', async () => {
    const loaded = `import { consoleTransport } from './spoor.mjs'
       import { createRequire } from 'node:module'
       const options = JSON.parse(process.argv[2])
       const out = consoleTransport(options)
       out.write('{"time":"2026-11-21T10:00:00.000Z","level":"info","msg":"hi","a":1}\\n', 50)
       const cache = Object.keys(createRequire(import.meta.url).cache)
       process.stderr.write(String(cache.some((file) => file.includes('pino-pretty'))))`
    const script = bundle().script('format.mjs', loaded)
    const auto = await run(script, ['{}'])
    expect(auto).toMatchObject({ stdout: expect.stringMatching(/^\{"time"/), stderr: 'false' })
    const pretty = await run(script, ['{"format":"pretty","color":false}'])
    expect(pretty).toMatchObject({ stdout: expect.stringMatching(/INFO: hi \{"a":1\}\n$/), stderr: 'true' })
    // script(1) gives the child a terminal.
    const terminal = spawn('script', ['-qec', `"${process.execPath}" "${script}" '{}'`, '/dev/null'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '', TERM: 'xterm' },
    })
    expect((await ended(terminal)).stdout).toContain('\u001b[32mINFO')
  })

  it('that is a file on a full disk or a closed descriptor stops nothing', async () => {
    const script = bundle().script(
      'full.mjs',
      `${PRELUDE} log(50); log(30); await turn(); tell('over'); process.exit()`,
    )
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [script], { stdio: ['ignore', full, 'pipe'] })
    const { code, stderr } = await ended(child)
    closeSync(full)
    expect(code).toBe(0)
    expect(stderr).toContain('over')
    expect(stderr).toMatch(/2 of the console's records were lost .*ENOSPC/)
    const closed = spawn('bash', ['-c', '"$0" "$1" >&-', process.execPath, script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect((await ended(closed)).stderr).toContain('over')
  })

  it('that is a file is appended to', async () => {
    const path = join(temporaryDirectory(), 'out')
    const fd = openSync(path, 'a')
    const script = bundle().script('file.mjs', `${PRELUDE} for (let i = 0; i < 1000; i++) log()`)
    await ended(spawn(process.execPath, [script], { stdio: ['ignore', fd, 'inherit'] }))
    closeSync(fd)
    expect(numbers(readFileSync(path, 'utf8'))).toEqual(upTo(1000))
  })
})
