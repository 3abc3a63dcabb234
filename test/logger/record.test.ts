import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { HEAD, recorder, recorderOn, WAYS } from './memory.ts'

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }
const IDS = { trace_id: TRACE.traceId, span_id: TRACE.spanId, trace_flags: '01' }
const base = { ...HEAD, level: 'info', msg: 'x' }
const inTrace = (act: () => void, fields = {}): void => runInScope(createScope(fields, TRACE), act)

describe.each(WAYS)('collisions, on the way: %s', (way) => {
  it('a call can take the place of nothing reserved', () => {
    const log = recorderOn(way, { identity: { service: 'shop', version: '1', pid: 1, host: 'h' } })
    const forged = {
      time: 1,
      level: 2,
      service: 'other',
      pid: 2,
      source: 3,
      trace_id: 4,
      span_id: 5,
      request_id: 6,
    }
    inTrace(() => log.logger.info('x', { ...forged, msg: 'y' }), { request_id: 'r' })
    expect(log.only()).toEqual({
      ...{ ...base, service: 'shop', version: '1', pid: 1, host: 'h', request_id: 'r', ...IDS },
      ...{ _time: 1, _level: 2, _service: 'other', _pid: 2, _source: 3, _trace_id: 4, _span_id: 5 },
      ...{ _request_id: 6, _msg: 'y' },
    })
  })

  it('forges no trace outside a scope either', () => {
    const log = recorderOn(way)
    log.logger.child({ span_id: 1 }).info('x', { trace_id: 2, trace_flags: 3 })
    expect(log.only()).toEqual({ ...base, _span_id: 1, _trace_id: 2, _trace_flags: 3 })
  })

  it('steps aside as far as it takes', () => {
    const log = recorderOn(way)
    log.logger.child({ a: 1, _a: 2 }).info('x', { a: 3, __a: 4 })
    expect(log.only()).toEqual({ ...base, a: 1, _a: 2, ___a: 3, __a: 4 })
  })

  it('writes equal values once', () => {
    const log = recorderOn(way, { identity: { service: 'shop', version: '1', pid: 1, host: 'h' } })
    const same = { service: 'shop', request_id: 'r', a: { b: [1] }, msg: 'x', trace_id: TRACE.traceId }
    inTrace(() => log.logger.child({ a: { b: [1] } }).info('x', same), { request_id: 'r' })
    expect(log.only()).toEqual({
      ...base,
      service: 'shop',
      version: '1',
      pid: 1,
      host: 'h',
      a: { b: [1] },
      request_id: 'r',
      ...IDS,
    })
  })

  it('context wins over bindings, bindings over the call', () => {
    const log = recorderOn(way)
    withContext({ user_id: 'context' }, () =>
      log.logger.child({ user_id: 'binding', a: 1 }).info('x', { user_id: 'call', a: 2 }),
    )
    expect(log.only()).toEqual({
      ...base,
      user_id: 'context',
      _user_id: 'binding',
      __user_id: 'call',
      a: 1,
      _a: 2,
    })
  })

  it('two keys of one call that leave under one name', () => {
    const log = recorderOn(way, { schema: 'ecs', identity: { service: 's', pid: 1, host: 'h' } })
    log.logger.error(new Error('own'), 'x', {
      err: 1,
      error: 2,
      service: 3,
      'service.name': 4,
      status: 5,
      'http.response.status_code': 6,
    })
    const record = log.only()
    expect(record.error).toMatchObject({ message: 'own' })
    expect(record).toMatchObject({
      ...{ _error: 1, __error: 2, 'service.name': 's', '_service.name': 3, '__service.name': 4 },
      ...{ 'http.response.status_code': 5, '_http.response.status_code': 6 },
    })
  })

  it('the record’s error, once more as a field, is written once', () => {
    const log = recorderOn(way)
    const own = new Error('own')
    log.logger.error('x', own, { err: own, a: 1 })
    expect(Object.keys(log.only())).toEqual(expect.arrayContaining(['err', 'a']))
    log.logger.error('x', own, { err: own, a: 1 })
    expect(log.only()).not.toHaveProperty('_err')
  })

  it('an error beside a binding of its name', () => {
    const log = recorderOn(way)
    log.logger.child({ err: 'binding' }).info(new Error('own'), 'x', { err: 'call', _err: 'too' })
    expect(log.only()).toMatchObject({
      err: 'binding',
      __err: { message: 'own' },
      ___err: 'call',
      _err: 'too',
    })
  })
})

