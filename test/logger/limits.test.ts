import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { SchemaName } from '../../src/logger/line/schema.ts'
import type { Logger } from '../../src/logger/types.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { HOSTILE_RUNS } from '../support/random.ts'
import { parseStrict } from '../support/strict-json.ts'
import { anything, call, fields, type Plan } from './hostile.ts'
import { NOW, type Record_, recorder, recorderOn, WAYS } from './memory.ts'

const numRuns = HOSTILE_RUNS
const SMALL = { string: 100, keys: 6, depth: 3, record: 1000 }
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'datadog']

type AnyMethod = (...args: unknown[]) => void
const say = (logger: Logger, args: readonly unknown[]): void =>
  (logger.info as unknown as AnyMethod).apply(logger, [...args])

/** How long, wide and deep the parts of a record are; its own keys do not count as an object's. */
function measure(record: Record_) {
  let longest = 0
  let widest = 0
  let deepest = 0
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === 'string') longest = Math.max(longest, value.length)
    if (typeof value !== 'object' || value === null) return
    deepest = Math.max(deepest, depth)
    // An error has its own parts besides its fields: type, message, stack, cause, errors.
    widest = Math.max(widest, Object.keys(value).length)
    for (const each of Object.values(value)) walk(each, depth + 1)
  }
  for (const value of Object.values(record)) walk(value, 1)
  return { longest, widest, deepest }
}

const large: fc.Arbitrary<Plan> = fc.oneof(
  fc.tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 2000 })).map(
    ([part, times]) =>
      () =>
        part.repeat(times),
  ),
  fc
    .integer({ min: 1, max: 400 })
    .map((count) => () => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))),
  fc.integer({ min: 1, max: 400 }).map((count) => () => Array.from({ length: count }, (_, i) => i)),
  fc
    .integer({ min: 1, max: 30 })
    .map((depth) => () => Array.from({ length: depth }).reduce((inner) => ({ inner }), 1 as unknown)),
  fc
    .integer({ min: 1, max: 200 })
    .map((length) => () => new Error('x'.repeat(length * 20), { cause: { deep: 'y'.repeat(length) } })),
  fc
    .integer({ min: 1, max: 100 })
    .map((count) => () => new Map(Array.from({ length: count }, (_, i) => [`k${i}`, 'v'.repeat(count)]))),
  anything,
)

const largeFields: fc.Arbitrary<Plan<Record_>> = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'err', 'msg', 'truncated', '_truncated', '…', 'x'.repeat(1200)),
      large,
    ),
    { maxLength: 8 },
  )
  .map((entries) => () => Object.fromEntries(entries.map(([name, plan]) => [name, plan()])))

describe.each(WAYS)('whatever is passed in, on the way: %s', (way) => {
  it('a line stays within the bounds, is valid JSON, and has every key once', () => {
    const logs = SCHEMAS.map((schema) =>
      recorderOn(way, { schema, limits: SMALL, identity: { service: 'shop' } }),
    )
    const args = fc.oneof(
      call,
      fc.tuple(large, largeFields).map(([msg, said]) => () => [
        String((msg as Plan)()).slice(0, 5000),
        said(),
      ]),
      fc.tuple(largeFields, large).map(([said, value]) => () => [said(), 'x %j', value()]),
    )
    const safely = fc.oneof(args).map((plan) => () => {
      try {
        return plan()
      } catch {
        return ['what has no text']
      }
    })
    fc.assert(
      fc.property(
        safely,
        fc.oneof(fields, largeFields),
        fc.oneof(fields, largeFields),
        (plan, bindings, context) => {
          for (const log of logs) {
            log.clear()
            runInScope(createScope(context()), () => say(log.logger.child(bindings()), plan()))
            expect(log.lines()).toHaveLength(1)
            const line = log.lines()[0] as string
            const record = parseStrict<Record_>(line)
            expect(Buffer.byteLength(line)).toBeLessThanOrEqual(SMALL.record)
            if (/…\[\+\d+ chars\]|"_*…":"\d+ more|\d+ bytes\]"/.test(line)) {
              expect(Object.entries(record)).toContainEqual([expect.stringMatching(/^_*truncated$/), true])
            }
            const { longest, widest, deepest } = measure(record)
            expect(longest).toBeLessThanOrEqual(SMALL.string)
            expect(widest).toBeLessThanOrEqual(64 + 6)
            expect(deepest).toBeLessThanOrEqual(SMALL.depth + 1)
          }
        },
      ),
      { numRuns: Math.ceil(numRuns / 2) },
    )
  })
})

