import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../src/policy/audit/verify.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { randomFrom } from '../support/random.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended } from './child.ts'
import { filesIn } from './numbered.ts'

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 12)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
const KEY = 'a key of at least sixteen characters'

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['logger/create.ts', 'logger/default.ts'], ['pino', 'pino-pretty'])
})
afterAll(() => bundle.remove())

/** Says on stdout each number whose promise has resolved; each thread is a writer of its own. */
const WRITER = `
  import { writeSync } from 'node:fs'
  import { isMainThread, Worker, workerData } from 'node:worker_threads'
  import { createLogger } from './spoor.mjs'
  const { audit, writers, atOnce } = isMainThread ? JSON.parse(process.argv[2]) : workerData
  const [writer, ...others] = writers
  if (others.length > 0) new Worker(new URL(import.meta.url), { workerData: { audit, writers: others, atOnce } })
  const logger = createLogger({ transports: [], env: {}, identity: false, audit })
  let n = 0
  for (;;) {
    const turn = []
    for (let i = 0; i < 1 + (n % atOnce); i++) {
      const number = n++
      turn.push(logger.audit('act', { w: writer, n: number, pad: 'x'.repeat((number * 37) % 300) }).then(() => writeSync(1, writer + ' ' + number + '\\n')))
    }
    await Promise.all(turn)
  }`

interface Writers {
  readonly child: ChildProcess
  /** By writer, the last number that was acknowledged, and how many were. */
  readonly acknowledged: Map<number, number[]>
  /** Resolves when each writer has this many acknowledged. */
  until(count: number): Promise<void>
  kill(): Promise<void>
}

function start(audit: object, writers: readonly number[]): Writers {
  const script = bundle.script('audit-writer.mjs', WRITER)
  const child = spawn(process.execPath, [script, JSON.stringify({ audit, writers, atOnce: 5 })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const acknowledged = new Map<number, number[]>(writers.map((writer) => [writer, []]))
  let rest = ''
  let hear = (): void => {}
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() as string
    for (const line of lines) {
      const [writer, n] = line.split(' ').map(Number) as [number, number]
      acknowledged.get(writer)?.push(n)
    }
    hear()
  })
  const over = ended(child)
  return {
    child,
    acknowledged,
    async until(count) {
      while ([...acknowledged.values()].some((each) => each.length < count)) {
        if (child.exitCode !== null) throw new Error((await over).stderr)
        await new Promise<void>((resolve) => {
          hear = resolve
        })
      }
    },
    async kill() {
      child.kill('SIGKILL')
      expect((await over).stderr).toBe('')
    },
  }
}

/** The log verifies, and what was acknowledged is in it. */
async function look(path: string, head: string, all: readonly Writers[], note: string): Promise<number> {
  const report = await verify({ path, head, key: KEY })
  expect({ note, fault: report.fault }).toEqual({ note, fault: undefined })
  const found = new Set<string>()
  for (const { text } of filesIn(join(path, '..'))) {
    for (const [, w, n] of text.matchAll(/"w":(\d+),"n":(\d+),/g)) found.add(`${w} ${n}`)
  }
  for (const { acknowledged } of all) {
    for (const [writer, numbers] of acknowledged) {
      const missing = numbers.filter((n) => !found.has(`${writer} ${n}`))
      expect({ note, writer, missing }).toEqual({ note, writer, missing: [] })
    }
  }
  return report.notes.filter(({ message }) => message.includes('torn')).length
}

describe('SIGKILL of a process that writes an audit log beside another, each with a thread that does too', () => {
  it(`leaves a log that verifies and has all that was acknowledged, ${KILLS} times; seed ${SEED}`, async () => {
    const random = randomFrom(SEED)
    let torn = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const note = `seed ${SEED}, kill ${kill}`
      const directory = temporaryDirectory()
      const path = join(directory, 'app.log')
      const head = join(directory, 'head')
      const audit = { path, head, key: KEY, maxSize: 20_000, rotate: 'off' }
      const survivor = start(audit, [0, 1])
      const victim = start(audit, [2, 3])
      await Promise.all([survivor.until(1), victim.until(1)])
      await new Promise((resolve) => setTimeout(resolve, random() * 100))
      await victim.kill()
      torn += await look(path, head, [survivor, victim], note)
      const again = start(audit, [4, 5])
      const before = Math.max(...[...survivor.acknowledged.values()].map(({ length }) => length))
      await Promise.all([again.until(20), survivor.until(before + 20)])
      await Promise.all([again.kill(), survivor.kill()])
      torn += await look(path, head, [survivor, victim, again], `${note}, after another has gone on`)
    }
    if (process.env.SPOOR_FULL) console.log(`${torn} torn lines`)
  })
})