describe('a trace that an agent’s mixin gives', () => {
  it('stays, once, in place of ours and of the call’s', () => {
    const log = recorder({ mixin: () => ({ trace_id: 'agent', span_id: 's', trace_flags: '01', a: 1 }) })
    inTrace(() => log.logger.info('x', { trace_id: 'forged' }))
    expect(log.only()).toEqual({
      ...base,
      trace_id: 'agent',
      span_id: 's',
      trace_flags: '01',
      a: 1,
      _trace_id: 'forged',
    })
  })

  it('leaves under the schema’s names', () => {
    const log = recorder({ schema: 'ecs', mixin: () => ({ trace_id: 'agent' }) })
    log.logger.info('x')
    expect(log.only()).toMatchObject({ 'trace.id': 'agent' })
  })
})

describe.each(['direct', 'mixin', 'redact'] as const)('errors, on the way: %s', (way) => {
  const errorOf = (error: unknown): Record<string, unknown> => {
    const log = recorderOn(way)
    log.logger.error(error as Error, 'x')
    return log.only().err as Record<string, unknown>
  }

  it('have type, message, stack, code and own fields', () => {
    const error = Object.assign(new RangeError('far'), { code: 'EFAR', info: { a: [1] }, name: 'Named' })
    expect(errorOf(error)).toEqual({
      ...{ type: 'Named', message: 'far', stack: error.stack, code: 'EFAR', info: { a: [1] } },
    })
    class Custom extends Error {}
    expect(errorOf(new Custom('c')).type).toBe('Custom')
  })

  it('have their causes, to the end', () => {
    const root = Object.assign(new Error('root'), { code: 'E0' })
    const middle = new TypeError('middle', { cause: root })
    expect(errorOf(new Error('top', { cause: middle }))).toMatchObject({
      message: 'top',
      cause: {
        type: 'TypeError',
        message: 'middle',
        cause: { message: 'root', code: 'E0', stack: root.stack },
      },
    })
    expect(errorOf(new Error('top', { cause: { why: 1 } })).cause).toEqual({ why: 1 })
  })

  it('mark a cycle', () => {
    const one = new Error('one')
    one.cause = new Error('two', { cause: one })
    expect(errorOf(one)).toMatchObject({ message: 'one', cause: { message: 'two', cause: '[Circular]' } })
  })

  it('have the errors of an AggregateError', () => {
    expect(errorOf(new AggregateError([new TypeError('a'), 'b'], 'all'))).toMatchObject({
      type: 'AggregateError',
      message: 'all',
      errors: [{ type: 'TypeError', message: 'a' }, 'b'],
    })
  })

  it('mark what throws, and keep the rest', () => {
    const error = Object.defineProperties(new Error('x'), {
      message: {
        get() {
          throw new Error('no message')
        },
      },
      own: {
        enumerable: true,
        get() {
          throw null
        },
      },
      code: { enumerable: true, value: 'E1' },
    })
    expect(errorOf(error)).toMatchObject({
      ...{ type: 'Error', message: '[Throws: no message]', own: '[Throws: null]', code: 'E1' },
    })
  })

  it('may be of another realm', () => {
    const far = vm.runInNewContext("new TypeError('far', { cause: new Error('root') })")
    expect(errorOf(far)).toMatchObject({ type: 'TypeError', message: 'far', cause: { message: 'root' } })
  })

  it('may stand anywhere in the fields', () => {
    const log = recorderOn(way)
    log.logger.info('x', { a: { b: [new TypeError('in')] }, err: 'text' })
    expect(log.only()).toMatchObject({ a: { b: [{ type: 'TypeError', message: 'in' }] }, err: 'text' })
  })
})

