import { EventEmitter } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { HEAD, recorder } from './memory.ts'

const boom = new TypeError('boom')
const err = expect.objectContaining({ type: 'TypeError', message: 'boom', stack: boom.stack })
class Order {
  id = 1
  #secret = 2
  get total() {
    return this.#secret
  }
}
class Money {
  toJSON() {
    return { amount: 3 }
  }
}

/** What is said, and what is written besides the time and the level. */
const CALLS: readonly [string, unknown[], object][] = [
  ['a message', ['hello'], { msg: 'hello' }],
  ['a message and fields', ['hello', { a: 1 }], { msg: 'hello', a: 1 }],
  ['fields and a message', [{ a: 1 }, 'hello'], { msg: 'hello', a: 1 }],
  ['fields alone', [{ a: 1 }], { msg: '', a: 1 }],
  ['fields with their message', [{ msg: 'own', a: 1 }], { msg: 'own', a: 1 }],
  ['fields with another message', [{ msg: 'own' }, 'hello'], { msg: 'hello', _msg: 'own' }],
  ['fields with the same message', [{ msg: 'hello' }, 'hello'], { msg: 'hello' }],
  ['an error', [boom], { msg: 'boom', err }],
  ['an error and a message', [boom, 'failed'], { msg: 'failed', err }],
  ['a message and an error', ['failed', boom], { msg: 'failed', err }],
  ['message, error, fields', ['failed', boom, { a: 1 }], { msg: 'failed', err, a: 1 }],
  ['message, fields, error', ['failed', { a: 1 }, boom], { msg: 'failed', err, a: 1 }],
  ['error, message, fields', [boom, 'failed', { a: 1 }], { msg: 'failed', err, a: 1 }],
  ['error, fields, message', [boom, { a: 1 }, 'failed'], { msg: 'failed', err, a: 1 }],
  ['fields, error, message', [{ a: 1 }, boom, 'failed'], { msg: 'failed', err, a: 1 }],
  ['fields, message, error', [{ a: 1 }, 'failed', boom], { msg: 'failed', err, a: 1 }],
  ['error and fields', [boom, { a: 1 }], { msg: 'boom', err, a: 1 }],
  ['fields and error', [{ a: 1 }, boom], { msg: 'boom', err, a: 1 }],
  ['pino: an error as field', [{ err: boom, a: 1 }], { msg: 'boom', err, a: 1 }],
  ['pino: an error as field, a message', [{ err: boom }, 'failed'], { msg: 'failed', err }],
  ['error and the same as field', ['failed', boom, { err: boom }], { msg: 'failed', err }],
  ['error and another as field', ['failed', boom, { err: 'text' }], { msg: 'failed', err, _err: 'text' }],
  ['two errors', ['failed', boom, boom], { msg: 'failed', err, args: [err] }],
  ['%s', ['a %s', 'b'], { msg: 'a b' }],
  ['%s of an object', ['a %s', { b: 1 }], { msg: 'a {"b":1}' }],
  ['%s of a Date', ['at %s', new Date(0)], { msg: 'at 1970-01-01T00:00:00.000Z' }],
  ['%s of null and undefined', ['%s %s', null, undefined], { msg: 'null undefined' }],
  ['%s of a symbol', ['%s', Symbol('s')], { msg: 'Symbol(s)' }],
  ['%d', ['%d', '42.5'], { msg: '42.5' }],
  ['%d of a bigint', ['%d', 10n ** 20n], { msg: '100000000000000000000' }],
  ['%d of a symbol', ['%d', Symbol('s')], { msg: 'Symbol(s)' }],
  ['%i', ['%i', 42.9], { msg: '42' }],
  ['%f', ['%f', '1.5'], { msg: '1.5' }],
  ['%j', ['%j', { a: [1] }], { msg: '{"a":[1]}' }],
  ['%o', ['%o', { a: 1 }], { msg: '{"a":1}' }],
  ['%O', ['%O', [1, 2]], { msg: '[1,2]' }],
  ['%o of a text', ['%o', 'text'], { msg: "'text'" }],
  ['%o of a function', ['%o', function named() {}], { msg: 'named' }],
  ['%%', ['100%% of %s', 'it'], { msg: '100% of it' }],
  ['%% alone', ['100%%'], { msg: '100%%' }],
  ['a placeholder without argument', ['%s and %s', 'a'], { msg: 'a and %s' }],
  ['an unknown placeholder', ['%x', 'a'], { msg: '%x', args: ['a'] }],
  ['a percent sign and fields', ['50%done', { a: 1 }], { msg: '50%done', a: 1 }],
  ['placeholders, then fields', ['%s of %d', 'a', 2, { a: 1 }], { msg: 'a of 2', a: 1 }],
  ['an error in a placeholder', ['failed: %s', boom], { msg: 'failed: boom', err }],
  ['an error in %o', ['failed: %o', boom], { msg: 'failed: boom', err }],
  ['pino: fields, then placeholders', [{ a: 1 }, 'b %s', 'c'], { msg: 'b c', a: 1 }],
  ['leftovers', ['a', 'b', 3, [4]], { msg: 'a', args: ['b', 3, [4]] }],
  ['leftovers beside args', ['a', { args: 1 }, 'b'], { msg: 'a', args: 1, _args: ['b'] }],
  ['nothing', [], { msg: '' }],
  ['undefined', [undefined], { msg: 'undefined' }],
  ['undefined and a message', [undefined, 'hello', { a: 1 }], { msg: 'hello', a: 1 }],
  ['null', [null], { msg: 'null' }],
  ['null and a message', [null, 'hello'], { msg: 'hello' }],
  ['a number', [42], { msg: '42' }],
  ['a boolean', [false], { msg: 'false' }],
  ['a bigint', [10n], { msg: '10' }],
  ['a symbol', [Symbol('s')], { msg: 'Symbol(s)' }],
  ['an array', [[1, 2]], { msg: '', args: [1, 2] }],
  ['a set', ['in', new Set([1])], { msg: 'in', args: [1] }],
  [
    'a map',
    [
      'in',
      new Map<unknown, unknown>([
        ['a', 1],
        [2, 3],
      ]),
    ],
    { msg: 'in', a: 1, 2: 3 },
  ],
  ['an instance', ['in', new Order()], { msg: 'in', id: 1 }],
  ['an instance with toJSON', ['in', new Money()], { msg: 'in', amount: 3 }],
  ['a date', ['at', new Date(0)], { msg: 'at', args: ['1970-01-01T00:00:00.000Z'] }],
]

