import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selfLogStats } from '../../src/config/self-log.ts'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Logger } from '../../src/logger/types.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { createPretty } from '../../src/transports/pretty.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { SECRET_KEYS, spellings } from '../policy/redact/secret-keys.ts'
import { HOSTILE_RUNS } from '../support/random.ts'
import { parseStrict } from '../support/strict-json.ts'
import { NOW, optionsOf, type Record_, recorder, recorderOn, subscribe, WAYS, type Way } from './memory.ts'

const numRuns = HOSTILE_RUNS

/** What must not be found in anything that was written. */
const CORE = 'Zq7Xw9Kp'

interface Outputs {
  readonly logger: Logger
  /** All that any transport got since the last call, and how the pretty console shows it. */
  taken(): string
}

/** A logger with a transport for lines and, where the way allows, one for objects. */
function outputs(way: Way, options: LoggerOptions, objects: boolean): Outputs {
  if (way === 'subscriber') subscribe()
  const lines = memoryTransport({ limit: 1000 })
  const records: string[] = []
  const pretty = createPretty(false)
  const collector: Transport = {
    name: 'objects',
    write() {},
    writeRecord: (record) => void records.push(JSON.stringify(record)),
    stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
  }
  const logger = createLogger({
    ...{ identity: false, source: 'off', level: 'trace', env: {}, now: () => NOW },
    ...options,
    ...optionsOf(way),
    ...(way === 'redact' ? { redact: { ...(options.redact as object), paths: ['no.such.path'] } } : {}),
    transports: objects ? [lines, collector] : [lines],
  })
  return {
    logger,
    taken() {
      for (const line of lines.lines) parseStrict(line)
      const all = [...lines.lines, ...lines.lines.map(pretty), ...records].join('')
      expect(lines.lines.length).toBeGreaterThan(0)
      lines.clear()
      records.length = 0
      return all
    },
  }
}

type Wrap = (inner: unknown, other: string) => unknown

/** Containers, each around what it is given. */
const CONTAINERS: readonly Wrap[] = [
  (inner, other) => ({ [other]: inner }),
  (inner) => ({ a: 1, inner, b: 'x' }),
  (inner) => [inner],
  (inner, other) => [1, other, inner, null],
  (inner, other) => new Map([[other, inner]]),
  (inner) => new Map<unknown, unknown>([[{}, inner]]),
  (inner) => new Set([inner]),
  (inner, other) => Object.assign(Object.create(null), { [other]: inner }),
  (inner) => ({ toJSON: () => inner }),
  (inner) => Object.assign(new Error('own'), { inner }),
  (inner) => new Error('cause', { cause: inner }),
  (inner) => new AggregateError([inner], 'errors'),
  (inner) => ({
    get inner() {
      return inner
    },
  }),
  (inner) => new Proxy({ inner }, {}),
  (inner) =>
    new (class Holder {
      inner = inner
    })(),
  (inner) => JSON.stringify(inner),
  (inner) => JSON.stringify({ text: JSON.stringify([inner]) }),
]

/** The ways to say that a key has a value. */
const PAIRS: readonly ((key: string, secret: string) => unknown)[] = [
  (key, secret) => ({ [key]: secret }),
  (key, secret) => ({ before: 1, [key]: secret, after: [] }),
  (key, secret) => ({ [key]: { any: [secret] } }),
  (key, secret) => ({ [key]: [secret, secret] }),
  (key, secret) => new Map([[key, secret]]),
  (key, secret) => ['Host', 'x', key, secret, 'Accept', '*/*'],
  (key, secret) => [
    ['Host', 'x'],
    [key, secret],
  ],
  (key, secret) =>
    new Map<unknown, unknown>([
      [1, 2],
      [key, secret],
    ]),
  (key, secret) => Object.assign(new Error('own'), { [key]: secret }),
  (key, secret) => JSON.stringify({ [key]: secret }),
  (key, secret) => `got ${JSON.stringify({ a: [{ [key]: secret }] })} from it`,
  (key, secret) => `https://example.com/a?x=1&${encodeURIComponent(key)}=${encodeURIComponent(secret)}&y=2`,
  (key, secret) => new URL(`https://h/?${encodeURIComponent(key)}=${encodeURIComponent(secret)}`),
  (key, secret) => new Error(`failed: /?${encodeURIComponent(key)}=${encodeURIComponent(secret)}`),
  (_key, secret) => `https://user:${encodeURIComponent(secret)}@example.com/`,
  (key, secret) => ({
    get [key]() {
      return secret
    },
  }),
]

