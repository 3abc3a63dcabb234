import vm from 'node:vm'
import fc from 'fast-check'

const KEYS = [
  ...[
    '__proto__',
    'hasOwnProperty',
    'constructor',
    'toString',
    'valueOf',
    'toJSON',
    '',
    ' ',
    '0',
    '-1',
    '1e3',
  ],
  ...['a"b', 'a\nb', 'a\\', '\u2028', '\ud800', 'x\udc00', '\u0000', '💥', 'ключ'],
  ...['time', 'level', 'msg', 'err', 'error', 'source', 'trace_id', 'span_id', 'trace_flags', 'duration_ms'],
  ...['_time', '__time', '_msg', '_err', '__err', '_trace_id', 'args', '_args', 'fields', '_unreadable'],
  ...['service', 'pid', 'host', 'component', 'request_id', '_request_id', 'message', 'status', 'req', 'res'],
  ...['trace.id', '_trace.id', 'service.name', 'log.level', '@timestamp', 'severity', 'method', 'headers'],
  ...['socket', 'setHeader', 'length', 'size', 'then', 'name', 'stack', 'cause', 'errors', 'serializers'],
]

export const key: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
)

/**
 * How to make a value: fast-check looks into what it generates, which is just what revoked proxies and throwing
 * traps do not survive. A plan is made anew for every logger that it is tried on.
 */
export type Plan<T = unknown> = () => T

function just<T>(value: T): Plan<T> {
  return () => value
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '%s',
    '50%done',
    '%d %i %f %j %o %O %%',
    '%',
    '"',
    '\\',
    '\n',
    '\ud83d',
    'x'.repeat(200),
  ),
)

const throwing = (what: unknown) => (): never => {
  throw what
}
const unreadable = new Proxy(
  {},
  { get: throwing(new Error('get')), getPrototypeOf: throwing('proto'), ownKeys: throwing(Symbol('keys')) },
)

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function cyclic(): object {
  const value: Record<string, unknown> = { a: 1, list: [] }
  value.self = value
  ;(value.list as unknown[]).push(value, [value])
  return value
}

function proxyThrowingIn(trap: string): object {
  return new Proxy({ a: 1, b: { c: 2 } }, { [trap]: throwing(new Error(trap)) })
}

function errorWith(properties: PropertyDescriptorMap): Error {
  return Object.defineProperties(new Error('built'), properties)
}

function errorCycle(): Error {
  const one: Error = new Error('one')
  const two = new AggregateError([one], 'two', { cause: one })
  one.cause = two
  return one
}

class Special extends Map<string, unknown> {
  override *[Symbol.iterator](): MapIterator<[string, unknown]> {
    yield ['twice', 1]
    yield ['twice', 2]
  }
}
class BadDate extends Date {
  override toISOString(): string {
    return 'a"b'
  }
}