/** A transport that takes objects. */
function objects(): { records: Record_[]; collector: Transport } {
  const records: Record_[] = []
  const collector: Transport = {
    name: 'objects',
    write() {},
    writeRecord: (record) => void records.push(record as Record_),
    stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
  }
  return { records, collector }
}

it('an object for a transport stays within the same bounds', () => {
  const { records, collector } = objects()
  const lines = memoryTransport()
  const whole = memoryTransport()
  const options = { identity: false, source: 'off', level: 'trace', env: {}, now: () => NOW } as const
  const logger = createLogger({ ...options, limits: SMALL, transports: [collector, lines] })
  const unbounded = createLogger({ ...options, limits: { ...SMALL, record: 1e9 }, transports: [whole] })
  fc.assert(
    fc.property(largeFields, largeFields, (said, bindings) => {
      records.length = 0
      lines.clear()
      whole.clear()
      say(unbounded.child(bindings()), ['x', said()])
      say(logger.child(bindings()), ['x', said()])
      expect(Buffer.byteLength(JSON.stringify(records[0]))).toBeLessThanOrEqual(SMALL.record)
      // Where the whole is too long, or nearly, an object and a line, which has escapes and a newline, are cut apart.
      const line = lines.lines[0] as string
      const tooLong = Buffer.byteLength(whole.lines[0] as string) > SMALL.record / 2
      if (tooLong || /"_*…":"\d+ more"[^}]*}$/.test(line.trim())) return
      expect(JSON.parse(JSON.stringify(records[0]))).toEqual(parseStrict(line))
    }),
    { numRuns },
  )
})

it('an error with more parts than an object may have keys is the same in an object and its line', () => {
  const { records, collector } = objects()
  const lines = memoryTransport()
  const logger = createLogger({
    ...{ identity: false, source: 'off', env: {}, now: () => NOW, limits: { keys: 4 } },
    transports: [collector, lines],
  })
  const failure = Object.assign(new Error('no', { cause: new Error('why') }), { a: 1, b: 2 })
  logger.info('x', { failure })
  expect(Object.keys(records[0]?.failure as object)).toHaveLength(6)
  expect(JSON.parse(JSON.stringify(records[0]))).toEqual(parseStrict(lines.lines[0] as string))
})

describe('what is cut', () => {
  it.each(WAYS)('says by how much, and its record says that it was cut, on the way: %s', (way) => {
    const log = recorderOn(way)
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))
    const deep = Array.from({ length: 12 }).reduce<unknown>((inner) => ({ inner }), 1)
    const cases: [Record_, (record: Record_) => void][] = [
      [{ text: 'x'.repeat(20_000) }, ({ text }) => expect(text).toBe(`${'x'.repeat(16_352)}…[+3648 chars]`)],
      [{ wide }, (record) => expect((record.wide as Record_)['…']).toBe('44 more')],
      [{ list: Object.values(wide) }, ({ list }) => expect((list as unknown[]).at(-1)).toBe('… 44 more')],
      [{ deep }, (record) => expect(JSON.stringify(record.deep)).toContain('"[Object: 1 keys]"')],
      [wide, (record) => expect(record).toMatchObject({ k255: 255, '…': '44 more' })],
      [
        { err: new Error('x'.repeat(20_000)) },
        ({ err }) => expect((err as Error).message).toMatch(/…\[\+\d+ chars\]$/),
      ],
      [
        { big: new Map(Object.entries(wide)) },
        (record) => expect((record.big as Record_)['…']).toBe('44 more'),
      ],
    ]
    for (const [fields, check] of cases) {
      log.logger.info('x', fields)
      const record = log.only()
      check(record)
      expect(record.truncated).toBe(true)
      log.logger.info('next')
      expect(log.only()).not.toHaveProperty('truncated')
    }
  })

  it('marks the record where it was the message, a binding or a scope’s field', () => {
    const log = recorder()
    const long = 'x'.repeat(20_000)
    log.logger.info(long)
    expect(log.only()).toMatchObject({ msg: expect.stringMatching(/3648 chars\]$/), truncated: true })
    const child = log.logger.child({ long })
    child.info('x')
    expect(log.only()).toMatchObject({ long: expect.stringMatching(/3648 chars\]$/), truncated: true })
    runInScope(createScope({ long }), () => {
      log.logger.info('x')
      expect(log.only()).toMatchObject({ long: expect.stringMatching(/3648 chars\]$/), truncated: true })
      child.info('x', { text: long })
      expect(log.only().truncated).toBe(true)
    })
  })

  it('leaves a field of the same name what it says', () => {
    const log = recorder()
    log.logger.info('x', { truncated: 'no', text: 'x'.repeat(20_000) })
    expect(log.only()).toMatchObject({ truncated: 'no', _truncated: true })
    log.logger.info('x', { truncated: false })
    expect(log.only()).toMatchObject({ truncated: false })
  })

  it('does not mark the record around one that was cut', () => {
    const log = recorder()
    const value = {
      toJSON() {
        log.logger.info('inner', { text: 'x'.repeat(20_000) })
        return 'outer'
      },
    }
    log.logger.info('outer', { value })
    expect(log.records()).toMatchObject([{ msg: 'inner', truncated: true }, { msg: 'outer' }])
    expect(log.records()[1]).not.toHaveProperty('truncated')
  })

  it('marks the record around one that was not, and that one not', () => {
    const log = recorder()
    const value = {
      toJSON() {
        log.logger.info('inner', { a: 1 })
        return 'outer'
      },
    }
    log.logger.info('outer', { text: 'x'.repeat(20_000), value })
    expect(log.records()).toMatchObject([{ msg: 'inner' }, { msg: 'outer', truncated: true }])
    expect(log.records()[0]).not.toHaveProperty('truncated')
  })

  it('never takes the error for a long field', () => {
    const log = recorder({ limits: { record: 4000 } })
    const fields = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'x'.repeat(1000)]))
    log.logger.error('failed', new Error('why'), { order_id: 42, ...fields })
    const record = log.only() as { err: Record_ }
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThanOrEqual(4000)
    expect(record).toMatchObject({
      msg: 'failed',
      order_id: 42,
      truncated: true,
      err: { type: 'Error', message: 'why' },
    })
  })
})

