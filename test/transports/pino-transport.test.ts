import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import { transportChecks } from '../../src/testing/transport-kit.ts'
import { pinoTransport } from '../../src/transports/pino.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { run } from '../faults/child.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const EXITS = Number(process.env.SPOOR_RUNS_KILL ?? 6)
const TIME = '2026-11-21T15:38:19.123Z'
const MS = Date.parse(TIME)

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(['transports/pino.ts', 'transports/fanout.ts', 'config/exit.ts'])
})
afterAll(() => bundle.remove())

/** A transport's module: its destination is what `body` makes of the options, with Writable and fs at hand. */
function moduleOf(directory: string, name: string, body: string): string {
  const path = join(directory, `${name}.mjs`)
  writeFileSync(
    path,
    `import fs from 'node:fs'
     import { Writable } from 'node:stream'
     const write = (file, text) => fs.appendFileSync(file, text)
     export default async (options) => { ${body} }`,
  )
  return path
}

const COLLECT = `return new Writable({ decodeStrings: false, write(text, _, done) { write(options.file, text); done() } })`

/** All lines below the directory, in the order of the files' names. */
function recordsIn(directory: string): Record<string, unknown>[] {
  const names = readdirSync(directory).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  return parseLines(names.map((name) => readFileSync(join(directory, name), 'utf8')).join(''))
}

const numbersIn = (directory: string) => recordsIn(directory).map(({ n }) => n)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const lineOf = (n: number) => `{"time":"${TIME}","level":"info","n":${n}}\n`

function withEvents(transport: ReturnType<typeof pinoTransport>): TransportEvent[] {
  const events: TransportEvent[] = []
  transport.attach?.({ report: (event) => void events.push(event) })
  return events
}

/** A child with a pino transport `pino` that logs with log() and then does as `death` says. */
function child(options: string, death: string): string {
  return bundle.script(
    'child.mjs',
    `import { createFanout, exitNow, pinoTransport } from './spoor.mjs'
     const [, , out, module] = process.argv
     const pino = pinoTransport(${options})
     const fanout = createFanout([pino])
     let n = 0
     const log = (count = 1) => {
       for (let i = 0; i < count; i++)
         fanout.writeLine('{"time":"${TIME}","level":"info","n":' + n++ + '}\\n', 30)
     }
     const turn = () => new Promise((resolve) => setImmediate(resolve))
     const told = () => fs.writeSync(1, JSON.stringify(pino.stats()))
     import fs from 'node:fs'
     ${death}`,
  )
}

