import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, run, said } from './child.ts'

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['transports/console.ts', 'transports/file.ts', 'transports/stream.ts', 'config/exit.ts'])
})
afterAll(() => bundle.remove())

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const records = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
const numbers = (text: string) => records(text).map(({ n }) => n)

const PRELUDE = `import { consoleTransport, fileTransport, exitNow } from './spoor.mjs'
  import { writeSync } from 'node:fs'
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const tell = (text) => writeSync(2, text + '\\n')
  let n = 0
  const line = (pad = 200) => JSON.stringify({ n: n++, pad: 'x'.repeat(pad) }) + '\\n'
  const wrap = () => { const real = process.stdout.write.bind(process.stdout); process.stdout.write = (...a) => real(...a) }
`

/** Stdout a pipe whose reader reads nothing until `open` is called. */
function stopped(script: string) {
  const gate = join(temporaryDirectory(), 'gate')
  execFileSync('mkfifo', [gate])
  const command = `"$0" "$1" | { read -r go < "$2"; cat; }; echo "code \${PIPESTATUS[0]}" >&2`
  const child = spawn('bash', ['-c', command, process.execPath, script, gate], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, stderr: child.stderr as NodeJS.ReadableStream, open: () => writeFileSync(gate, 'go\n') }
}

describe('the first record of all, made in an exit handler,', () => {
  const source = `${PRELUDE} process.on('exit', () => consoleTransport({ format: 'json' }).write(line(), 30))`

  it('is written', async () => {
    expect(numbers((await run(bundle.script('bye.mjs', source))).stdout)).toEqual([0])
  })

  it('is written in a worker', async () => {
    const worker = bundle.script('bye-worker.mjs', source)
    const main = `import { Worker } from 'node:worker_threads'; new Worker(${JSON.stringify(worker)})`
    expect(numbers((await run(bundle.script('bye-main.mjs', main))).stdout)).toEqual([0])
  })
})