/** Values that JSON has no word for, or that bite who reads them. */
const odd: fc.Arbitrary<Plan> = fc.constantFrom<Plan[]>(
  () => undefined,
  () => 10n ** 40n,
  () => Symbol('s"'),
  () => () => 1,
  () => class Foo {},
  () => Number.NaN,
  () => Number.NEGATIVE_INFINITY,
  () => -0,
  () => new Date(Number.NaN),
  () => new Date(0),
  () => new BadDate(0),
  () => /a"b/g,
  () => new URL('http://localhost/?q="'),
  () => Buffer.from('hello"\n'),
  () => new Uint8Array(100),
  () => new Float64Array([1, Number.NaN]),
  () => new BigInt64Array([1n]),
  () => new DataView(new ArrayBuffer(4)),
  () => new ArrayBuffer(3),
  () =>
    new Map<unknown, unknown>([
      ['a', 1],
      [{}, 2],
    ]),
  () => new Map([['__proto__', 1]]),
  () => new Special([['a', 1]]),
  () => new Set([1, 'a', {}]),
  () => new WeakMap(),
  () => Promise.resolve(1),
  () => Object.create(null, { a: { value: 1, enumerable: true } }),
  () => Object.create(Map.prototype),
  () => Object.create(Date.prototype),
  () => Object.create(Error.prototype),
  () => Object(Symbol('boxed')),
  () => Object(1n),
  () => new String('boxed'),
  () => ({ toJSON: throwing(null) }),
  () => ({ toJSON: () => undefined }),
  () => ({ toJSON: () => 10n }),
  () => ({ toJSON: throwing({ message: 'not an error' }) }),
  () => ({
    toJSON() {
      return this
    },
  }),
  () => ({
    get a() {
      throw new Error('getter"')
    },
    b: 1,
  }),
  () => ({
    get a() {
      throw unreadable
    },
  }),
  () => ({ toString: throwing(new Error('toString')) }),
  () => ({ method: 'GET', headers: {}, socket: {} }),
  () => ({ setHeader() {} }),
  () => revoked(),
  () => unreadable,
  () => cyclic(),
  () => proxyThrowingIn('get'),
  () => proxyThrowingIn('ownKeys'),
  () => proxyThrowingIn('getOwnPropertyDescriptor'),
  () => proxyThrowingIn('getPrototypeOf'),
  () => proxyThrowingIn('has'),
  () => new Error('plain'),
  () => new TypeError('with own "fields"', { cause: 'text' }),
  () => errorCycle(),
  () => errorWith({ message: { get: throwing(new Error('message')) } }),
  () => errorWith({ stack: { get: throwing(1) } }),
  () => errorWith({ name: { value: Symbol('name') }, own: { get: throwing(unreadable), enumerable: true } }),
  () => errorWith({ message: { value: { toString: throwing(0) } } }),
  () => vm.runInNewContext('Object.assign(new RangeError("far"), { own: new Map([["a", 1]]) })'),
  () => vm.runInNewContext('({ a: [1, { b: new Date(0) }] })'),
)

type Tree = { any: Plan; object: Plan<Record<string, unknown>>; list: Plan; error: Plan; leaf: Plan }

const { any, object } = fc.letrec<Tree>((tie) => ({
  leaf: fc.oneof(
    odd,
    fc
      .oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(null))
      .map((value) => just<unknown>(value)),
  ),
  object: fc
    .array(fc.tuple(key, tie('any')), { maxLength: 6 })
    .map((entries) => () => Object.fromEntries(entries.map(([name, plan]) => [name, plan()]))),
  list: fc.array(tie('any'), { maxLength: 4 }).map((plans) => () => plans.map((plan) => plan())),
  error: fc.tuple(text, tie('object'), tie('any')).map(([message, own, cause]) => () => {
    const error = new Error(message, { cause: cause() })
    // V8 reads the message when the stack is made.
    void error.stack
    for (const [name, value] of Object.entries(own())) {
      Object.defineProperty(error, name, { value, enumerable: true, configurable: true })
    }
    return error
  }),
  any: fc.oneof(
    { maxDepth: 3 },
    { weight: 6, arbitrary: tie('leaf') },
    { weight: 3, arbitrary: tie('object') },
    { weight: 1, arbitrary: tie('list') },
    { weight: 1, arbitrary: tie('error') },
  ),
}))

/** Anything. */
export const anything: fc.Arbitrary<Plan> = any
/** An object with any keys and values. */
export const fields: fc.Arbitrary<Plan<Record<string, unknown>>> = object

const words: fc.Arbitrary<Plan> = text.map((value) => just<unknown>(value))

/** The arguments of a call, of any form. */
export const call: fc.Arbitrary<Plan<unknown[]>> = fc
  .oneof(
    fc.array(anything, { maxLength: 5 }),
    fc.tuple(words, fields),
    fc.tuple(fields, words),
    fc.tuple(words, anything, fields),
    fc.tuple(words, anything, anything, anything),
  )
  .map((plans) => () => plans.map((plan) => plan()))
