import { afterEach, describe, expect, it, vi } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import { spoorPino } from '../../src/pino/factory.ts'
import { parseStrict } from '../support/strict-json.ts'

afterEach(() => vi.unstubAllEnvs())

function written(env: Record<string, string>, options: object = {}): Record<string, unknown> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  let line = ''
  const stream = {
    write(text: string) {
      line = text
    },
  }
  const logger = spoorPino({ base: null, timestamp: false, ...options }, stream)
  const fields = {
    password: 'hunter2',
    deep: { list: [{ apiKey: 'hunter2', n: 1 }], url: '/?token=hunter2' },
    big: 12345678901234567890n,
    n: 4111111111111111,
  }
  runInScope(createScope({ session_id: 's-1', cookie: 'hunter2' }), () =>
    logger.child({ token: 'hunter2' }).info(fields, 'GET /?password=hunter2'),
  )
  const record = parseStrict<Record<string, unknown>>(line)
  // Read and written again: only what stands right on the line keeps all its digits.
  if (!('nestedKey' in options)) expect(line).toContain('"big":12345678901234567890')
  return record
}

describe('spoor/pino', () => {
  it('hides nothing of its own accord', () => {
    expect(written({})).toMatchObject({
      password: 'hunter2',
      token: 'hunter2',
      msg: 'GET /?password=hunter2',
    })
    expect(written({ LOG_REDACT: 'off' })).toMatchObject({ password: 'hunter2' })
  })

  it.each([
    ['by its own asJson', {}],
    ['by pino’s, for paths', { redact: ['deep.none'] }],
    ['by pino’s, for a nested key', { nestedKey: 'payload' }],
  ])('hides what spoor hides where LOG_REDACT asks, in lines written %s', (_name, options) => {
    const record = written({ LOG_REDACT: 'on' }, options)
    expect(JSON.stringify(record)).not.toContain('hunter2')
    expect(record).toMatchObject({ level: 30, session_id: 's-1', msg: 'GET /?password=[redacted]' })
  })

  it('leaves fields out, or hashes them, as LOG_REDACT says', () => {
    expect(written({ LOG_REDACT: 'remove' })).not.toHaveProperty('password')
    const { password, token } = written({ LOG_REDACT: 'hash', LOG_REDACT_KEY: 'k'.repeat(16) })
    expect(password).toMatch(/^\[hash:/)
    expect(token).toBe(password)
  })
})