describe('what a call may be', () => {
  it.each(CALLS)('%s', (_name, args, expected) => {
    const log = recorder()
    ;(log.logger.info as unknown as (...args: unknown[]) => void).apply(log.logger, args)
    expect(log.only()).toEqual({ ...HEAD, level: 'info', ...expected })
  })

  it('does not change what it was given', () => {
    const log = recorder({ mixin: () => ({ m: 1 }) })
    const fields = Object.freeze({ err: 1, msg: 'x' })
    log.logger.info('failed', boom, fields)
    expect(fields).toEqual({ err: 1, msg: 'x' })
  })

  it('maps a request and a response as pino does', async () => {
    const log = recorder()
    const server = createServer((req, res) => {
      log.logger.info(req)
      res.writeHead(200)
      log.logger.info(res, 'answered')
      res.end()
    }).listen(0, '127.0.0.1')
    await EventEmitter.once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const [response] = await EventEmitter.once(get({ port, host: '127.0.0.1', path: '/a?b=1' }), 'response')
    response.resume()
    await EventEmitter.once(response, 'end')
    server.close()
    expect(log.records()).toMatchObject([
      { req: { method: 'GET', url: '/a?b=1', remoteAddress: '127.0.0.1' } },
      { msg: 'answered', res: { statusCode: 200 } },
    ])
  })
})