describe('a process.stdout.write that somebody has wrapped', () => {
  it('does not end the process when the reader goes', async () => {
    const script = bundle.script(
      'wrapped-gone.mjs',
      `${PRELUDE} wrap()
       const out = consoleTransport({ format: 'json' })
       for (let i = 0; i < 2000; i++) { out.write(line(), 30); await turn() }
       await out.flush()
       tell('held ' + out.stats().buffered + ' lost ' + (out.stats().dropped > 0))`,
    )
    const command = `"$0" "$1" | head -n 1; echo "code \${PIPESTATUS[0]}" >&2`
    const { stdout, stderr } = await ended(
      spawn('bash', ['-c', command, process.execPath, script], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    expect(numbers(stdout)).toEqual([0])
    expect(stderr).toContain('held 0 lost true')
    expect(stderr).toContain('code 0')
  })

  it('costs bounded memory when the reader stops, and every record is written or counted', async () => {
    const script = bundle.script(
      'wrapped-slow.mjs',
      `${PRELUDE} wrap()
       const out = consoleTransport({ format: 'json', bufferLimit: 300_000 })
       for (let i = 0; i < 3000; i++) { out.write(line(1000), i % 100 === 0 ? 40 : 20); if (i % 10 === 0) await turn() }
       tell('held ' + (process.stdout.writableLength + out.stats().buffered) + ' dropped ' + out.stats().dropped + '.')`,
    )
    const { child, stderr, open } = stopped(script)
    const heard = await said(stderr, 'held ')
    const [, held, dropped] = /held (\d+) dropped (\d+)/.exec(heard) ?? []
    expect(Number(held)).toBeLessThan(500_000)
    expect(Number(dropped)).toBeGreaterThan(0)
    const over = ended(child)
    open()
    const found = records((await over).stdout)
    expect(found.pop()).toMatchObject({ component: 'spoor', dropped: Number(dropped) })
    expect(found).toHaveLength(3000 - Number(dropped))
  })

  it('may log what it is given: it is passed by from then on', async () => {
    const script = bundle.script(
      'loop.mjs',
      `${PRELUDE}
       const out = consoleTransport({ format: 'json' })
       let calls = 0
       process.stdout.write = (text) => { calls++; out.write(JSON.stringify({ again: String(text) }) + '\\n', 30); return true }
       process.stdout.write('hello')
       for (let i = 0; i < 50; i++) await turn()
       out.write(line(), 50)
       tell('calls ' + calls)`,
    )
    const { stdout, stderr } = await run(script)
    const first = `${JSON.stringify({ again: 'hello' })}\n`
    expect(records(stdout)).toEqual([{ again: first }, { n: 0, pad: 'x'.repeat(200) }])
    expect(stderr).toContain('calls 2')
    expect(stderr.match(/logs what it is given/g)).toHaveLength(1)
  })
})

describe('a pipe whose reader is slow', () => {
  it('gets the long lines of two transports, and of stderr beside it, untorn', async () => {
    const script = bundle.script(
      'two.mjs',
      `${PRELUDE}
       const outs = [1, 1, 5].map((fd) => consoleTransport({ format: 'json', fd }))
       for (let i = 0; i < 300; i++) { outs[i % 3].write(line(9000), 30); if (i % 10 === 0) await turn() }
       setTimeout(() => tell('done'))`,
    )
    const gate = join(temporaryDirectory(), 'gate')
    execFileSync('mkfifo', [gate])
    const command = `"$0" "$1" 5>&1 | { read -r go < "$2"; cat; }`
    const child = spawn('bash', ['-c', command, process.execPath, script, gate], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await said(child.stderr as NodeJS.ReadableStream, 'done')
    const over = ended(child)
    writeFileSync(gate, 'go\n')
    expect(numbers((await over).stdout).sort((a, b) => a - b)).toEqual(upTo(300))
  })

  it('named by LOG_FILE gets every record whole, in order, and none twice', async () => {
    const script = bundle.script(
      'file-pipe.mjs',
      `${PRELUDE}
       const out = fileTransport({ path: '/dev/stdout' })
       for (let i = 0; i < 1000; i++) { out.write(line(i % 20 === 0 ? 9000 : 700), 30); if (i % 10 === 0) await turn() }
       setTimeout(() => tell('done'))`,
    )
    const { child, stderr, open } = stopped(script)
    await said(stderr, 'done')
    const over = ended(child)
    open()
    expect(numbers((await over).stdout)).toEqual(upTo(1000))
  })

  it('is waited for at a signal that LOG_SIGNALS=flush takes, and what is given up is told', async () => {
    const script = bundle.script(
      'signal.mjs',
      `${PRELUDE}
       const out = consoleTransport({ format: 'json' })
       process.once('SIGTERM', () => { exitNow(); process.kill(process.pid, 'SIGTERM') })
       for (let i = 0; i < 1000; i++) out.write(line(), 30)
       setTimeout(() => process.kill(process.pid, 'SIGTERM'))
       setInterval(() => {}, 1e6)`,
    )
    const { child, stderr, open } = stopped(script)
    const lost = Number(/(\d+) of the console's records/.exec(await said(stderr, 'were lost'))?.[1])
    const over = ended(child)
    open()
    const { stdout, stderr: code } = await over
    expect(numbers(stdout)).toEqual(upTo(1000 - lost))
    expect(code).toContain('code 143')
  })

  it('is waited for once at exit, however many transports there are', async () => {
    const script = bundle.script(
      'five.mjs',
      `${PRELUDE}
       const { wait } = Atomics
       let waits = 0
       Atomics.wait = (...given) => { waits++; return wait(...given) }
       for (let i = 0; i < 5; i++) consoleTransport({ format: 'json' }).write(line(100_000), 30)
       process.on('exit', () => tell('waits ' + waits + '.'))
       process.exit()`,
    )
    const { child, stderr, open } = stopped(script)
    const waits = Number(/waits (\d+)/.exec(await said(stderr, 'waits'))?.[1])
    const over = ended(child)
    open()
    await over
    // Steps of 5 ms: one second for all.
    expect(waits).toBe(200)
  })
})

describe("node:test's timers", () => {
  it('do not stop the flush', async () => {
    const script = bundle.script(
      'mock.mjs',
      `${PRELUDE} import { mock } from 'node:test'
       const real = setImmediate
       const out = consoleTransport({ format: 'json' })
       mock.timers.enable({ apis: ['setImmediate', 'setTimeout'] })
       out.write(line(), 30)
       await new Promise((resolve) => real(() => real(resolve)))
       mock.timers.reset()
       out.write(line(), 30)
       await new Promise((resolve) => real(() => real(resolve)))
       process.kill(process.pid, 'SIGKILL')`,
    )
    expect(numbers((await run(script)).stdout)).toEqual([0, 1])
  })
})

describe('a file that can not be written until the process exits', () => {
  it('is told lost, and not written again', async () => {
    const script = bundle.script(
      'never.mjs',
      `${PRELUDE}
       const out = fileTransport({ path: ${JSON.stringify(temporaryDirectory())} })
       for (let i = 0; i < 3; i++) out.write(line(), 30)
       process.on('exit', () => out.flushSync())`,
    )
    const { stderr } = await run(script)
    expect(stderr).toContain('3 records for')
    expect(stderr).not.toContain('written again')
  })
})
