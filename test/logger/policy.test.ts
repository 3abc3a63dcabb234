import { setImmediate, setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { continueContext } from '../../src/context/carrier.ts'
import { ratioSampler } from '../../src/context/sampler.ts'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'
import { keepBuffered } from '../../src/logger/context.ts'
import { createLogger, reconfigure } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Logger } from '../../src/logger/types.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { recorder as bareRecorder, NOW, type Record_, type Recorder, recorderOn, WAYS } from './memory.ts'

/** At info, and shut down with its test: a policy waits for the end of the process otherwise. */
function recorder(options: LoggerOptions = {}, way: (typeof WAYS)[number] = 'direct'): Recorder {
  const log =
    way === 'direct'
      ? bareRecorder({ level: 'info', ...options })
      : recorderOn(way, { level: 'info', ...options })
  onTestFinished(() => shutdown(log.logger))
  return log
}
const messages = (log: Recorder) => log.records().map(({ msg }) => msg)
const repeat = (times: number, act: (i: number) => void): void => {
  for (let i = 0; i < times; i++) act(i)
}
const inTrace = <T>(act: () => T): T => runInScope(createScope({}, newTrace()), act)

describe('options', () => {
  it.each([
    ['rateLimit', '100'],
    ['rateLimit', true],
    ['sample', 1.5],
    ['sample', { db: 2 }],
    ['sample', 'db'],
    ['buffer', 'error'],
    ['buffer', 'debug,upto=fatal'],
  ])('%s: %s is an error', (name, value) => {
    expect(() => createLogger({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.stringContaining(name) }),
    )
  })

  it('come from the environment, which the code beats', () => {
    const env = { LOG_RATE_LIMIT: '5/h', LOG_SAMPLE: 'off', LOG_BUFFER: 'debug' }
    expect(Object.keys(stats(recorder({ env }).logger))).toEqual([
      'transports',
      'failures',
      'limit',
      'buffer',
    ])
    const { logger } = recorder({ env, rateLimit: false, buffer: false, sample: 0.5 })
    expect(Object.keys(stats(logger))).toEqual(['transports', 'failures', 'sample'])
  })

  it('off by default, nothing stands before the transports', () => {
    expect(Object.keys(stats(recorder().logger))).toEqual(['transports', 'failures'])
  })
})