describe('values that JSON lacks', () => {
  const buffer = Buffer.from('ab')
  it.each<[string, unknown, unknown]>([
    ['bigint', 10n, '10'],
    ['symbol', Symbol('s'), 'Symbol(s)'],
    ['NaN', Number.NaN, null],
    ['Infinity', Number.POSITIVE_INFINITY, null],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['an invalid date', new Date(Number.NaN), null],
    ['a regular expression', /a"b/g, '/a"b/g'],
    ['a URL', new URL('http://h/a?b'), 'http://h/a?b'],
    ['a buffer', buffer, '[2 bytes: 6162]'],
    ['a long buffer', Buffer.alloc(100), `[100 bytes: ${'00'.repeat(32)}…]`],
    ['an ArrayBuffer', new ArrayBuffer(2), '[2 bytes: 0000]'],
    ['a typed array', new Float32Array([1, Number.NaN]), [1, null]],
    ['a map', new Map([['a', { b: 1 }]]), { a: { b: 1 } }],
    ['a map with other keys', new Map([[1, 2]]), [[1, 2]]],
    ['a map of another realm', vm.runInNewContext("new Map([['a', 1]])"), { a: 1 }],
    ['a set', new Set([1, 'a']), [1, 'a']],
    ['boxed', [Object(1), Object('a'), Object(true), Object(2n)], [1, 'a', true, '2']],
    ['a promise', Promise.resolve(), '[Promise]'],
    ['a weak map', new WeakMap(), '[Weak collection]'],
    ['toJSON', { toJSON: () => ({ a: 1n }) }, { a: '1' }],
    ['toJSON that throws', { toJSON: () => JSON.parse('{') }, expect.stringMatching(/^\[Throws: .*JSON/)],
    ['undefined in a list', [undefined, () => 1], [null, null]],
    ['undefined in an object', { a: undefined, b: () => 1 }, {}],
    ['no prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['a lone surrogate', '\ud800', '\ud800'],
  ])('%s', (_name, value, expected) => {
    const log = recorder()
    log.logger.info('x', { value })
    expect(log.only()).toEqual({ ...base, value: expected })
  })

  it('leaves out undefined and functions', () => {
    const log = recorder()
    log.logger.info('x', { a: undefined, b: () => 1 })
    expect(log.only()).toEqual(base)
  })

  it('keeps __proto__ a key', () => {
    for (const way of WAYS) {
      const log = recorderOn(way)
      log.logger.info('x', JSON.parse('{"__proto__":{"a":1}}'))
      expect(Object.getOwnPropertyDescriptor(log.only(), '__proto__')?.value).toEqual({ a: 1 })
    }
  })
})

describe('schemas', () => {
  const identity = { service: 'shop', version: '1.2.3', env: 'prod', host: 'h', pid: 7 }
  const error = Object.assign(new TypeError('boom'), { stack: 'TypeError: boom\n    at f (f.js:1:1)' })
  const lineIn = (schema: 'default' | 'ecs' | 'gcp' | 'datadog' | 'pino', options = {}): string => {
    const log = recorder({ schema, identity, labels: { module: 'store' }, ...options })
    const child = log.logger.child({ component: 'db' })
    inTrace(() => child.error('failed', error, { duration_ms: 1.5, order_id: 42 }), {
      request_id: 'r',
      user_id: 'u',
    })
    return log.lines()[0] as string
  }

  it.each(['default', 'ecs', 'gcp', 'datadog', 'pino'] as const)('%s', (schema) => {
    expect(lineIn(schema)).toMatchSnapshot()
  })

  it('gcp names the project in a trace', () => {
    const line = lineIn('gcp', { env: { GOOGLE_CLOUD_PROJECT: 'p1' } })
    expect(JSON.parse(line)['logging.googleapis.com/trace']).toBe(`projects/p1/traces/${TRACE.traceId}`)
  })

  it.each(WAYS)('is the same on the way: %s', (way) => {
    for (const schema of ['ecs', 'gcp', 'datadog', 'pino'] as const) {
      const log = recorderOn(way, { schema, identity, labels: { module: 'store' } })
      const child = log.logger.child({ component: 'db' })
      inTrace(() => child.error('failed', error, { duration_ms: 1.5, order_id: 42 }), {
        request_id: 'r',
        user_id: 'u',
      })
      expect(log.only()).toEqual(JSON.parse(lineIn(schema)))
    }
  })

  it.each(WAYS)('keys rename single keys, on the way: %s', (way) => {
    const log = recorderOn(way, {
      keys: { time: 'ts', level: 'lvl', msg: 'message', err: 'exception', request_id: 'rid', a: 'b' },
    })
    withContext({ request_id: 'r' }, () => log.logger.info('x', { a: 1, b: 2, message: 3 }))
    expect(log.only()).toEqual({
      ...{ ts: HEAD.time, lvl: 'info', message: 'x', rid: 'r', b: 1, _b: 2, _message: 3 },
    })
    log.logger.error(new Error('e'))
    expect(log.only()).toMatchObject({ exception: { message: 'e' } })
  })

  it('labels stand on every record, and can’t be taken', () => {
    const log = recorder({ labels: { module: 'store' } })
    log.logger.info('x', { module: 'other' })
    expect(log.only()).toEqual({ ...base, module: 'store', _module: 'other' })
  })

  it('no identity where it is turned off, in no schema', () => {
    for (const schema of ['default', 'gcp', 'datadog', 'pino'] as const) {
      const log = recorder({ schema })
      log.logger.info('x')
      expect(Object.keys(log.only())).toHaveLength(3)
    }
  })
})
