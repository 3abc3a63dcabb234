import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERSION } from '../../src/logger/version.ts'
import { parseLines } from '../support/strict-json.ts'
import { makeService, type Service } from './service.ts'

let service: Service
beforeAll(() => {
  service = makeService()
})
afterAll(() => service.remove())

let count = 0
/** Runs a script that has all of spoor in scope. */
function run(source: string, env: Record<string, string> = {}, args: string[] = []) {
  const name = `s${count++}.mjs`
  service.file(name, `import * as spoor from './spoor.mjs'\nconst { logger } = spoor\n${source}`)
  return service.run(name, { env, args })
}
const logOf = (file: string) => parseLines(readFileSync(join(service.directory, file), 'utf8'))

it('knows its version', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(VERSION).toBe(version)
})

describe('the default logger', () => {
  it('reads and opens nothing before its first use', async () => {
    const { stdout, stderr } = await run(
      `import { existsSync } from 'node:fs'
      const log = spoor.getLogger('db').child({ a: 1 })
      const before = existsSync('lazy.log')
      process.env.LOG_FILE = 'lazy.log'
      process.env.LOG_LEVEL = 'nonsense'
      process.env.SERVICE_NAME = 'late'
      console.log(before, existsSync('lazy.log'))
      log.info('x')
      console.error(existsSync('lazy.log'))`,
      { LOG_CONSOLE: 'off' },
    ).done
    expect(stdout).toBe('false false\n')
    expect(stderr.split('\n')[0]).toMatch(
      /^spoor: LOG_LEVEL="nonsense" is not understood; accepted: .*used: info/,
    )
    expect(logOf('lazy.log').at(1)).toMatchObject({ msg: 'x', service: 'late', component: 'db', a: 1 })
  })

  it.each([
    ['startTimer', "logger.startTimer('t')()"],
    ['time', "logger.time('t', () => 1)"],
    ['isLevelEnabled', "if (logger.isLevelEnabled('info')) logger.info('t')"],
    ['level', "logger.level = 'info'; logger.info('t')"],
    ['stats', "spoor.stats(); logger.info('t')"],
  ])('is made ready by %s', async (_name, source) => {
    const { stdout, stderr } = await run(source).done
    expect(stderr).toBe('')
    expect(parseLines(stdout)).toMatchObject([{ msg: 't', service: 'shop' }])
  })

  it('says once that addContext has no scope', async () => {
    const { stderr } = await run(
      'console.log(spoor.addContext({ a: 1 }), spoor.addContext({ a: 1 }), spoor.withContext({}, () => spoor.addContext({ a: 1 })))',
    ).done
    expect(stderr.match(/addContext/g)).toHaveLength(1)
  })

  it.each([
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
    ['LOG_FILE_MAX_SIZE', 'big'],
    ['LOG_SOURCE', 'maybe'],
    ['LOG_SIGNALS', 'catch'],
    ['LOG_LIFECYCLE', 'perhaps'],
    ['LOG_SCHEMA', 'own'],
    ['LOG_SLOW_MS', 'slowly'],
  ])('goes on with a wrong %s, and says so in one line', async (name, value) => {
    const { stdout, stderr, code } = await run("logger.info('x')", { [name]: value }).done
    expect(parseLines(stdout)).toMatchObject([{ msg: 'x' }])
    expect(stderr).toMatch(
      new RegExp(`^spoor: ${name}="${value}" is not understood; accepted: [^\\n]+; used: [^\\n]+\\n$`),
    )
    expect(code).toBe(0)
  })

  it('goes on where LOG_KEYS gives two keys one name', async () => {
    const { stdout, stderr } = await run("logger.info('x', { a: 1 })", { LOG_KEYS: 'a:time' }).done
    expect(parseLines(stdout)).toMatchObject([{ msg: 'x', a: 1 }])
    expect(stderr).toMatch(/^spoor: .*LOG_KEYS.*\n$/)
  })
})