describe('rateLimit', () => {
  it('holds back what comes too often from one place, and says so with one of them', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const log = recorder({ rateLimit: '10/100ms', identity: { service: 'shop' } })
    repeat(1000, (i) => log.logger.info(`order ${i} placed`, { order_id: i }))
    expect(log.records()).toHaveLength(5)
    vi.advanceTimersByTime(2000)
    const [summary, over] = log.records().slice(5)
    expect(summary).toMatchObject({
      ...{ level: 'warn', msg: 'records were held back: too many came' },
      ...{ service: 'shop', held_back: 995, held_back_by_level: { info: 995 } },
    })
    expect(summary?.example).toEqual({
      ...{ time: new Date(NOW).toISOString(), level: 'info', msg: 'order 5 placed', order_id: 5 },
    })
    expect(over).toMatchObject({ msg: 'records are no longer held back', held_back: 995 })
    expect(stats(log.logger).limit).toEqual({
      heldBack: 995,
      byLevel: { info: 995 },
      summaries: 2,
      buckets: 2,
    })
  })

  it('tells places apart by their source where that is known', () => {
    const log = recorder({ rateLimit: '4/h', source: 'all' })
    const here = () => log.logger.info('x')
    const there = () => log.logger.info('x')
    repeat(10, here)
    repeat(10, there)
    repeat(10, () => log.logger.info('x'))
    expect(log.records()).toHaveLength(4)
  })

  it('bounds components and levels each for itself', () => {
    const log = recorder({ rateLimit: '10/h,site=10/h' })
    const db = log.logger.child({ component: 'db' })
    for (const logger of [log.logger, db, db.child({ shard: 1 }), log.logger.child({ component: 'http' })]) {
      repeat(20, (i) => logger.info('abcdefghijklmnopqrst'.charAt(i)))
      repeat(20, (i) => logger.warn('abcdefghijklmnopqrst'.charAt(i)))
    }
    expect(log.records()).toHaveLength(6 * 10)
  })

  it('counts errors like all else, and tells of them as an error', async () => {
    const log = recorder({ rateLimit: '2/h' })
    repeat(50, () => log.logger.error(new Error('down')))
    repeat(5, () => log.logger.info('x'))
    await shutdown(log.logger)
    const [summary] = log.records().filter(({ held_back }) => held_back !== undefined)
    expect(summary).toMatchObject({
      ...{ level: 'error', held_back: 53, held_back_by_level: { error: 49, info: 4 } },
      example: { err: { message: 'down' } },
    })
  })

  it('tells what it held back when it is configured anew', () => {
    const log = recorder({ rateLimit: '2/h' })
    repeat(10, () => log.logger.info('x'))
    const transport = memoryTransport()
    void reconfigure(log.logger, { transports: [transport], env: {}, identity: false })
    expect(messages(log)).toEqual([
      'x',
      'records were held back: too many came',
      'records are no longer held back',
    ])
    repeat(10, () => log.logger.info('x'))
    expect(transport.lines).toHaveLength(10)
  })

  it.each(WAYS)('works on the way: %s', (way) => {
    const log = recorder({ rateLimit: '4/h', ...(way === 'redact' ? { redact: ['card'] } : {}) }, way)
    repeat(10, () => log.logger.info('paid', { card: 'c-1' }))
    expect(log.records()).toHaveLength(2)
  })

  it('shows nothing in its example that redact hides', async () => {
    const { logger, records } = recorder({ rateLimit: '2/h', redact: ['card'] })
    repeat(5, () => logger.info('paid', { card: 'c-1' }))
    await shutdown(logger)
    expect(records().map(({ card, example }) => (example as Record_ | undefined)?.card ?? card)).toEqual([
      '[Redacted]',
      '[Redacted]',
      undefined,
    ])
  })
})