describe('options', () => {
  it.each([
    ['none of the three', {}],
    ['two of the three', { target: 'a', targets: [{ target: 'b' }] }],
    ['a target that is no name', { target: 7 }],
    ['no targets', { targets: [] }],
    ['a target without a target', { targets: [{ level: 'info' }] }],
    ['a null among the targets', { targets: [null] }],
    ['a pipeline inside without targets', { targets: [{ pipeline: [{}] }] }],
    ['a level that is none', { target: 'a', level: 'loud' }],
    ['a name that is unknown', { target: 'a', option: {} }],
    ['a size that is none', { target: 'a', bufferLimit: 'much' }],
    ['level names where pino compares numbers', { targets: [{ target: 'a' }], format: 'spoor' }],
  ])('refuses %s', (_name, options) => {
    expect(() => pinoTransport(options as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_SPOOR_OPTION' }),
    )
  })
})

describe('the conformance kit', () => {
  function make() {
    const directory = temporaryDirectory()
    const file = join(directory, 'lines')
    writeFileSync(file, '')
    const target = moduleOf(directory, 'collect', COLLECT)
    return {
      transport: pinoTransport({ target, options: { file }, format: 'spoor' }),
      local: false,
      lines: () =>
        readFileSync(file, 'utf8')
          .split(/(?<=\n)/)
          .filter(Boolean),
    }
  }

  for (const check of transportChecks) it(check.name, () => check.run(make))
})

describe('pino transports by name', () => {
  it('pino-roll gets all, over several files, with numeric levels and times', async () => {
    const directory = temporaryDirectory()
    const logs = pinoTransport({
      target: 'pino-roll',
      options: { file: join(directory, 'app'), size: '20k' },
    })
    const logger = createLogger({
      transports: [logs],
      lifecycle: false,
      identity: false,
      now: () => MS,
      level: 'trace',
    })
    const count = 2000
    for (let n = 0; n < count; n++) {
      logger.debug('of pino-roll', { n })
      if (n % 100 === 99) await logs.flush?.()
    }
    await shutdown(logger)
    const records = recordsIn(directory)
    expect(records[0]).toMatchObject({ level: 20, time: MS, msg: 'of pino-roll' })
    expect(records.map(({ n }) => n)).toEqual(upTo(count))
    expect(readdirSync(directory).length).toBeGreaterThan(1)
    expect(logs.stats()).toMatchObject({ records: count, dropped: 0, buffered: 0 })
  })

  it('pino-pretty reads our levels and times', async () => {
    const directory = temporaryDirectory()
    const destination = join(directory, 'pretty')
    const options = { destination, colorize: false, sync: true, translateTime: false }
    const pretty = pinoTransport({ target: 'pino-pretty', options })
    const logger = createLogger({ transports: [pretty], lifecycle: false, identity: false, now: () => MS })
    logger.info('pretty', { n: 1 })
    await shutdown(logger)
    expect(readFileSync(destination, 'utf8')).toBe(`[${MS}] INFO: pretty\n    n: 1\n`)
  })

  it('one that waits for what pino tells it gets it, with renamed keys', async () => {
    const directory = temporaryDirectory()
    const file = join(directory, 'told')
    const abstract = createRequire(import.meta.resolve('pino')).resolve('pino-abstract-transport')
    const target = moduleOf(
      directory,
      'told',
      `const { default: build } = await import('${abstract}')
       return build(async (source) => {
         for await (const record of source) write(options.file, JSON.stringify([record, source.messageKey, source.errorKey, source.levels]))
       }, { expectPinoConfig: true })`,
    )
    const told = pinoTransport({ target, options: { file } })
    const keys = { time: 'at', level: 'severity', msg: 'text' }
    const logger = createLogger({
      transports: [told],
      lifecycle: false,
      identity: false,
      keys,
      now: () => MS,
    })
    logger.info('hello')
    await shutdown(logger)
    const [record, ...config] = JSON.parse(readFileSync(file, 'utf8'))
    expect(record).toEqual({ level: 30, time: MS, text: 'hello' })
    expect(config).toMatchObject(['text', 'err', { values: { info: 30 }, labels: { 30: 'info' } }])
  })

  it('several at once, each with its level; left out, it gets all', async () => {
    const directory = temporaryDirectory()
    const all = join(directory, 'all')
    const errors = join(directory, 'errors')
    const both = pinoTransport({
      targets: [
        { target: 'pino/file', options: { destination: all } },
        { target: 'pino/file', options: { destination: errors }, level: 'ERROR' },
      ],
    })
    const logger = createLogger({ transports: [both], lifecycle: false, identity: false, level: 'trace' })
    logger.trace('low')
    logger.error('high')
    await shutdown(logger)
    const messagesOf = (file: string) => parseLines(readFileSync(file, 'utf8')).map(({ msg }) => msg)
    expect(messagesOf(all)).toEqual(['low', 'high'])
    expect(messagesOf(errors)).toEqual(['high'])
  })

  it('a pipeline', async () => {
    const directory = temporaryDirectory()
    const destination = join(directory, 'lines')
    const upper = join(directory, 'upper.mjs')
    writeFileSync(
      upper,
      `import { Transform } from 'node:stream'
       export default () => new Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()) } })`,
    )
    const transport = pinoTransport({
      pipeline: [{ target: upper }, { target: 'pino/file', options: { destination } }],
    })
    transport.write(lineOf(1), 30)
    await transport.close?.()
    expect(readFileSync(destination, 'utf8')).toBe(`{"LEVEL":30,"TIME":${MS},"N":1}\n`)
  })

  it('a name is looked for from the calling file on', async () => {
    const directory = temporaryDirectory()
    const module = join(directory, 'node_modules/of-the-app')
    mkdirSync(module, { recursive: true })
    moduleOf(module, 'index', COLLECT)
    writeFileSync(join(module, 'package.json'), '{"name":"of-the-app","main":"index.mjs"}')
    const script = join(directory, 'app.mjs')
    writeFileSync(
      script,
      `import { pinoTransport } from '${bundle.path}'
       const transport = pinoTransport({ target: 'of-the-app', options: { file: '${directory}/out' } })
       transport.write('{"n":0}\\n', 30)`,
    )
    expect(await run(script)).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('{"level":30,"n":0}\n')
  })
})

describe('at the end of the process, pino-roll has all records after', () => {
  const roll = `{ target: 'pino-roll', options: { file: out + '/app' } }`

  it.each([
    ['process.exit in the first turn', 'log(10); process.exit(3)', 3],
    ['process.exit later', 'log(5); await pino.flush(); log(5); process.exit(3)', 3],
    ['the end of the program', 'log(10)', 0],
    ['the end of the program, later', 'log(5); await pino.flush(); log(5)', 0],
    ['an uncaught exception', 'log(10); throw new Error("x")', 1],
    ['an unhandled rejection', 'log(10); Promise.reject(new Error("x"))', 1],
    ['shutdown', 'log(10); await pino.close()', 0],
  ])('%s', async (_name, death, code) => {
    for (let i = 0; i < EXITS; i++) {
      const directory = temporaryDirectory()
      expect((await run(child(roll, death), [directory])).code).toBe(code)
      expect(numbersIn(directory)).toEqual(upTo(10))
    }
  })

  it('handlers that log at exit, also those put there later', async () => {
    const directory = temporaryDirectory()
    const death = `process.on('exit', () => log()); log(); await pino.flush()
      process.on('exit', () => log()); log(); await turn(); await turn(); process.exit()`
    expect(await run(child(roll, death), [directory])).toMatchObject({ code: 0, stderr: '' })
    expect(numbersIn(directory)).toEqual(upTo(4))
  })

  it('more than the worker could take', async () => {
    const directory = temporaryDirectory()
    const death = `const before = pino.stats; log(200_000); await turn(); await turn()
      fs.writeSync(1, String(pino.stats().buffered)); process.exit()`
    const { stdout, stderr } = await run(child(roll, death), [directory])
    expect(stderr).toBe('')
    expect(Number(stdout)).toBeGreaterThan(0)
    expect(numbersIn(directory)).toEqual(upTo(200_000))
  })
})

describe('at the end of the process', () => {
  const file = `{ target: 'pino/file', options: { destination: out + '/app' } }`

  it('a signal that LOG_SIGNALS=flush takes finds nothing left to lose', async () => {
    for (let i = 0; i < EXITS; i++) {
      const directory = temporaryDirectory()
      const death = `log(5); await pino.flush(); log(5); exitNow(); process.kill(process.pid, 'SIGKILL')`
      expect((await run(child(file, death), [directory])).signal).toBe('SIGKILL')
      expect(numbersIn(directory)).toEqual(upTo(10))
    }
  })

  it('what comes after the worker has ended is counted and told', async () => {
    const directory = temporaryDirectory()
    const death = `log(3); process.on('exit', () => { log(2); told() }); process.exit()`
    const { stdout, stderr } = await run(child(file, death), [directory])
    expect(numbersIn(directory)).toEqual(upTo(3))
    expect(JSON.parse(stdout)).toMatchObject({ records: 5, dropped: 2, buffered: 0 })
    expect(stderr).toContain('the process is ending')
  })
})

// thread-stream's limits are 10 s.
describe.runIf(process.env.SPOOR_FULL)('a worker that hangs is not waited for without end', () => {
  const hanging = (directory: string) => moduleOf(directory, 'hanging', 'return new Writable({ write() {} })')

  it('at exit', async () => {
    const directory = temporaryDirectory()
    const death = 'log(3); await turn(); process.exit(5)'
    const { code, stderr } = await run(child('{ target: module }', death), [directory, hanging(directory)])
    expect(code).toBe(5)
    expect(stderr).toContain('within 10 s')
  })

  it('at shutdown', async () => {
    const transport = pinoTransport({ target: hanging(temporaryDirectory()) })
    const events = withEvents(transport)
    transport.write(lineOf(0), 30)
    await transport.close?.()
    expect(events).toMatchObject([{ code: 'ended', message: expect.stringContaining('within 10 s') }])
    transport.write(lineOf(1), 30)
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 1, buffered: 0 })
  })
})

