import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  freeName,
  instanceOf,
  isCompletion,
  isoTimeOf,
  jsonText,
  nanosecondsOf,
  withTimeAs,
} from '../../../src/shipping/presets/fields.ts'
import { shippedLine } from '../fakes/records.ts'
import { numRuns } from './verdicts.ts'

const timed = (timeMs: number, nth = 0) => ({ ...shippedLine('{}', timeMs), nth })

describe('the time of a record', () => {
  it.each([
    [1_763_719_200_123, 0, '1763719200123000000', '2025-11-21T10:00:00.123Z'],
    [1_763_719_200_123, 45, '1763719200123000045', '2025-11-21T10:00:00.123000045Z'],
    [1_763_719_200_000, 999_999, '1763719200000999999', '2025-11-21T10:00:00.000999999Z'],
    [0, 7, '7', '1970-01-01T00:00:00.000000007Z'],
    [-5, 0, '0', '1970-01-01T00:00:00.000Z'],
    [1.5, 0, '1000000', '1970-01-01T00:00:00.001Z'],
    [Number.NaN, 0, '0', '1970-01-01T00:00:00.000Z'],
    [1e20, 1, '9223372036853000001', '2262-04-11T23:47:16.853000001Z'],
  ])('%d ms and %d', (ms, nth, nanoseconds, iso) => {
    expect(nanosecondsOf(timed(ms, nth))).toBe(nanoseconds)
    expect(isoTimeOf(timed(ms, nth))).toBe(iso)
  })

  it('fits an int64, and rises with ms and nth', () => {
    const time = fc.tuple(fc.oneof(fc.maxSafeNat(), fc.double()), fc.nat(999_999))
    fc.assert(
      fc.property(time, time, (a, b) => {
        const [x, y] = [timed(...a), timed(...b)].map((one) => BigInt(nanosecondsOf(one))) as [bigint, bigint]
        expect(BigInt.asIntN(64, x)).toBe(x)
        if (a[0] <= b[0] && a[1] <= b[1]) expect(x <= y).toBe(true)
      }),
      { numRuns },
    )
  })
})

it.each([
  ['the machine', { machine_id: 'm1', host: 'h' }, 'm1'],
  ['the machine and its worker', { machine_id: 'm1', worker_id: '0', host: 'h' }, 'm1/0'],
  ['a worker that has a name', { worker_id: 'gpu-01', host: 'h' }, 'gpu-01'],
  ['a worker that PM2 numbered', { worker_id: '0', host: 'h' }, 'h/0'],
  ['a number alone', { worker_id: '0' }, '0'],
  ['a number that is none of JSON texts', { worker_id: 3, host: 'h' }, 'h/3'],
  ['the host', { host: 'h' }, 'h'],
  ['nothing', {}, undefined],
  ['what is no text', { machine_id: {}, host: ['h'] }, undefined],
])('the instance is %s', (_name, record, instance) => {
  expect(instanceOf(record)).toBe(instance)
})

it("knows the middleware's record", () => {
  expect(isCompletion({ method: 'GET', outcome: 'completed' })).toBe(true)
  expect(isCompletion({ method: 'GET', outcome: 'done' })).toBe(false)
  expect(isCompletion({ outcome: 'completed' })).toBe(false)
})

it('puts the time first, and a field of that name aside', () => {
  const record = (fields: string) => withTimeAs('at', shippedLine(`{"time":"x",${fields}}`, 0, 0))
  expect(JSON.stringify(record('"a":1'))).toBe('{"at":"1970-01-01T00:00:00.000Z","a":1}')
  expect(record('"at":1,"_at":2,"__proto__":3')).toEqual(
    JSON.parse('{"at":"1970-01-01T00:00:00.000Z","__at":1,"_at":2,"__proto__":3}'),
  )
})

it('finds a free name', () => {
  expect(freeName('a', new Set())).toBe('a')
  expect(freeName('a', new Set(['a', '_a']))).toBe('__a')
})

describe('JSON of a value', () => {
  it('is what JSON.stringify gives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonText(value)).toBe(JSON.stringify(value))
      }),
      { numRuns },
    )
  })

  it('names what is deeper than JSON.stringify goes, which from Node 26 on has no end', () => {
    const depth = 100_000
    const whole = `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"b":1}`
    const value = JSON.parse(whole)
    const text = jsonText(value)
    if (text !== whole) expect(text).toContain('"[Array]"')
    if (Number(process.versions.node.split('.')[0]) < 26) expect(text).not.toBe(whole)
    expect(JSON.parse(text).b).toBe(1)
  })
})