describe('levels of methods', () => {
  it('critical is another name of fatal', () => {
    const log = recorder()
    log.logger.critical('a')
    log.logger.fatal('b')
    expect(log.records()).toMatchObject([{ level: 'fatal' }, { level: 'fatal' }])
  })

  it.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)('%s', (level) => {
    const log = recorder({ level })
    log.logger[level]('on', { a: 1 })
    expect(log.only()).toEqual({ ...HEAD, level, msg: 'on', a: 1 })
    log.logger.level = 'silent'
    log.logger[level]('off')
    expect(log.lines()).toEqual([])
  })
})

describe('child', () => {
  it('carries its bindings, and overrides its parent’s', () => {
    const log = recorder()
    const parent = log.logger.child({ a: 1, b: 1 })
    parent.child({ b: 2, c: { d: 3 } }).info('x')
    expect(log.only()).toEqual({ ...HEAD, level: 'info', msg: 'x', a: 1, b: 2, c: { d: 3 } })
    parent.info('y')
    expect(log.only()).toMatchObject({ a: 1, b: 1 })
  })

  it('tells its bindings, and takes more', () => {
    const log = recorder()
    const child = log.logger.child({ a: 1 })
    const grandchild = child.child({ b: 2 })
    child.setBindings({ a: 3, c: 4 })
    expect(child.bindings()).toEqual({ a: 3, c: 4 })
    expect(grandchild.bindings()).toEqual({ a: 1, b: 2 })
    child.info('x')
    expect(log.only()).toMatchObject({ a: 3, c: 4 })
  })

  it('never lets pino’s option names into its bindings', () => {
    const log = recorder()
    log.logger.child({ level: 'x', serializers: 1, formatters: 2, customLevels: 3, ok: 4 }).info('x')
    expect(log.only()).toEqual({ ...HEAD, level: 'info', msg: 'x', ok: 4 })
  })

  it('has serializers of its own, for bindings and fields', () => {
    const log = recorder({ serializers: { a: (a) => `root ${a}`, b: (b) => `root ${b}` } })
    const child = log.logger.child({ a: 1 }, { serializers: { a: (a) => `child ${a}` } })
    child.info('x', { b: 2 })
    expect(log.only()).toMatchObject({ a: 'child 1', b: 'root 2' })
    log.logger.info('x', { a: 1 })
    expect(log.only()).toMatchObject({ a: 'root 1' })
  })

  it('marks what a serializer throws, and goes on', () => {
    const bad = (): never => {
      throw new Error('bad')
    }
    const log = recorder({ serializers: { a: bad } })
    log.logger.child({ a: 1 }).info('x', { b: 1 })
    expect(log.only()).toMatchObject({ a: '[Throws: bad]', b: 1 })
    log.logger.info('x', { a: 1, b: 1 })
    expect(log.only()).toMatchObject({ a: '[Throws: bad]', b: 1 })
  })

  it('has a prefix, after its parent’s', () => {
    const log = recorder({ msgPrefix: '[root] ' })
    const child = log.logger.child({}, { msgPrefix: '[child] ' })
    child.info('x %s', 'y')
    expect(log.only().msg).toBe('[root] [child] x y')
    child.info({ msg: 'own' })
    expect(log.only()).toEqual({ ...HEAD, level: 'info', msg: '[root] [child] own' })
    child.error(boom)
    expect(log.only().msg).toBe('[root] [child] boom')
  })

  it('has a level of its own, which its children follow', () => {
    const log = recorder({ level: 'info' })
    const child = log.logger.child({}, { level: 'debug' })
    const grandchild = child.child({})
    grandchild.debug('x')
    expect(log.only().level).toBe('debug')
    child.level = 'error'
    grandchild.warn('x')
    expect(log.lines()).toEqual([])
    expect([log.logger.level, child.level, grandchild.level]).toEqual(['info', 'error', 'error'])
  })

  it('has levels of its own', () => {
    const log = recorder({ level: 'info' })
    const child = log.logger.child({}, { customLevels: { notice: 35 } })
    child.notice('x', { a: 1 })
    expect(log.only()).toEqual({ ...HEAD, level: 'notice', msg: 'x', a: 1 })
    expect(child.isLevelEnabled('notice')).toBe(true)
    child.level = 'warn'
    child.notice('x')
    expect(log.lines()).toEqual([])
  })

  it('redacts by its paths, besides what its parent has redacted in its own bindings', () => {
    const log = recorder({ redact: ['hidden'] })
    log.logger.child({ hidden: 1, a: 1 }).info('x', { hidden: 2, b: { hidden: 3 } })
    expect(log.only()).toMatchObject({ hidden: '[Redacted]', _hidden: '[Redacted]', a: 1, b: { hidden: 3 } })
    const child = log.logger.child({ hidden: 1 }).child({}, { redact: ['b.*'] })
    child.info({ b: { c: 2 } }, 'x %j', { b: { c: 1 } })
    expect(log.only()).toMatchObject({
      msg: 'x {"b":{"c":"[Redacted]"}}',
      hidden: '[Redacted]',
      b: { c: '[Redacted]' },
    })
  })

  it('has formatters of its own', () => {
    const log = recorder()
    const child = log.logger.child(
      { a: 1 },
      { formatters: { bindings: (b) => ({ wrapped: b }), log: (o) => ({ ...o, logged: true }) } },
    )
    child.info('x', { b: 2 })
    expect(log.only()).toMatchObject({ wrapped: { a: 1 }, b: 2, logged: true })
  })

  it('is told to onChild, once it is whole', () => {
    const told: unknown[] = []
    const log = recorder({ onChild: (child) => told.push(child.bindings()) })
    log.logger.child({ a: 1 })
    log.logger.child({ b: 2 }, { level: 'debug' })
    expect(told).toEqual([{ a: 1 }, { b: 2 }])
  })
})