describe('sample', () => {
  it('keeps the share that it was told, of whole traces, and says which', () => {
    const log = recorder({ sample: 0.25 })
    const kept = ratioSampler(0.25)
    const wanted: string[] = []
    repeat(2000, () =>
      inTrace(() => {
        const { traceId } = newTrace()
        runInScope(createScope({}, { traceId, spanId: 'b'.repeat(16), flags: 1, remote: true }), () => {
          log.logger.info('one')
          log.logger.info('two', { n: 2 })
          log.logger.warn('three')
        })
        if (kept(traceId)) wanted.push(traceId)
      }),
    )
    const infos = log.records().filter(({ level }) => level === 'info')
    expect(infos.map(({ trace_id }) => trace_id)).toEqual(wanted.flatMap((id) => [id, id]))
    expect(infos.every(({ sample_rate }) => sample_rate === 0.25)).toBe(true)
    const warnings = log.records().filter(({ level }) => level === 'warn')
    expect(warnings).toHaveLength(2000)
    expect(warnings.some((record) => 'sample_rate' in record)).toBe(false)
    expect(stats(log.logger).sample).toEqual({ kept: infos.length, dropped: 4000 - infos.length })
  })

  it('scales back to what there was', () => {
    const log = recorder({ sample: { debug: 0.1, info: 0.5, warn: 0.9 }, level: 'debug' })
    const levels = ['debug', 'info', 'warn'] as const
    repeat(9000, (i) => inTrace(() => log.logger[levels[i % 3] as 'info']('x')))
    for (const level of levels) {
      const found = log.records().filter((record) => record.level === level)
      const scaled = found.reduce((sum, { sample_rate }) => sum + 1 / (sample_rate as number), 0)
      // Ten times the standard deviation, sqrt(n (1 - p) / p).
      expect(Math.abs(scaled - 3000)).toBeLessThan(10 * Math.sqrt(3000 * 9))
      expect(found.length).toBeGreaterThan(0)
    }
  })

  it('is decided once for a scope that has no trace, and by each record outside of any', () => {
    const log = recorder({ sample: 0.5 })
    repeat(400, (i) =>
      withContext({ job: i }, () => {
        log.logger.info('a')
        withContext({ step: 1 }, () => log.logger.info('b'))
      }),
    )
    const jobs = log.records().map(({ job, msg }) => `${job}${msg}`)
    expect(jobs.length).toBeGreaterThan(200)
    expect(jobs.length).toBeLessThan(600)
    expect(new Set(jobs.map((job) => job.slice(0, -1))).size).toBe(jobs.length / 2)
    log.clear()
    repeat(1000, () => log.logger.info('x'))
    expect(log.records().length).toBeGreaterThan(300)
    expect(log.records().length).toBeLessThan(700)
  })

  it.each([
    [1, 1],
    [0, 0],
  ])('follows the flag of a trace where it is told to: %i', (flags, count) => {
    const log = recorder({ sample: 'trace_flags,info=0.5' })
    repeat(100, () =>
      runInScope(createScope({}, { ...newTrace(), flags }), () => {
        log.logger.info('x')
        log.logger.warn('kept')
      }),
    )
    expect(log.records().filter(({ msg }) => msg === 'x')).toHaveLength(100 * count)
    expect(log.records().filter(({ msg }) => msg === 'kept')).toHaveLength(100)
    expect(log.records().some((record) => 'sample_rate' in record)).toBe(false)
  })

  it("keeps its key for itself: a call's goes elsewhere, with other names too", () => {
    const log = recorder({ sample: { info: 0.999999999 }, keys: { sample_rate: 'rate' } })
    inTrace(() => log.logger.child({ rate: 1 }).info('x', { sample_rate: 2, a: 1 }))
    expect(log.only()).toMatchObject({ rate: 0.999999999, _rate: 1, __rate: 2, a: 1 })
  })

  it('leaves records as they are where it keeps all of them', () => {
    const log = recorder({ sample: { debug: 0 } })
    log.logger.info('x', { sample_rate: 7 })
    expect(log.only()).toMatchObject({ msg: 'x', _sample_rate: 7 })
  })

  it('reaches objects as it reaches lines', () => {
    const objects: Record_[] = []
    const transport: Transport = {
      name: 'objects',
      write() {},
      writeRecord: (record) => objects.push(record),
      stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
    }
    const lines = memoryTransport()
    const logger = createLogger({
      ...{ sample: 0.999999999, env: {}, identity: false, transports: [transport, lines] },
    })
    onTestFinished(() => shutdown(logger))
    inTrace(() => logger.info('x', { a: 1 }))
    expect(objects).toEqual(lines.records())
    expect(objects).toMatchObject([{ msg: 'x', a: 1, sample_rate: 0.999999999 }])
  })

  it('leaves nothing out where somebody asked', () => {
    const log = recorder({ sample: 0 })
    withContext({}, () => {
      log.logger.info('left out')
      keepBuffered()
      log.logger.info('x')
    })
    expect(messages(log)).toEqual(['x'])
  })

  it.each(WAYS)('works on the way: %s', (way) => {
    const log = recorder({ sample: { info: 0.999999999, debug: 0 }, level: 'debug' }, way)
    inTrace(() => {
      log.logger.info('x')
      log.logger.debug('y')
    })
    expect(log.only()).toMatchObject({ msg: 'x', sample_rate: 0.999999999 })
  })
})