/** Where it may stand in what a service logs. */
const PLACES: readonly ((logger: Logger, value: unknown) => void)[] = [
  (logger, value) => logger.info('x', { value }),
  (logger, value) => logger.info({ value }, 'x'),
  (logger, value) => logger.info(value as object),
  (logger, value) => logger.info('x %j', value),
  (logger, value) => logger.info('x %o and %s', value as object, value as object),
  (logger, value) => logger.info('x', [value] as never),
  (logger, value) => logger.error(new Error('x', { cause: value })),
  (logger, value) => logger.error('x', Object.assign(new Error('x'), { value }), { more: value }),
  (logger, value) => logger.info({ err: value }),
  (logger, value) => logger.child({ value }).info('x'),
  (logger, value) => withContext({ value }, () => logger.info('x')),
  (logger, value) => withContext({ value }, () => logger.child({ value }).info('x', { value, msg: value })),
  (logger, value) => logger.info(typeof value === 'string' ? value : JSON.stringify(value)),
]

const key = fc.constantFrom(...SECRET_KEYS.flatMap(spellings))
const garnish = fc.oneof(
  fc.constant(''),
  fc.constantFrom('"', '\\', "'", '&', ';', ',', '\n', 'é', '%', '…', ' ', '='),
)
const secretText = fc.tuple(garnish, garnish).map(([a, b]) => `${a}${CORE}${b}${CORE}${a}`)
const depth = fc.array(
  fc.tuple(fc.nat(CONTAINERS.length - 1), fc.constantFrom('x', 'note', 'Data', '0', 'ключ')),
  {
    maxLength: 7,
  },
)

describe.each(WAYS)('a planted secret, on the way: %s', (way) => {
  it.each([
    ['a mark', { mode: 'on' as const }],
    ['a hash', { mode: 'hash' as const, hashKey: 'a key for tests only' }],
    ['nothing', { mode: 'remove' as const }],
  ])('never appears, where it becomes %s', (_name, redact) => {
    const both = [outputs(way, { redact }, false), outputs(way, { redact }, true)]
    fc.assert(
      fc.property(
        fc.nat(PAIRS.length - 1),
        key,
        secretText,
        depth,
        fc.nat(PLACES.length - 1),
        (pair, name, secret, containers, place) => {
          for (const { logger, taken } of both) {
            const planted = PAIRS[pair]?.(name, secret)
            const value = containers.reduce<unknown>(
              (inner, [at, other]) => CONTAINERS[at]?.(inner, other),
              planted,
            )
            PLACES[place]?.(logger, value)
            expect(taken()).not.toContain(CORE)
          }
        },
      ),
      { numRuns: Math.ceil(numRuns / 3) },
    )
  })
})

describe('a record', () => {
  it.each(WAYS)('is the same but for what is hidden, on the way: %s', (way) => {
    const hiding = recorderOn(way)
    const open = recorder({ redact: false })
    const word = fc.constantFrom('plain', 'order', 'total', 'Item', 'password', 'authToken', 'note')
    const leaf = fc.oneof(
      fc.constantFrom(
        'hunter2',
        'a text',
        '?token=abc',
        'Bearer abcdef123',
        '4111111111111111',
        '{"pwd":"x"}',
        '',
      ),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    )
    const tree = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.dictionary(word, tie('any'), { maxKeys: 4 }),
        fc.array(tie('any'), { maxLength: 3 }),
      ),
    })).any
    fc.assert(
      fc.property(
        fc.dictionary(word, tree),
        fc.constantFrom('x', 'go ?token=abc', 'password=hunter2'),
        (said, msg) => {
          hiding.logger.info(said, msg)
          open.logger.info(said, msg)
          expectAlike(hiding.only(), open.only(), '')
        },
      ),
      { numRuns },
    )
  })

  const HIDING = /password|token/i
  const SUSPICIOUS = /hunter2|token=abc|Bearer|4111|pwd/

  function expectAlike(hidden: unknown, open: unknown, name: string): void {
    if (HIDING.test(name) && open !== null && typeof open !== 'boolean' && open !== '') {
      expect(hidden).toBe('[redacted]')
    } else if (typeof open === 'string' && SUSPICIOUS.test(open)) {
      expect(hidden).toMatch(open === 'hunter2' ? /^(hunter2|\[redacted\])$/ : /\[redacted\]/)
    } else if (typeof open !== 'object' || open === null) {
      expect(hidden).toEqual(open)
    } else {
      expect(Object.keys(hidden as object).sort()).toEqual(Object.keys(open).sort())
      for (const [key, member] of Object.entries(open)) expectAlike((hidden as Record_)[key], member, key)
    }
  }
})