describe('it leaves the process alone', () => {
  it('twenty transports add one exit listener and no warning, and let it end', async () => {
    const directory = temporaryDirectory()
    const death = `const more = Array.from({ length: 19 }, (_, i) =>
        createFanout([pinoTransport({ target: 'pino/file', options: { destination: out + '/' + i } })]))
      // One of Node's own waits for the top-level await.
      const own = ({ name }) => name !== 'handleProcessExit'
      const counts = () => ['exit', 'beforeExit', 'SIGTERM', 'SIGINT'].map((name) => process.listeners(name).filter(own).length)
      const begun = counts()
      for (const each of more) each.writeLine('{"n":0}\\n', 30)
      log(); await Promise.all(more.map((each) => each.transports[0].flush()))
      fs.writeSync(1, JSON.stringify([begun, counts()]))`
    const options = `{ target: 'pino/file', options: { destination: out + '/own' } }`
    const { stdout, stderr, code } = await run(child(options, death), [directory])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual([
      [2, 0, 0, 0],
      [2, 0, 0, 0],
    ])
    expect(recordsIn(directory)).toHaveLength(20)
  })

  it('a transport that nothing was written to ends with the process', async () => {
    const directory = temporaryDirectory()
    const module = moduleOf(directory, 'never', 'return new Promise(() => {})')
    expect(await run(child('{ target: module }', 'process.exit(4)'), [directory, module])).toMatchObject({
      code: 4,
      stderr: '',
    })
  })
})