describe('buffer', () => {
  it.each(WAYS)('writes the records of a scope that throws, in order, on the way: %s', async (way) => {
    let now = NOW
    const log = recorder({ buffer: 'debug', now: () => now++ }, way)
    const work = withContext({ request_id: 'r-1' }, async () => {
      log.logger.debug('one', { n: 1 })
      await setImmediate()
      withContext({ step: 2 }, () => log.logger.info('two'))
      expect(log.records()).toEqual([])
      throw new Error('x')
    })
    await expect(work).rejects.toThrow('x')
    expect(log.records()).toMatchObject([
      { level: 'debug', msg: 'one', n: 1, request_id: 'r-1' },
      { level: 'info', msg: 'two', step: 2, request_id: 'r-1' },
    ])
    const [first, second] = log.records().map(({ time }) => Date.parse(time as string))
    expect(second).toBe((first as number) + 1)
  })

  it.each<[string, () => unknown]>([
    ['a function', () => 1],
    ['a promise', async () => 1],
    [
      'a scope inside that throws and is caught',
      () => {
        try {
          withContext({}, () => {
            throw new Error('x')
          })
        } catch {}
      },
    ],
  ])('lets them go where all went well: %s', async (_name, act) => {
    const log = recorder({ buffer: 'debug' })
    await withContext({}, () => {
      log.logger.debug('one')
      log.logger.info('two')
      return act()
    })
    expect(log.records()).toEqual([])
    expect(stats(log.logger).buffer).toMatchObject({ held: 0, letGo: 2, written: 0 })
  })

  it('gives withContext its result, and a rejection to whoever handles it', async () => {
    recorder({ buffer: 'debug' })
    expect(withContext({}, () => 7)).toBe(7)
    await expect(withContext({}, async () => 8)).resolves.toBe(8)
    let asked = 0
    // biome-ignore lint/suspicious/noThenProperty: what a query builder has
    const lazy = { then: () => asked++ }
    expect(withContext({}, () => lazy)).toBe(lazy)
    expect(asked).toBe(0)
  })

  it('writes them before the error that the scope logs, and all that follows at once', () => {
    const log = recorder({ buffer: 'debug' })
    withContext({}, () => {
      log.logger.debug('one')
      log.logger.warn('two')
      log.logger.debug('three')
      log.logger.error('four')
      log.logger.debug('five')
      expect(messages(log)).toEqual(['two', 'one', 'three', 'four', 'five'])
    })
  })

  it('leaves records outside of any scope as they were', () => {
    const log = recorder({ buffer: 'debug' })
    log.logger.debug('below the level')
    log.logger.info('x')
    expect(messages(log)).toEqual(['x'])
    expect(log.logger.level).toBe('info')
    expect(log.logger.isLevelEnabled('debug')).toBe(true)
  })

  it('leaves records of a scope that has ended as they were', async () => {
    const log = recorder({ buffer: 'debug' })
    let later: Promise<void> | undefined
    withContext({}, () => {
      log.logger.info('let go')
      later = setImmediate().then(() => {
        log.logger.debug('below the level')
        log.logger.info('late')
      })
    })
    await later
    expect(messages(log)).toEqual(['late'])
  })

  it('holds nothing of a component that is silent, and all else that is below its level', () => {
    const log = recorder({ buffer: 'debug' })
    const silent = log.logger.child({ component: 'silent' })
    silent.level = 'silent'
    const quiet = log.logger.child({ component: 'quiet' })
    quiet.level = 'error'
    withContext({}, () => {
      silent.info('never')
      quiet.debug('held')
      quiet.warn('below its level')
      log.logger.error('x')
    })
    expect(messages(log)).toEqual(['held', 'x'])
    expect(quiet.level).toBe('error')
  })

  it('writes them when it is asked, from inside the scope', () => {
    const log = recorder({ buffer: 'debug' })
    expect(keepBuffered()).toBe(false)
    withContext({}, () => {
      log.logger.debug('one')
      withContext({}, () => expect(keepBuffered()).toBe(true))
      log.logger.debug('two')
      expect(messages(log)).toEqual(['one', 'two'])
    })
  })

  it('never writes what is below the level while all goes well, whatever the share', () => {
    const log = recorder({ buffer: 'debug', sample: { debug: 1, info: 1 } })
    withContext({}, () => {
      log.logger.debug('below')
      log.logger.info('x')
    })
    expect(messages(log)).toEqual(['x'])
  })

  it('decides on a scope made of a carrier as on any other', async () => {
    const log = recorder({ buffer: 'debug' })
    const work = continueContext({ fields: { job: 1 } }, async () => {
      log.logger.debug('one')
      throw new Error('x')
    })
    await expect(work).rejects.toThrow('x')
    expect(log.records()).toMatchObject([{ msg: 'one', job: 1 }])
  })

  it('writes those of a slow scope', async () => {
    const log = recorder({ buffer: 'debug', slowMs: 20 })
    await withContext({}, async () => {
      log.logger.debug('slow')
      await setTimeout(40)
    })
    withContext({}, () => log.logger.debug('fast'))
    expect(messages(log)).toEqual(['slow'])
  })

  it('holds debug alone where it is told to', () => {
    const log = recorder({ buffer: 'debug,upto=debug' })
    withContext({}, () => {
      log.logger.debug('let go')
      log.logger.info('x')
    })
    expect(messages(log)).toEqual(['x'])
  })

  it('keeps the last records of a scope, within its bounds', () => {
    const log = recorder({ buffer: 'debug,records=3,size=10KB' })
    withContext({}, () => {
      repeat(10, (i) => log.logger.debug(`r${i}`))
      log.logger.error('x')
    })
    expect(messages(log)).toEqual(['r7', 'r8', 'r9', 'x'])
    expect(stats(log.logger).buffer).toMatchObject({ overflowed: 7, written: 3 })
  })

  it('counts a line that is not Latin as what it takes in memory', () => {
    const log = recorder({ buffer: 'debug' })
    withContext({}, () => {
      log.logger.debug('x'.repeat(1000))
      const latin = stats(log.logger).buffer?.bytes as number
      log.logger.debug('火'.repeat(1000))
      const both = stats(log.logger).buffer?.bytes as number
      expect(latin).toBeGreaterThan(1000)
      expect(both - latin).toBeGreaterThan(2000)
    })
  })

  it('writes all that it holds when the logger is shut down or configured anew', async () => {
    const log = recorder({ buffer: 'debug' })
    const transport = memoryTransport()
    await withContext({}, async () => {
      log.logger.debug('one')
      await reconfigure(log.logger, { buffer: 'debug', transports: [transport], env: {} })
      expect(messages(log)).toEqual(['one'])
      log.logger.debug('two')
      await shutdown(log.logger)
    })
    expect(transport.records().map(({ msg }) => msg)).toEqual(['two'])
  })

  it('once it is turned off, holds every level to what was set', async () => {
    const log = recorder({ buffer: 'debug' })
    const child = log.logger.child({})
    child.level = 'warn'
    const transport = memoryTransport()
    await reconfigure(log.logger, { transports: [transport], env: {} })
    withContext({}, () => {
      child.info('below')
      log.logger.debug('below')
      child.warn('x')
    })
    expect(transport.records().map(({ msg }) => msg)).toEqual(['x'])
  })

  it('with sample writes a share of what went well, with its rate, and all that failed without', () => {
    const log = recorder({ buffer: 'debug', sample: { info: 0.5 } })
    const jobs = Array.from({ length: 400 }, (_, i) => i)
    for (const job of jobs) {
      try {
        withContext({ job }, () => {
          log.logger.debug('detail')
          log.logger.info('job done')
          if (job % 4 === 0) throw new Error('x')
        })
      } catch {}
    }
    const failed = log.records().filter(({ job }) => (job as number) % 4 === 0)
    const well = log.records().filter(({ job }) => (job as number) % 4 !== 0)
    expect(failed).toHaveLength(200)
    expect(failed.some((record) => 'sample_rate' in record)).toBe(false)
    expect(well.every(({ msg, sample_rate }) => msg === 'job done' && sample_rate === 0.5)).toBe(true)
    expect(well.length).toBeGreaterThan(80)
    expect(well.length).toBeLessThan(220)
  })

  it('with rateLimit counts only what is written', async () => {
    const log = recorder({ buffer: 'debug', rateLimit: '10/h,site=10/h' })
    repeat(100, () => withContext({}, () => log.logger.debug('let go')))
    withContext({}, () => {
      repeat(20, (i) => log.logger.debug(`r${i}`))
      log.logger.error('x')
    })
    await shutdown(log.logger)
    expect(messages(log).slice(0, 11)).toEqual([...Array.from({ length: 10 }, (_, i) => `r${i}`), 'x'])
    expect(stats(log.logger).limit).toMatchObject({ heldBack: 10, byLevel: { debug: 10 } })
  })

  it('holds objects as it holds lines, and hands both on', () => {
    const objects: Record_[] = []
    const transport: Transport = {
      name: 'objects',
      write() {},
      writeRecord: (record) => objects.push(record),
      stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
    }
    const lines = memoryTransport()
    const logger = createLogger({
      ...{ buffer: 'debug', env: {}, identity: false, source: 'off', transports: [transport, lines] },
    })
    onTestFinished(() => shutdown(logger))
    const order = { id: 1 }
    withContext({ request_id: 'r' }, () => {
      logger.debug('x', { order })
      order.id = 2
      logger.error('y')
    })
    expect(objects).toEqual(lines.records())
    expect(objects[0]).toMatchObject({ msg: 'x', order: { id: 1 }, request_id: 'r' })
    expect(stats(logger).buffer?.written).toBe(1)
  })

  it('does not mix up records that are made while others are', () => {
    const log = recorder({ buffer: 'debug' })
    const talks = (level: 'debug' | 'warn') => ({
      toJSON() {
        log.logger[level](`inner ${level}`)
        return 'said'
      },
    })
    withContext({}, () => {
      log.logger.debug('outer', { talks: talks('warn') })
      expect(messages(log)).toEqual(['inner warn'])
      log.logger.warn('loud', { talks: talks('debug') })
      expect(messages(log)).toEqual(['inner warn', 'loud'])
      log.logger.error('x')
    })
    expect(messages(log)).toEqual(['inner warn', 'loud', 'outer', 'inner debug', 'x'])
  })

  it('puts a record in its place whose making is an error of the scope', () => {
    const log = recorder({ buffer: 'debug' })
    const fails = {
      toJSON() {
        log.logger.error('inner')
        return 'said'
      },
    }
    withContext({}, () => {
      log.logger.debug('outer', { fails })
      log.logger.debug('next')
      expect(messages(log)).toEqual(['inner', 'outer', 'next'])
    })
  })

  it('keeps what a scope holds apart by logger, and writes it all where either sees an error', () => {
    const [one, other] = [recorder({ buffer: 'debug' }), recorder({ buffer: 'debug' })]
    withContext({}, () => {
      one.logger.debug('one')
      other.logger.debug('other')
      one.logger.error('x')
    })
    expect([messages(one), messages(other)]).toEqual([['one', 'x'], ['other']])
  })
})

it('leaves the records of start and end alone', async () => {
  const transport = memoryTransport()
  const logger: Logger = createLogger({
    ...{ rateLimit: '1/h', sample: 0, buffer: 'debug', lifecycle: true, env: {}, transports: [transport] },
  })
  repeat(5, () => logger.warn('x'))
  await shutdown(logger)
  expect(transport.records().map(({ msg }) => msg)).toEqual([
    'service started',
    'x',
    'records were held back: too many came',
    'records are no longer held back',
    'service ended',
  ])
})