describe('a process that dies in the middle of a write', () => {
  it('leaves a torn line, which is no record, and the chain goes on', async () => {
    const script = bundle.script(
      'audit-torn.mjs',
      `import fs from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       const real = fs.writeSync
       let lines = 0
       fs.writeSync = (fd, data, ...rest) => {
         if (!Buffer.isBuffer(data) || ++lines < 4) return real(fd, data, ...rest)
         real(fd, data, 0, Math.floor(data.length / 2))
         process.kill(process.pid, 'SIGKILL')
         for (;;);
       }
       syncBuiltinESMExports()
       const { createLogger } = await import('./spoor.mjs')
       const logger = createLogger({ transports: [], env: {}, audit: { path: process.argv[2], head: process.argv[3] } })
       for (let n = 0; ; n++) await logger.audit('act', { n })`,
    )
    const directory = temporaryDirectory()
    const [path, head] = [join(directory, 'app.log'), join(directory, 'head')]
    const die = (): Promise<unknown> =>
      ended(spawn(process.execPath, [script, path, head], { stdio: ['ignore', 'pipe', 'pipe'] }))
    await die()
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 3, notes: [{ line: 4 }] })
    await die()
    expect(await verify({ path, head })).toMatchObject({
      ok: true,
      records: 6,
      notes: [{ line: 4 }, { line: 8 }],
    })
  })
})

describe('a process that ends', () => {
  const ENDS: Readonly<Record<string, string>> = {
    'by process.exit': 'process.exit(0)',
    'by an exception': 'throw new Error("over")',
    'by an unhandled rejection': 'Promise.reject(new Error("over"))',
    'because all is done': '',
    'by process.exit, with a record made in an exit handler': `process.on('exit', () => void logger.audit('last')); process.exit(0)`,
  }

  it.each(Object.entries(ENDS))('%s has written what nobody awaited', async (name, end) => {
    const directory = temporaryDirectory()
    const [path, head] = [join(directory, 'app.log'), join(directory, 'head')]
    const script = bundle.script(
      `audit-${name.replace(/\W/g, '-')}.mjs`,
      `import { createLogger } from './spoor.mjs'
       const logger = createLogger({ transports: [], env: {}, audit: { path: process.argv[2], head: process.argv[3] } })
       await logger.audit('first')
       for (let n = 0; n < 50; n++) logger.audit('act', { n })
       ${end}`,
    )
    await ended(spawn(process.execPath, [script, path, head], { stdio: ['ignore', 'pipe', 'pipe'] }))
    const records = name.includes('handler') ? 52 : 51
    expect(await verify({ path, head })).toMatchObject({ ok: true, records, last: records })
  })

  it('is not ended by a record that could not be written', async () => {
    const script = bundle.script(
      'audit-unawaited.mjs',
      `import { createLogger } from './spoor.mjs'
       process.on('unhandledRejection', () => console.log('unhandled'))
       const logger = createLogger({ transports: [], env: {} })
       const dead = createLogger({ transports: [], env: {}, audit: { path: '/dev/null/app.log' } })
       logger.audit('nowhere')
       dead.audit('nowhere either')
       const seen = await dead.audit('seen').catch(({ code }) => code)
       await new Promise((resolve) => setImmediate(resolve))
       console.log('lives', seen)`,
    )
    const { code, stdout, stderr } = await ended(
      spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'lives ERR_SPOOR_AUDIT\n' })
    expect(stderr).toMatch(/LOG_AUDIT_FILE.*\n.*can't write the audit log \/dev\/null\/app\.log/)
  })
})

it("is durable under Node's permission model too, which refuses every sync", async () => {
  const directory = temporaryDirectory()
  const [path, head] = [join(directory, 'app.log'), join(directory, 'head')]
  const script = bundle.script(
    'audit-permission.mjs',
    `import { createLogger } from './spoor.mjs'
     const logger = createLogger({ transports: [], env: {}, audit: { path: process.argv[2], head: process.argv[3] } })
     await logger.audit('awaited')
     logger.audit('at the end')
     process.exit()`,
  )
  const flag = ['--permission', '--experimental-permission'].find((one) =>
    process.allowedNodeEnvironmentFlags.has(one),
  )
  const flags = [flag as string, '--allow-fs-read=*', `--allow-fs-write=${directory}/*`]
  const child = spawn(process.execPath, [...flags, script, path, head], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { code, stderr } = await ended(child)
  expect({
    code,
    stderr: stderr.replace(/^.*(?:ExperimentalWarning|--trace-warnings).*$/gm, '').trim(),
  }).toEqual({
    code: 0,
    stderr: '',
  })
  expect(await verify({ path, head })).toMatchObject({ ok: true, records: 2 })
})
