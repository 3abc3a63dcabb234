import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseLines } from '../support/strict-json.ts'
import { makeService, type Service } from './service.ts'

let service: Service
beforeAll(() => {
  service = makeService()
})
afterAll(() => service.remove())

let count = 0
function run(source: string, env: Record<string, string> = {}, args: string[] = []) {
  const name = `p${count++}.mjs`
  service.file(name, `import * as spoor from './spoor.mjs'\nconst { logger, withContext } = spoor\n${source}`)
  return service.run(name, { env: { LOG_SOURCE: 'off', ...env }, args })
}
const logOf = (file: string) => parseLines(readFileSync(join(service.directory, file), 'utf8'))

const JOBS = `
  for (let job = 0; job < 3; job++) {
    withContext({ job }, () => new Promise(() => {
      for (let n = 0; n < 4; n++) logger.debug('held', { n })
    }))
  }
  withContext({ job: 'done' }, () => logger.debug('let go'))
`

describe('what scopes hold is written', () => {
  it.each([
    ['at process.exit', 'process.exit(3)', 3],
    ['after an exception', "setTimeout(() => { throw new Error('x') })", 1],
    ['after a rejection', "Promise.reject(new Error('x'))", 1],
    ['at an end with nothing left to do', '', 0],
    [
      'at a signal that is followed',
      "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)",
      null,
    ],
  ])('%s', async (name, source, code) => {
    const file = `held ${name}.log`
    const done = await run(JOBS + source, {
      ...{ LOG_BUFFER: 'debug', LOG_FILE: file, LOG_CONSOLE: 'off', LOG_SIGNALS: 'flush' },
    }).done
    expect(done.code).toBe(code)
    const records = logOf(file)
    expect(records.at(0)).toMatchObject({ msg: 'service started' })
    expect(records.at(-1)).toMatchObject({ msg: 'service ended' })
    expect(records.slice(1, -1).map(({ job, n }) => [job, n])).toEqual(
      [0, 1, 2].flatMap((job) => [0, 1, 2, 3].map((n) => [job, n])),
    )
  })

  it('to a reader of stdout that takes its time', async () => {
    const running = run(
      `withContext({}, () => new Promise(() => {
        for (let n = 0; n < 200; n++) logger.debug('x'.repeat(3000), { n })
      }))
      process.exit()`,
      { LOG_BUFFER: 'debug,size=10MB' },
    )
    running.child.stdout?.pause()
    setTimeout(() => running.child.stdout?.resume(), 200)
    const { stdout } = await running.done
    expect(parseLines(stdout)).toHaveLength(200)
  })
})

it('takes no more memory than it may, however many scopes are open', async () => {
  const MB = 1024 ** 2
  const { stderr } = await run(
    `const used = () => {
      gc()
      return process.memoryUsage().heapUsed
    }
    const job = (id, lines) => withContext({ id }, () => new Promise(() => {
      for (let n = 0; n < lines; n++) logger.debug('a line of a few hundred bytes, as they are', { id, n, text: 'x'.repeat(200) })
    }))
    job('warm', 1)
    const before = used()
    for (let id = 0; id < 3000; id++) job(id, 100)
    const after = used()
    const { buffer } = spoor.stats()
    process.stderr.write(JSON.stringify({ grown: after - before, ...buffer }))
    process.reallyExit(0)`,
    { LOG_BUFFER: 'debug,total=16MB', LOG_CONSOLE: 'off' },
    ['--expose-gc'],
  ).done
  expect(stderr.match(/^spoor: LOG_BUFFER: .* oldest were let go/gm)).toHaveLength(1)
  const { grown, bytes, held, scopes, evicted, evictedScopes, overflowed } = JSON.parse(
    stderr.slice(stderr.indexOf('{')),
  )
  expect(bytes).toBeLessThanOrEqual(16 * MB)
  expect(bytes).toBeGreaterThan(15 * MB)
  expect(held + evicted + overflowed).toBe(300_001)
  expect(scopes + evictedScopes).toBeGreaterThanOrEqual(3001)
  // About the bytes is what they really take.
  expect(grown).toBeLessThan(1.15 * 16 * MB)
})

it('is let go where the logger is first used inside the scope', async () => {
  const { stdout } = await run(
    `await withContext({}, async () => {
      logger.debug('let go')
      await null
      logger.info('let go')
    })
    console.log(JSON.stringify(spoor.stats().buffer.letGo))`,
    { LOG_BUFFER: 'debug' },
  ).done
  expect(stdout).toBe('2\n')
})

describe('a flood', () => {
  // An end with nothing left to do comes at once: nobody waits for the period.
  it.each(['process.exit()', ''])('is told at exit: %s', async (end) => {
    const { stdout } = await run(`for (let i = 0; i < 1000; i++) logger.info('x', { i })\n${end}`, {
      LOG_RATE_LIMIT: '10/h',
    }).done
    const records = parseLines(stdout)
    expect(records).toHaveLength(7)
    expect(records.at(5)).toMatchObject({
      ...{ level: 'warn', held_back: 995, held_back_by_level: { info: 995 } },
      example: { level: 'info', msg: 'x', i: 5 },
    })
  })

  it('fills no disk: a loop writes what it may, and what tells of it', async () => {
    const { stdout } = await run(
      `let calls = 0
      const end = performance.now() + ${process.env.SPOOR_FULL ? 10_000 : 2500}
      while (performance.now() < end) {
        logger.info('the loop again', { calls: ++calls })
        await new Promise(setImmediate)
      }
      process.stderr.write(String(calls))`,
      { LOG_RATE_LIMIT: '100/s,burst=200', SERVICE_NAME: 'shop' },
    ).done
    const records = parseLines(stdout)
    const told = records.filter(({ held_back }) => held_back !== undefined)
    const longest = Math.max(...stdout.split('\n').map((line) => line.length))
    // One place has half: a burst of 100 and 50 a second. Slow machines are given the time that they take.
    const seconds =
      (Date.parse(records.at(-1)?.time as string) - Date.parse(records.at(0)?.time as string)) / 1000
    expect(records.length - told.length).toBeLessThanOrEqual(100 + 50 * (seconds + 0.1))
    expect(stdout.length).toBeLessThanOrEqual((100 + 50 * (seconds + 0.1) + told.length) * (longest + 1))
    expect(told.length).toBeGreaterThanOrEqual(3)
    // A machine that stands still for a period makes a flood look over.
    expect(told.length).toBeLessThanOrEqual(2 * (seconds + 2))
  })
})

it('two processes keep the same traces', async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `${'0123456789abcdef'.charAt(i % 16)}${i}`)
  const source = `
    import { createHash } from 'node:crypto'
    for (const id of ${JSON.stringify(ids)}) {
      const traceId = createHash('md5').update(id).digest('hex')
      spoor.continueContext({ traceparent: '00-' + traceId + '-00f067aa0ba902b7-01' }, () => logger.info('x'))
    }`
  const [one, other] = await Promise.all(
    ['shop', 'billing'].map((SERVICE_NAME) => run(source, { LOG_SAMPLE: '0.3', SERVICE_NAME }).done),
  )
  const traces = (text = '') => parseLines(text).map(({ trace_id }) => trace_id)
  expect(traces(one?.stdout)).toEqual(traces(other?.stdout))
  expect(traces(one?.stdout).length).toBeGreaterThan(30)
  expect(traces(one?.stdout).length).toBeLessThan(100)
})
