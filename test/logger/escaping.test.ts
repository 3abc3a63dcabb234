import vm from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import type { SchemaName } from '../../src/logger/line/schema.ts'
import { parseStrict } from '../support/strict-json.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'
import { recorderOn, WAYS } from './memory.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 100)
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']

const attack =
  '\u001b]0;title\u0007\u001b[2J\u009b31m\u202eesrever\u200b\ud800\u{e0041}\r\n{"level":"fatal"}\n'
const text = fc
  .array(fc.oneof(fc.constantFrom(...unsafeCharacters), fc.constantFrom('a', 'ä', '漢', '🦌', '"', '\\')), {
    maxLength: 120,
  })
  .map((parts) => parts.join(''))

function expectHarmless(lines: readonly string[]): Record<string, unknown> {
  expect(lines).toHaveLength(1)
  const line = lines[0] as string
  expect(line.endsWith('}\n')).toBe(true)
  expect(line.slice(0, -1)).not.toMatch(UNSAFE)
  return parseStrict(line)
}

describe.each(WAYS)('hostile text, on the way: %s', (way) => {
  it('stands escaped on one line and comes back as it was: message, values, keys, lists, binding, scope', () => {
    const log = recorderOn(way)
    fc.assert(
      fc.property(fc.oneof(fc.constant(attack), text), (hostile) => {
        log.clear()
        const child = log.logger.child({ bound: hostile, [`b${hostile}`]: 1 })
        runInScope(createScope({ request_id: hostile, [`s${hostile}`]: 1 }), () =>
          child.info(hostile, { a: hostile, [`f${hostile}`]: { [`n${hostile}`]: [hostile] } }),
        )
        const { time: _time, level: _level, ...record } = expectHarmless(log.lines())
        expect(record).toEqual({
          msg: hostile,
          a: hostile,
          bound: hostile,
          request_id: hostile,
          [`b${hostile}`]: 1,
          [`s${hostile}`]: 1,
          [`f${hostile}`]: { [`n${hostile}`]: [hostile] },
        })
      }),
      { numRuns },
    )
  })

  it.each(SCHEMAS)('does so in an error and its causes, in the schema %s', (schema) => {
    const log = recorderOn(way, { schema, identity: { service: attack, version: attack } })
    const cause = Object.assign(new Error(attack), { [attack]: attack, code: attack })
    const err = new AggregateError([cause], attack, { cause })
    err.name = attack
    log.logger.child({ component: attack }).error(err, attack)
    const record = expectHarmless(log.lines())
    const written = (record.err ?? record.error) as Record<string, unknown>
    expect(written.message).toBe(attack)
    expect(written.type ?? written.kind).toBe(attack)
    expect(written.stack ?? written.stack_trace).toContain(attack)
    expect((written.cause as Record<string, unknown>)[attack]).toBe(attack)
    expect(JSON.stringify(record)).toContain(JSON.stringify(attack))
  })

  it('does so in what a getter throws, a Map, a URL, a symbol and a serializer', () => {
    const log = recorderOn(way, { serializers: { s: () => attack } })
    const thrower = {
      get a(): never {
        throw new Error(attack)
      },
    }
    log.logger.info({
      thrower,
      map: new Map([[attack, attack]]),
      symbol: Symbol(attack),
      s: 1,
      toJSON: 'x',
      inner: { toJSON: () => ({ [attack]: attack }) },
    })
    const record = expectHarmless(log.lines())
    expect(record.map).toEqual({ [attack]: attack })
    expect(record.inner).toEqual({ [attack]: attack })
    expect(record.s).toBe(attack)
    expect(record.symbol).toBe(`Symbol(${attack})`)
    expect((record.thrower as { a: string }).a).toBe(`[Throws: ${attack}]`)
  })
})

it('does so in the name of the file and the function that logged', () => {
  const log = recorderOn('direct', { source: 'all' })
  const name = '/srv/a\u009b2J\u202e/\u001b]0;x\u0007\n.js'
  const say = vm.runInThisContext('(log) => log.info("here")', { filename: name }) as (log: unknown) => void
  say(log.logger)
  const { source } = expectHarmless(log.lines()) as { source: { file: string } }
  expect(source.file).toBe(name)
})

it.each(WAYS)('does so in names that keys are given, on the way: %s', (way) => {
  const name = (key: string): string => `${key}\u009b\u202e`
  const keys = Object.fromEntries(
    ['time', 'level', 'msg', 'err', 'request_id', 'source'].map((key) => [key, name(key)]),
  )
  const log = recorderOn(way, { keys, source: 'all' })
  runInScope(createScope({ request_id: 'r-1' }), () => log.logger.error(new Error('e'), 'said'))
  const record = expectHarmless(log.lines())
  expect(Object.keys(record)).toEqual(expect.arrayContaining(Object.values(keys)))
})

const KEYS = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'toJSON', 'then'],
  ...['time', 'level', 'msg', 'err', 'source', 'trace_id', 'service', 'component', 'request_id', 'pid'],
  ...['__defineGetter__', '__lookupGetter__', 'isPrototypeOf', 'length', 'name', 'stack', ''],
]

describe.each(WAYS)('keys that mean something elsewhere, on the way: %s', (way) => {
  it.each(KEYS)('%s is a key like any other', (key) => {
    const log = recorderOn(way, { identity: { service: 'shop', pid: 1 } })
    const own = (value: unknown): Record<string, unknown> => JSON.parse(`{${JSON.stringify(key)}:${value}}`)
    const child = log.logger.child(own('"binding"'))
    runInScope(createScope(own('"scope"')), () =>
      child.info('real', { ...own('"call"'), nested: own('{"deep":"nested"}') }),
    )
    const record = expectHarmless(log.lines())
    expect(record).toMatchObject({ level: 'info', msg: 'real', service: 'shop', pid: 1 })
    expect(Date.parse(record.time as string)).not.toBeNaN()
    const nested = record.nested as object
    expect(Object.getOwnPropertyDescriptor(nested, key)?.value).toEqual({ deep: 'nested' })
    const written = Object.entries(record).filter(
      ([name]) => name.replace(/^_+/, '') === key.replace(/^_+/, ''),
    )
    // A scope leaves this one out: assigned to its fields it would be their prototype.
    const outer = key === '__proto__' ? 'binding' : 'scope'
    expect(written.map(([, value]) => value)).toEqual(expect.arrayContaining([outer, 'call']))
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).deep).toBeUndefined()
  })
})
