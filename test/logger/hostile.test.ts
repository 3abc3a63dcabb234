import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import type { SchemaName } from '../../src/logger/line/schema.ts'
import type { Logger } from '../../src/logger/types.ts'
import { HOSTILE_RUNS } from '../support/random.ts'
import { parseStrict } from '../support/strict-json.ts'
import { call, fields } from './hostile.ts'
import { type Recorder, recorderOn, WAYS } from './memory.ts'

const numRuns = HOSTILE_RUNS
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }

type AnyMethod = (...args: unknown[]) => void
const say = (logger: Logger, args: readonly unknown[]): void =>
  (logger.info as unknown as AnyMethod).apply(logger, [...args])

function oneLine(log: Recorder, act: () => void): Record<string, unknown> {
  log.clear()
  act()
  expect(log.lines().length).toBe(1)
  return parseStrict(log.lines()[0] as string)
}

describe.each(WAYS)('whatever is passed in, on the way: %s', (way) => {
  it('gives one line of JSON with unique keys, in every schema', () => {
    const logs = SCHEMAS.map((schema) => recorderOn(way, { schema, identity: { service: 'shop', pid: 1 } }))
    fc.assert(
      fc.property(call, fields, fields, fc.boolean(), (args, bindings, context, inScope) => {
        for (const log of logs) {
          const record = oneLine(log, () => {
            const child = log.logger.child(bindings())
            if (inScope) runInScope(createScope(context(), TRACE), () => say(child, args()))
            else say(child, args())
          })
          if (!inScope) continue
          const id = Object.values(record).filter((value) => value === TRACE.traceId)
          expect(id).toHaveLength(1)
        }
      }),
      { numRuns },
    )
  })
})

it('says the same on every way', () => {
  const logs = WAYS.map((way) => recorderOn(way, { identity: { service: 'shop', pid: 1 } }))
  fc.assert(
    fc.property(call, fields, fields, (args, bindings, context) => {
      const [direct, ...others] = logs.map((log) =>
        oneLine(log, () =>
          runInScope(createScope(context(), TRACE), () => say(log.logger.child(bindings()), args())),
        ),
      )
      // pino's redact parses what a placeholder shows and writes it anew: whole-number keys come first, `__proto__` is
      // lost, and what the placeholder had escaped is escaped by the line alone.
      const shown = /[{[]/.test(String(direct?.msg))
      for (const [i, other] of others.entries()) {
        const redacted = WAYS[i + 1] === 'redact' && shown
        expect(redacted ? { ...other, msg: direct?.msg } : other).toEqual(direct)
      }
    }),
    { numRuns },
  )
})

describe('what JSON can say', () => {
  // Keys and texts made at random are taken for secrets now and then.
  const log = recorderOn('direct', { redact: false })

  it('comes back as it went in', () => {
    const value = fc.jsonValue({ maxDepth: 5 })
    const name = fc.string({ minLength: 1 }).map((text) => `f${text}`)
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.string({ unit: 'binary' }), (said, msg) => {
        const {
          time: _time,
          level: _level,
          msg: written,
          ...rest
        } = oneLine(log, () => log.logger.info(said, msg))
        expect(written).toBe(msg)
        expect(rest).toEqual(JSON.parse(JSON.stringify(said)))
      }),
      { numRuns },
    )
  })
})

describe('size and depth', () => {
  it.each(WAYS)('stays bounded on the way: %s', (way) => {
    const log = recorderOn(way)
    let deep: unknown = {}
    for (let i = 0; i < 20_000; i++) deep = i % 2 === 0 ? { deep } : [deep]
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))
    const shared = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner, inner], 'leaf')
    const long = '"\u0000'.repeat(1024 * 1024)
    const record = oneLine(log, () =>
      log.logger.info(long, { deep, wide, shared, long, list: new Array(2 ** 20) }),
    )
    const mark = /^("\0)+"?…\[\+\d+ chars\]$/
    for (const text of [record.msg, record.long] as string[]) {
      expect(text).toMatch(mark)
      expect((text.match(/"|\0/g) ?? []).length + Number(/\d+/.exec(text)?.[0])).toBe(long.length)
    }
    expect(Buffer.byteLength(log.lines()[0] as string)).toBeLessThanOrEqual(64_000)
    expect(record.truncated).toBe(true)
    expect(JSON.stringify(record.deep)).toMatch(/\[Object: 1 keys\]|\[Array: 1 elements\]/)
    expect(Object.keys(record.wide as object)).toHaveLength(257)
    expect((record.wide as { '…': string })['…']).toBe('4744 more')
    expect((record.list as unknown[]).length).toBe(257)
  })

  it('takes 10,000 fields of a call, where it may', () => {
    const unbounded = Number.POSITIVE_INFINITY
    const log = recorderOn('direct', { limits: { keys: unbounded, record: unbounded } })
    const said = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, i]))
    expect(oneLine(log, () => log.logger.info(said, 'wide'))).toMatchObject(said)
  })
})

it('goes on when what is logged logs itself', () => {
  const log = recorderOn('direct')
  const value = {
    toJSON() {
      log.logger.info('inner', { a: 1 })
      return 'outer'
    },
  }
  log.logger.info('outer', { value })
  expect(log.records()).toMatchObject([
    { msg: 'inner', a: 1 },
    { msg: 'outer', value: 'outer' },
  ])
})

it.each([
  [
    'a getter',
    () => Object.defineProperty({ b: 2 }, 'a', { enumerable: true, get: () => JSON.parse('{') }),
    { a: '[Throws]', b: 2 },
  ],
  ['a proxy', () => Proxy.revocable({}, {}), {}],
  ['nothing', () => null, {}],
])('a scope of %s that throws runs what it is for', (_name, make, expected) => {
  const log = recorderOn('direct')
  const made = make() as { proxy?: object; revoke?: () => void } | null
  made?.revoke?.()
  const record = oneLine(log, () =>
    withContext((made?.proxy ?? made) as Record<string, unknown>, () => log.logger.info('x')),
  )
  expect(record).toMatchObject(expected)
})