describe('a transport that fails is told once, and its records counted:', () => {
  async function failing(options: Parameters<typeof pinoTransport>[0]) {
    const transport = pinoTransport(options)
    const events = withEvents(transport)
    for (let n = 0; n < 3; n++) transport.write(lineOf(n), 30)
    await transport.flush?.()
    transport.write(lineOf(3), 50)
    await transport.flush?.()
    await transport.close?.()
    return { events, stats: transport.stats() }
  }

  it.each([
    ['a module that is missing', { target: 'no-such-transport' }, 'npm install no-such-transport'],
    ['a path that is missing', { target: '/no/such/transport.js' }, "can't start"],
    ['an option that is no data', { target: 'pino/file', options: { f: () => {} } }, 'could not be cloned'],
    ['options that it refuses', { target: 'pino-roll', options: { file: '' } }, "can't start"],
  ])('%s', async (_name, options, message) => {
    const { events, stats } = await failing(options)
    expect(events).toMatchObject([{ code: 'ended', message: expect.stringContaining(message) }])
    expect(stats).toMatchObject({ records: 4, dropped: 4, buffered: 0, lastError: expect.any(String) })
  })

  it.each([
    ['its destination fails', 'done(new Error("full"))', 'full'],
    ['its worker exits', 'process.exit(7)', 'exited'],
    ['it throws', 'throw new Error("thrown")', 'thrown'],
    ['its destination is closed', 'this.destroy()', 'ended'],
  ])('%s', async (_name, body, message) => {
    const directory = temporaryDirectory()
    const target = moduleOf(
      directory,
      'failing',
      `return new Writable({ write(text, _, done) { if (String(text).includes('"n":1')) { ${body} } else done() } })`,
    )
    const transport = pinoTransport({ target })
    const events = withEvents(transport)
    transport.write(lineOf(0), 30)
    await transport.flush?.()
    transport.write(lineOf(1), 30)
    while (events.length === 0) await new Promise((resolve) => setImmediate(resolve))
    transport.write(lineOf(2), 50)
    transport.write(lineOf(3), 30)
    await transport.flush?.()
    expect(transport.stats()).toMatchObject({ records: 4, dropped: 2, buffered: 0 })
    await transport.close?.()
    expect(events).toMatchObject([{ code: 'ended', message: expect.stringContaining(message) }])
  })

  it('while records are held for it', async () => {
    const directory = temporaryDirectory()
    const gate = join(directory, 'gate')
    const target = moduleOf(
      directory,
      'stuck',
      `const watched = setInterval(() => { if (fs.existsSync(options.gate)) process.exit(1) }, 5)
       return new Writable({ highWaterMark: 1, write() {} })`,
    )
    const transport = pinoTransport({ target, options: { gate } })
    const events = withEvents(transport)
    let handed = 0
    while (transport.stats().buffered === 0) {
      handed = transport.stats().records
      transport.write(`{"level":"info","pad":"${'x'.repeat(100_000)}"}\n`, 30)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let n = 0; n < 10; n++) transport.write(lineOf(n), 30)
    writeFileSync(gate, '')
    while (events.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(transport.stats()).toMatchObject({ records: handed + 11, buffered: 0 })
    expect([11, handed + 11]).toContain(transport.stats().dropped)
    await transport.close?.()
  })

  it('and the process goes on and ends', async () => {
    const death = `log(); await pino.flush(); log(2); await turn(); await turn(); told()`
    const { code, stdout, stderr } = await run(child(`{ target: 'no-such-transport' }`, death))
    expect(code).toBe(0)
    expect(stderr.match(/no-such-transport/g)?.length).toBeGreaterThan(0)
    expect(stderr.split('\n')).toHaveLength(2)
    expect(JSON.parse(stdout)).toMatchObject({ records: 3, dropped: 3, buffered: 0 })
  })
})

describe('a worker that is behind', () => {
  it('gets no more than it can take; the rest is held within its bound, lowest levels first', async () => {
    const directory = temporaryDirectory()
    const gate = join(directory, 'gate')
    const file = join(directory, 'lines')
    writeFileSync(file, '')
    // It reads nothing until the gate is there.
    const target = moduleOf(
      directory,
      'gated',
      `return new Writable({ decodeStrings: false, highWaterMark: 1, async write(text, _, done) {
         while (!fs.existsSync(options.gate)) await new Promise((resolve) => setTimeout(resolve, 5))
         write(options.file, text)
         done()
       } })`,
    )
    const transport = pinoTransport({ target, options: { gate, file }, bufferLimit: '1MB', format: 'spoor' })
    const events = withEvents(transport)
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const pad = 'x'.repeat(1000)
    let n = 0
    const write = (level: number) => transport.write(`{"n":${n++},"level":${level},"pad":"${pad}"}\n`, level)
    while (transport.stats().buffered < 900_000) {
      for (let i = 0; i < 100; i++) write(i % 2 === 0 ? 20 : 40)
      await turn()
    }
    expect(transport.stats().bytes).toBeLessThan(6 * 1024 * 1024)
    expect(transport.stats().dropped).toBe(0)
    for (let i = 0; i < 500; i++) write(60)
    const { dropped, buffered } = transport.stats()
    expect(dropped).toBeGreaterThan(0)
    expect(buffered).toBeLessThanOrEqual(1024 * 1024)
    writeFileSync(gate, '')
    await transport.flush?.()
    await transport.close?.()
    const records = parseLines(readFileSync(file, 'utf8'))
    const numbers = records.map((each) => each.n).filter((each) => each !== undefined)
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)))
    expect(numbers.length).toBe(n - transport.stats().dropped)
    expect(records.filter(({ level }) => level === 60)).toHaveLength(500)
    expect(events.map(({ code }) => code)).toEqual(['dropped', 'recovered'])
    expect(records.at(-1)).toMatchObject({ msg: 'log records were lost', dropped })
  })
})