describe('what pino has besides', () => {
  it('isLevelEnabled and level-change', () => {
    const log = recorder({ level: 'info' })
    const changes: unknown[] = []
    log.logger.on('level-change', (...args) => changes.push(args.slice(0, 4)))
    expect(['debug', 'info', 'INFO', 'silent', 'nope'].map((l) => log.logger.isLevelEnabled(l))).toEqual([
      ...[false, true, true, false, false],
    ])
    log.logger.level = 'debug'
    expect(log.logger.isLevelEnabled('debug')).toBe(true)
    expect(changes).toEqual([['debug', 20, 'info', 30]])
    expect(() => {
      log.logger.level = 'loud'
    }).toThrow(expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }))
  })

  it('custom levels, by name everywhere', () => {
    const log = recorder({ customLevels: { notice: 35 }, level: 'warn' })
    const logger = log.logger as unknown as Record<string, (msg: string) => void> & { level: string }
    logger.notice?.('off')
    logger.level = 'notice'
    logger.notice?.('on')
    expect(log.only()).toMatchObject({ level: 'notice', msg: 'on' })
  })

  it('flush calls back', async () => {
    const log = recorder()
    await new Promise<void>((resolve) => log.logger.flush(() => resolve()))
  })

  it('hooks.logMethod sees every argument, and decides', () => {
    const log = recorder({
      hooks: {
        logMethod(args, method, level) {
          if (level >= 50) return
          method.apply(this, [`hooked ${args[0]}`, ...args.slice(1)] as never)
        },
      },
    })
    log.logger.info('x', { a: 1 })
    expect(log.only()).toMatchObject({ msg: 'hooked x', a: 1 })
    log.logger.error('x')
    expect(log.lines()).toEqual([])
  })

  it.each([
    ['before', 0],
    ['after', 1],
  ])('a logMethod hook that throws %s the record costs none', (_when, calls) => {
    const log = recorder({
      hooks: {
        logMethod(args, method) {
          if (calls > 0) method.apply(this, args as never)
          throw new Error('hook')
        },
      },
    })
    log.logger.info('x')
    expect(log.only().msg).toBe('x')
  })

  it('hooks.streamWrite changes the line; what throws does not cost it', () => {
    const log = recorder({ hooks: { streamWrite: (line) => line.replace('secret', '*') } })
    log.logger.info('a secret')
    expect(log.only().msg).toBe('a *')
    const bad = recorder({
      hooks: {
        streamWrite() {
          throw new Error('hook')
        },
      },
    })
    bad.logger.info('x')
    expect(bad.only().msg).toBe('x')
  })

  it('a mixin adds to every record, and the call wins', () => {
    const log = recorder({ mixin: (_obj, level) => ({ a: level, b: 'mixin' }) })
    log.logger.info('x', { b: 'call' })
    expect(log.only()).toEqual({ ...HEAD, level: 'info', msg: 'x', a: 30, b: 'call' })
    const bad = recorder({
      mixin() {
        throw new Error('mixin')
      },
    })
    bad.logger.info('x', { a: 1 })
    expect(bad.only()).toMatchObject({ msg: 'x', a: 1 })
  })

  it('formatters.bindings is asked about the identity', () => {
    const log = recorder({
      identity: { service: 's' },
      formatters: { bindings: ({ service }) => ({ service }) },
    })
    log.logger.info('x')
    expect(log.only()).toEqual({ ...HEAD, level: 'info', msg: 'x', service: 's' })
  })

  it('formatters.log that throws leaves the fields as they were', () => {
    const log = recorder({
      formatters: {
        log() {
          throw new Error('formatter')
        },
      },
    })
    log.logger.error('x', boom, { a: 1 })
    expect(log.only()).toMatchObject({ msg: 'x', a: 1, err })
  })
})