describe('what hides and what does not', () => {
  const said = (fields: Record_, options: LoggerOptions = {}): Record_ => {
    const log = recorder(options)
    log.logger.info('x', fields)
    const { time: _time, level: _level, msg: _msg, ...rest } = log.only()
    return rest
  }

  it('is decided by the key, not by what stands under it', () => {
    expect(
      said({ password: 'a', token: 5, cookies: { a: 1 }, ssn: [1], user: { apiKey: 'x', name: 'n' } }),
    ).toEqual({
      password: '[redacted]',
      token: '[redacted]',
      cookies: '[redacted]',
      ssn: '[redacted]',
      user: { apiKey: '[redacted]', name: 'n' },
    })
  })

  it('leaves what tells nothing: null, booleans, empty texts', () => {
    const fields = {
      password: null,
      token: true,
      secret: false,
      cookie: '',
      deep: { password: null, token: true },
    }
    expect(said(fields)).toEqual(fields)
    expect(said({ password: undefined, token: () => 1 })).toEqual({})
  })

  it('hides by the names that a schema renames', () => {
    expect(said({ user_token: 'x' }, { keys: { user_token: 'ut' } })).toEqual({ ut: '[redacted]' })
  })

  it('hides beside a name that is taken', () => {
    const log = recorder()
    withContext({ token: 'a' }, () => log.logger.info('x', { token: 'b' }))
    expect(log.only()).toMatchObject({ token: '[redacted]' })
    expect(log.lines().join('')).not.toContain('"b"')
  })

  it("leaves the scope's own ids, and hides those that a client sent", () => {
    const log = recorder()
    const ids = { session_id: 's-1', user_id: 'u-1', sid: 'x', 'connect.sid': 'y' }
    withContext(ids, () => log.logger.info('x', { session_id: 's-1', body: { session_id: 's-2' } }))
    expect(log.only()).toMatchObject({
      session_id: 's-1',
      user_id: 'u-1',
      sid: '[redacted]',
      'connect.sid': '[redacted]',
      body: { session_id: '[redacted]' },
    })
    expect(said({ session_id: 's-3' })).toEqual({ session_id: '[redacted]' })
  })

  it('hashes ids where it is asked to', () => {
    const log = recorder({ redact: { ids: 'hash', hashKey: 'a key for tests only' } })
    withContext({ session_id: 's-1', user_id: 'u-1' }, () =>
      log.logger.info('x', { deep: { user_id: 'u-1' } }),
    )
    const record = log.only() as { session_id: string; user_id: string; deep: { user_id: string } }
    expect(record.user_id).toMatch(/^\[hash:[0-9a-f]{16}\]$/)
    expect(record.deep.user_id).toBe(record.user_id)
    expect(record.session_id).not.toBe(record.user_id)
  })

  it('can be turned off, by code and by the environment', () => {
    expect(said({ password: 'a' }, { redact: false })).toEqual({ password: 'a' })
    expect(said({ password: 'a' }, { env: { LOG_REDACT: 'off' } })).toEqual({ password: 'a' })
    expect(said({ password: 'a' }, { env: { LOG_REDACT: 'off' }, redact: true })).toEqual({
      password: '[redacted]',
    })
    expect(said({ password: 'a', b: 1 }, { env: { LOG_REDACT: 'remove' } })).toEqual({ b: 1 })
  })

  it('follows the environment’s own keys and exceptions', () => {
    const env = { LOG_REDACT_KEYS: 'iban', LOG_REDACT_EXCEPT: 'page_token' }
    expect(said({ customerIban: 'x', pageToken: 'y', token: 'z' }, { env })).toEqual({
      customerIban: '[redacted]',
      pageToken: 'y',
      token: '[redacted]',
    })
  })

  it('is told on stderr where the environment asks for what can do nothing', () => {
    const calls = (code: string): number => selfLogStats().codes[code] ?? 0
    const before = [calls('config.LOG_REDACT_EXCEPT'), calls('config.LOG_REDACT_KEY')] as const
    said({ a: 1 }, { env: { LOG_REDACT_EXCEPT: 'colour' } })
    expect(calls('config.LOG_REDACT_EXCEPT')).toBe(before[0] + 1)
    expect(said({ password: 'x' }, { env: { LOG_REDACT: 'hash' } })).toEqual({ password: '[redacted]' })
    expect(calls('config.LOG_REDACT_KEY')).toBe(before[1] + 1)
  })

  it('hashes with the environment’s key', () => {
    const env = { LOG_REDACT: 'hash', LOG_REDACT_KEY: 'k'.repeat(16) }
    const record = said({ password: 'a', token: 'a', secret: { a: 'a' } }, { env }) as Record<string, string>
    expect(record.password).toMatch(/^\[hash:/)
    expect(record.token).toBe(record.password)
    expect(record.secret).toMatch(/^\[hash:/)
    expect(record.secret).not.toBe(record.password)
  })

  it('a text is searched beyond where it is cut', () => {
    const log = recorder({ limits: { string: 100 } })
    const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'abcdefghijklmnop'].join('.')
    for (let before = 0; before < 120; before++) {
      log.logger.info('x', {
        note: `${'-'.repeat(before)} ${jwt}`,
        url: `${'-'.repeat(before)}?token=${CORE}${CORE}`,
      })
      log.logger.info(`${'-'.repeat(before)}{"password":"${CORE}${CORE}"}${'x'.repeat(99)}`)
    }
    expect(log.lines().join('')).not.toMatch(/eyJhbGci|Zq7X/)
  })

  it('also in an object that a message shows, by keys that no text would have', () => {
    const log = recorder()
    log.logger.info('x %j', { [`${'x'.repeat(200)}_password`]: 'hunter2' })
    expect(log.only().msg).toMatch(/^x \{"x+_password":"\[redacted\]"\}$/)
  })

  it('also what a getter throws', () => {
    const fields = {
      get a() {
        throw new Error('no connection to postgres://u:hunter2@db/')
      },
      b: 1,
    }
    expect(said(fields)).toEqual({ a: '[Throws: no connection to postgres://u:[redacted]@db/]', b: 1 })
  })
})

describe("pino's paths, beside spoor's rules", () => {
  it('hold for what no rule hides', () => {
    const log = recorder({ redact: ['a.b', '*.c'] })
    log.logger.info('x', { a: { b: 1, c: 2, d: 3 }, password: 'x' })
    expect(log.only()).toMatchObject({
      a: { b: '[Redacted]', c: '[Redacted]', d: 3 },
      password: '[redacted]',
    })
  })

  it.each(['direct', 'subscriber'] as const)(
    'a message that is removed is empty, and the line valid, on the way: %s',
    (way) => {
      if (way === 'subscriber') subscribe()
      const log = recorder({ redact: { paths: ['msg', 'a'], remove: true } })
      log.logger.info('hunter2', { a: 1, b: 2 })
      expect(log.only()).toMatchObject({ msg: '', b: 2 })
    },
  )

  it('a censor that throws hides the message too', () => {
    const log = recorder({
      redact: {
        paths: ['msg', 'a'],
        censor: () => {
          throw new Error('no')
        },
      },
    })
    log.logger.info('hunter2', { a: 'hunter2', b: 2 })
    expect(log.lines().join('')).not.toContain('hunter2')
    expect(log.only().msg).toBe('[Redacted]')
  })

  it('are those of a child as well', () => {
    const log = recorder()
    log.logger.child({}, { redact: ['a'] }).info('x', { a: 1, b: { password: 2 } })
    expect(log.only()).toMatchObject({ a: '[Redacted]', b: { password: '[redacted]' } })
  })
})

it('holds for children that are made before the logger is configured', async () => {
  const { createLazyLogger, reconfigure } = await import('../../src/logger/create.ts')
  const logger = createLazyLogger()
  const child = logger.child({ token: 'hunter2' })
  const transport = memoryTransport()
  await reconfigure(logger, { transports: [transport], identity: false, env: {} })
  child.info('x')
  runInScope(createScope({ cookie: 'hunter2' }), () => child.info('x'))
  expect(transport.lines).toHaveLength(2)
  expect(transport.lines.join('')).not.toContain('hunter2')
})

describe('a stack', () => {
  const stackOf = (err: Error): string => {
    const log = recorder()
    log.logger.error(err)
    return (log.only().err as { stack: string }).stack
  }

  it.each([
    ['in the message', new Error('GET /?token=hunter2 failed')],
    [
      'in a line of the message that looks like a frame',
      new Error('x\n    at token=hunter2\n    at Bearer hunter2a'),
    ],
    [
      'in a message of its own',
      Object.assign(new Error('x'), { message: 'y token=hunter2', stack: 'Error: x token=hunter2' }),
    ],
    [
      'in a frame',
      Object.assign(new Error('x'), { stack: 'Error: x\n    at f (https://u:hunter2@host/x.js:1:1)' }),
    ],
    [
      'below the frames',
      Object.assign(new Error('x'), { stack: 'Error: x\n    at f (x.js:1:1)\ntoken: hunter2' }),
    ],
    [
      'where there is no message',
      Object.assign(new Error(''), { stack: 'Error\n    at f (x.js:1:1)\nBearer hunter2' }),
    ],
  ])('shows no secret %s', (_name, err) => {
    expect(stackOf(err)).not.toContain('hunter2')
    expect(stackOf(err)).toContain('[redacted]')
  })

  it('stays as it is where there is none', () => {
    for (const err of [new Error('plain'), new Error(''), new TypeError('a\n    at b')])
      expect(stackOf(err)).toBe(err.stack)
  })
})