describe('lifecycle', () => {
  const counts = { transports: { console: { records: 3, dropped: 0 }, file: { records: 3, dropped: 0 } } }

  it.each([
    ['an end', '', 0, 'exit'],
    ['process.exit', 'process.exit(3)', 3, 'exit code 3'],
    ['an exception', "throw new Error('x')", 1, 'exit code 1'],
    ['a rejection', "Promise.reject(new Error('x'))", 1, 'exit code 1'],
    ['shutdown', 'await spoor.shutdown()', 0, 'shutdown'],
  ])('one record at the start and one at %s', async (name, source, code, reason) => {
    const file = `life ${name}.log`
    const done = await run(`spoor.withContext({ request_id: 'r' }, () => logger.info('x'))\n${source}`, {
      LOG_FILE: file,
      LOG_LEVEL: 'info,db=debug',
    }).done
    expect(done.code).toBe(code)
    const [start, record, end, ...more] = logOf(file)
    expect(more).toEqual([])
    expect(start).toMatchObject({
      ...{ level: 'info', msg: 'service started', service: 'shop', spoor_version: VERSION },
      ...{ node_version: process.versions.node, transports: ['console', 'file'] },
      levels: { default: 'info', db: 'debug' },
    })
    expect(start).not.toHaveProperty('request_id')
    expect(record).toMatchObject({ msg: 'x', request_id: 'r' })
    expect(end).toMatchObject({ level: 'info', msg: 'service ended', reason, uptime_ms: expect.any(Number) })
    // The end is counted by nobody but those who come after it.
    expect(end?.transports).toEqual({ console: { records: 2, dropped: 0 }, file: { records: 2, dropped: 0 } })
    expect(parseLines(done.stdout)).toHaveLength(counts.transports.console.records)
  })

  it.each([
    ['off with the console alone', {}, 1],
    ['on where LOG_LIFECYCLE says so', { LOG_LIFECYCLE: 'on' }, 3],
    ['off where LOG_LIFECYCLE says so', { LOG_LIFECYCLE: 'off', LOG_FILE: 'off.log' }, 1],
    ['not below the level', { LOG_LIFECYCLE: 'on', LOG_LEVEL: 'info', LOG_CONSOLE_LEVEL: 'warn' }, 0],
  ])('is %s', async (_name, env, lines) => {
    const { stdout } = await run("logger.info('x')", env as Record<string, string>).done
    expect(parseLines(stdout)).toHaveLength(lines)
  })
})

it('an end is told once, however often it is asked for', async () => {
  await run("logger.info('x'); await spoor.shutdown(); await spoor.shutdown(); process.exit()", {
    LOG_FILE: 'once.log',
    LOG_CONSOLE: 'off',
  }).done
  expect(logOf('once.log').map(({ msg }) => msg)).toEqual(['service started', 'x', 'service ended'])
})

describe('LOG_SIGNALS=flush', () => {
  const wait = "logger.info('x')\nconsole.log('ready')\nsetInterval(() => {}, 1000)"

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends the process as it would have, and the end is told',
    async (signal) => {
      const file = `${signal}.log`
      const running = run(wait, { LOG_SIGNALS: 'flush', LOG_FILE: file, LOG_CONSOLE: 'off' })
      await running.ready
      running.child.kill(signal)
      const done = await running.done
      expect(done.signal).toBe(signal)
      expect(logOf(file)).toMatchObject([{ msg: 'service started' }, { msg: 'x' }, { reason: signal }])
    },
  )

  it('is left to whoever else listens', async () => {
    const source = `process.on('SIGTERM', () => { logger.info('handled'); process.exit(5) })\n${wait}`
    const running = run(source, { LOG_SIGNALS: 'flush', LOG_FILE: 'other.log', LOG_CONSOLE: 'off' })
    await running.ready
    running.child.kill('SIGTERM')
    const done = await running.done
    expect([done.code, done.signal]).toEqual([5, null])
    expect(logOf('other.log').map(({ msg }) => msg)).toEqual([
      'service started',
      'x',
      'handled',
      'service ended',
    ])
  })

  it('listens to no signal unless it is asked to', async () => {
    const { stdout } = await run(
      "logger.info('x'); console.log(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'))",
      { LOG_FILE: 'none.log', LOG_CONSOLE: 'off' },
    ).done
    expect(stdout).toBe('0 0\n')
  })
})

it('a configuration that is replaced keeps the order in its file', async () => {
  await run(
    `logger.info('1'); const done = spoor.configure({ level: 'debug' }); logger.debug('2'); await done; logger.info('3')
     await spoor.configure({ level: 'warn' }); logger.info('off'); logger.warn('4')`,
    { LOG_FILE: 'order.log', LOG_CONSOLE: 'off', LOG_LIFECYCLE: 'off' },
  ).done
  expect(existsSync(join(service.directory, 'order.log'))).toBe(true)
  expect(logOf('order.log').map(({ msg }) => msg)).toEqual(['1', '2', '3', '4'])
})

describe('the environment alone', () => {
  const SEEN_BY_A_SERVER = `
    import { createServer } from 'node:http'
    import { once } from 'node:events'
    const server = createServer((req, res) => res.end(String(req.headers['x-request-id']))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    logger.debug('not written, but the logger is ready')
    const seen = await spoor.withContext({ request_id: 'r-1' }, async () =>
      (await fetch('http://127.0.0.1:' + server.address().port)).text())
    console.log(seen)
    server.close()`

  it('sends ids with requests where LOG_PROPAGATE says so', async () => {
    const asked = await run(SEEN_BY_A_SERVER, {
      LOG_LEVEL: 'debug',
      LOG_CONSOLE: 'off',
      LOG_PROPAGATE: 'own',
    }).done
    const silent = await run(SEEN_BY_A_SERVER, { LOG_LEVEL: 'debug', LOG_CONSOLE: 'off' }).done
    expect([asked.stdout, silent.stdout]).toEqual(['r-1\n', 'undefined\n'])
  })

  it('tells of a sampler that there is none of', async () => {
    const { stderr } = await run("logger.info('x')", { OTEL_TRACES_SAMPLER: 'sometimes' }).done
    expect(stderr).toMatch(/OTEL_TRACES_SAMPLER="sometimes" is not understood; accepted: always_on/)
  })
})