describe('limits', () => {
  it('can be set by the environment and by code, which beats it', () => {
    const env = { LOG_MAX_STRING: '1KB', LOG_MAX_KEYS: '2', LOG_MAX_DEPTH: '1', LOG_MAX_RECORD: '2000' }
    const fields = { text: 'x'.repeat(3000), list: [1, 2, 3], deep: { a: { b: 1 } } }
    const log = recorder({ env })
    log.logger.info('x', { text: fields.text, list: fields.list })
    expect(log.only()).toMatchObject({
      text: expect.stringMatching(/\+2008 chars/),
      list: [1, 2, '… 1 more'],
    })
    log.logger.info('x', { deep: fields.deep })
    expect(log.only()).toMatchObject({ deep: { a: '[Object: 1 keys]' } })
    const open = recorder({
      env,
      limits: { string: '4KB', keys: 10, depth: 5, record: Number.POSITIVE_INFINITY },
    })
    open.logger.info('x', fields)
    expect(open.only()).toMatchObject(fields)
  })

  it('can be lifted', () => {
    const none = Number.POSITIVE_INFINITY
    const log = recorder({ limits: { string: none, keys: none, record: none } })
    const fields = { text: 'x'.repeat(200_000), list: Array.from({ length: 5000 }, (_, i) => i) }
    log.logger.info('x', fields)
    expect(log.only()).toMatchObject(fields)
  })
})

it('half a secret at the end of what is searched does not come into sight where what stands before it is hidden', () => {
  const { logger, records } = recorder({})
  // The text is searched up to 32,768 characters; the password begins before and ends behind that.
  const before = `password=${'y'.repeat(20_000)} `
  const text = `${before}${'z '.repeat((32_768 - before.length - 80) / 2)}https://bob:${'Pw1'.repeat(40)}@host ${'q'.repeat(5000)}`
  logger.info({ text }, text)
  const [record] = records()
  for (const shown of [record?.msg, record?.text]) {
    expect(shown).toMatch(/^password=\[redacted\] z/)
    expect(shown).toMatch(/…\[\+\d+ chars\]$/)
    expect(shown).not.toContain('Pw1')
  }
})

it('how many tokens there are is told, a token is not', () => {
  const { logger, records } = recorder({})
  logger.info({ tokens: 512, usage: { cookies: 3 }, token: 512, card_numbers: 4111111111111111 }, 'm')
  expect(records()[0]).toMatchObject({
    tokens: 512,
    usage: { cookies: 3 },
    token: '[redacted]',
    card_numbers: '[redacted]',
  })
})