describe('timers', () => {
  it('say how long it took, with what they are given', () => {
    const log = recorder()
    const done = log.logger.startTimer('query')
    const duration = done({ rows: 3, duration_ms: 'mine' })
    expect(log.only()).toEqual({
      ...HEAD,
      level: 'info',
      msg: 'query',
      duration_ms: duration,
      rows: 3,
      _duration_ms: 'mine',
    })
  })

  it('warn past slowMs', () => {
    const log = recorder({ slowMs: 0 })
    log.logger.startTimer('slow')()
    log.logger.startTimer('slow', { level: 'error' })()
    log.logger.startTimer('quick', { slowMs: 60_000, level: 'debug' })()
    expect(log.records().map(({ level }) => level)).toEqual(['warn', 'error', 'debug'])
  })

  it('take a function, and give what it gives', async () => {
    const log = recorder()
    expect(log.logger.time('sync', () => 1)).toBe(1)
    expect(await log.logger.time('async', async () => 2)).toBe(2)
    expect(log.records()).toMatchObject([
      { msg: 'sync', duration_ms: expect.any(Number) },
      { msg: 'async', duration_ms: expect.any(Number) },
    ])
  })

  it.each([[boom], ['text'], [undefined], [null]])(
    'log what is thrown, and throw the same: %s',
    async (thrown) => {
      const log = recorder()
      const expected = thrown === boom ? err : (thrown ?? null)
      const fail = (): never => {
        throw thrown
      }
      let caught: unknown = 'nothing'
      try {
        log.logger.time('sync', fail)
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
      expect(log.only()).toMatchObject({ level: 'error', msg: 'sync', err: expected })
      await log.logger
        .time('async', async () => fail())
        .catch((error) => {
          caught = error
        })
      expect(caught).toBe(thrown)
      expect(log.only()).toMatchObject({ level: 'error', msg: 'async', err: expected })
    },
  )
})
