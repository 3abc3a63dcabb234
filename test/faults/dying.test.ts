import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, run, said, withBundle } from './child.ts'

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 8)
const bundle = withBundle()

/** The numbers of all records under the directory, in the order of their files. */
function numbersIn(directory: string): number[] {
  return numbersOf(textIn(directory))
}

const numbersOf = (text: string): number[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).n)

function textIn(directory: string): string {
  // A file on its way to its done name is younger than the done ones.
  const rank = (name: string): string => (name === 'app.log' ? '2' : name.startsWith('.') ? '1' : `0${name}`)
  const seen = new Set<number>()
  return readdirSync(directory)
    .filter((name) => !name.endsWith('.lock'))
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .filter((name) => {
      // Killed between the link and the unlink it has two names.
      const { ino } = statSync(join(directory, name))
      return !seen.has(ino) && seen.add(ino)
    })
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('')
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

/** A child that logs ten records and then dies as `death` says. */
function dying(death: string): string {
  return bundle().script(
    'dying.mjs',
    `import { fileTransport, createFanout } from './spoor.mjs'
     const fanout = createFanout([fileTransport({ path: process.argv[2] + '/app.log' })])
     let n = 0
     const log = (level = 30) => fanout.writeLine(JSON.stringify({ n: n++ }) + '\\n', level)
     const turn = () => new Promise((resolve) => setImmediate(resolve))
     for (let i = 0; i < 10; i++) log()
     ${death}`,
  )
}

describe('records whose call returned are in the file after', () => {
  it.each([
    ['process.exit', 'process.exit(3)'],
    ['an uncaught exception', 'throw new Error("x")'],
    ['an unhandled rejection', 'Promise.reject(new Error("x"))'],
    ['the end of the program', ''],
  ])('%s, in the same turn', async (_name, death) => {
    const directory = temporaryDirectory()
    await run(dying(death), [directory])
    expect(numbersIn(directory)).toEqual(upTo(10))
  })

  it('process.exit, also those of exit handlers before and after ours, one of which throws', async () => {
    const directory = temporaryDirectory()
    const script = bundle().script(
      'handlers.mjs',
      `import { fileTransport } from './spoor.mjs'
       process.on('exit', () => { log(open()); throw new Error('x') })
       const open = () => fileTransport({ path: process.argv[2] + '/app.log' })
       const file = open()
       let n = 0
       const log = (to = file) => to.write(JSON.stringify({ n: n++ }) + '\\n', 30)
       process.prependListener('exit', () => { log(); log(open()) })
       log()
       process.exit()`,
    )
    await run(script, [directory])
    expect(numbersIn(directory).sort()).toEqual(upTo(4))
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGABRT'])('%s, from the end of the turn on', async (signal) => {
    const directory = temporaryDirectory()
    const { signal: died } = await run(
      dying(
        `await turn(); process.kill(process.pid, '${signal}'); await new Promise((r) => setTimeout(r, 1e6))`,
      ),
      [directory],
    )
    expect(died).toBe(signal)
    expect(numbersIn(directory)).toEqual(upTo(10))
  })

  it('abort and SIGKILL in the same turn, from an error on', async () => {
    for (const death of ['process.abort()', "process.kill(process.pid, 'SIGKILL'); for (;;);"]) {
      const directory = temporaryDirectory()
      await run(dying(`log(50); ${death}`), [directory])
      expect(numbersIn(directory)).toEqual(upTo(11))
    }
  })

  it('a worker thread ends by process.exit in it', async () => {
    const directory = temporaryDirectory()
    const worker = dying('process.exit()')
    const main = bundle().script(
      'main.mjs',
      `import { Worker } from 'node:worker_threads'
       new Worker(${JSON.stringify(worker)}, { argv: [process.argv[2]] })`,
    )
    await run(main, [directory])
    expect(numbersIn(directory)).toEqual(upTo(10))
  })
})

describe('the process', () => {
  it('hears Ctrl-C as if there were no logger: no signal listeners, one exit listener', async () => {
    const script = bundle().script(
      'listeners.mjs',
      `const count = () => Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))
       const before = count()
       const { fileTransport, consoleTransport, createFanout } = await import('./spoor.mjs')
       const fanouts = [1, 2, 3].map((n) => createFanout([fileTransport({ path: process.argv[2] + '/' + n }), consoleTransport({ fd: 2 })]))
       fanouts[0].writeLine('{}\\n', 50)
       const after = count()
       process.stdout.write(JSON.stringify({ before, after }))`,
    )
    const { stdout } = await run(script, [temporaryDirectory()])
    const { before, after } = JSON.parse(stdout)
    expect(after).toEqual({ ...before, exit: (before.exit ?? 0) + 1 })
  })

  it('is not kept alive by a file that can not be written', async () => {
    const script = bundle().script(
      'full.mjs',
      `import { fileTransport } from './spoor.mjs'
       fileTransport({ path: '/dev/full' }).write('{}\\n', 50)`,
    )
    const { code, stderr } = await run(script)
    expect(code).toBe(0)
    expect(stderr).toContain('ENOSPC')
    expect(stderr).toContain('1 records for /dev/full were lost')
  })
})

describe('SIGKILL at a random moment', () => {
  it(`takes nothing that was acknowledged a turn later, ${KILLS} times, over rotations`, async () => {
    const script = bundle().script(
      'killed.mjs',
      `import { fileTransport } from './spoor.mjs'
       import { writeSync } from 'node:fs'
       const file = fileTransport({ path: process.argv[2] + '/app.log', maxSize: 20_000, rotate: 'off' })
       let n = 0
       const pad = 'ü'.repeat(30)
       function turn() {
         for (let i = 0; i < 1 + n % 40; i++) file.write(JSON.stringify({ n: n++, pad }) + '\\n', 30)
         const last = n
         setImmediate(() => setImmediate(() => { writeSync(3, last + '\\n'); turn() }))
       }
       turn()`,
    )
    for (let kill = 0; kill < KILLS; kill++) {
      const directory = temporaryDirectory()
      const child = spawn(process.execPath, [script, directory], {
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      })
      const acknowledgements = child.stdio[3] as NodeJS.ReadableStream
      let acknowledged = ''
      acknowledgements.on('data', (chunk) => (acknowledged += chunk))
      await said(acknowledgements, '\n')
      // The random moment; nothing waits for it to be long enough.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
      child.kill('SIGKILL')
      await once(child, 'close')
      const count = Number(acknowledged.slice(0, acknowledged.lastIndexOf('\n')).split('\n').at(-1))
      // The kernel ends a write between two pages where its process is killed: the last line may be torn.
      const text = textIn(directory)
      const found = numbersOf(text.slice(0, text.lastIndexOf('\n') + 1))
      expect(found.length).toBeGreaterThanOrEqual(count)
      expect(found).toEqual(upTo(found.length))
    }
  })
})

describe('several processes on one file', () => {
  it('keep every record whole and once, through hundreds of rotations by any of them', async () => {
    const directory = temporaryDirectory()
    const script = bundle().script(
      'shared.mjs',
      `import { fileTransport } from './spoor.mjs'
       const file = fileTransport({ path: process.argv[2] + '/app.log', maxSize: 1500, rotate: 'off' })
       let n = Number(process.argv[3])
       const end = n + 2000
       function turn() {
         for (let i = 0; i < 5 && n < end; i++) file.write(JSON.stringify({ n: n++, pad: 'x'.repeat(n % 90) }) + '\\n', 30)
         if (n < end) setImmediate(turn)
       }
       // All begin at once.
       process.stdin.once('data', () => { process.stdin.unref(); turn() })`,
    )
    const children = [0, 2000, 4000].map((from) =>
      spawn(process.execPath, [script, directory, String(from)], { stdio: ['pipe', 'pipe', 'pipe'] }),
    )
    const over = children.map(ended)
    for (const { stdin } of children) stdin?.end('go')
    for (const { code, stderr } of await Promise.all(over)) expect([code, stderr]).toEqual([0, ''])
    expect(numbersIn(directory).sort((a, b) => a - b)).toEqual(upTo(6000))
  })
})
