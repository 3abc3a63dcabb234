import { setImmediate, setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { continueContext } from '../../src/context/carrier.ts'
import { withContext } from '../../src/context/scope.ts'
import { keepBuffered } from '../../src/logger/context.ts'
import { createLogger, reconfigure } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { messages, objectTransport, recorder, repeat } from './gates-recorder.ts'
import { NOW, WAYS } from './memory.ts'

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
    const { transport, objects } = objectTransport()
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
