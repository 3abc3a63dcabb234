import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import type { Logger } from '../../src/logger/types.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { recorder, repeat } from './gates-recorder.ts'

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
