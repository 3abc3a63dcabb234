import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { reconfigure } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { messages, recorder, repeat } from './gates-recorder.ts'
import { NOW, type Record_, WAYS } from './memory.ts'

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
