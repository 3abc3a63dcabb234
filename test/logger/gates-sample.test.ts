import { describe, expect, it, onTestFinished } from 'vitest'
import { ratioSampler } from '../../src/context/sampler.ts'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'
import { keepBuffered } from '../../src/logger/context.ts'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { inTrace, messages, objectTransport, recorder, repeat } from './gates-recorder.ts'
import { WAYS } from './memory.ts'

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
    const { transport, objects } = objectTransport()
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
