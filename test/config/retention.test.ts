import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  keepFor,
  keepsAll,
  parseCompress,
  parseRetention,
  RETENTION_LEVELS,
  type RetentionLevel,
  retentionPolicy,
} from '../../src/config/retention.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const DAY = 24 * 60 * 60 * 1000
const GB = 1024 ** 3
const all = (ms: number) =>
  Object.fromEntries(RETENTION_LEVELS.filter((level) => level !== 'audit').map((level) => [level, ms]))

describe('LOG_RETENTION', () => {
  test.each([
    ['off', { preset: false, age: {} }],
    [' OFF ', { preset: false, age: {} }],
    ['default', { preset: true, age: {} }],
    ['30d', { preset: false, age: all(30 * DAY) }],
    ['1y', { preset: false, age: all(365 * DAY) }],
    ['30d,debug=3d', { preset: false, age: { ...all(30 * DAY), debug: 3 * DAY } }],
    [
      'debug=3d,info=14d,error=365d',
      { preset: false, age: { debug: 3 * DAY, info: 14 * DAY, error: 365 * DAY } },
    ],
    [
      'WARNING=1h, Critical = 2h ,audit=7y',
      { preset: false, age: { warn: 3_600_000, fatal: 7_200_000, audit: 7 * 365 * DAY } },
    ],
    ['count=20', { preset: false, age: {}, count: 20 }],
    ['size=10GB', { preset: false, age: {}, size: 10 * GB }],
    ['free=5GB', { preset: false, age: {}, free: { bytes: 5 * GB } }],
    ['free=10%', { preset: false, age: {}, free: { share: 0.1 } }],
    ['free=2.5 %', { preset: false, age: {}, free: { share: 0.025 } }],
    ['default,size=10GB', { preset: true, age: {}, size: 10 * GB }],
    ['default,info=30d', { preset: true, age: { info: 30 * DAY } }],
    [
      '30d,count=2,size=1MB,free=1%,',
      { preset: false, age: all(30 * DAY), count: 2, size: 1024 ** 2, free: { share: 0.01 } },
    ],
  ])('%j', (text, expected) => {
    const { value, wrong } = parseRetention(text)
    expect(wrong).toEqual([])
    expect({ ...value }).toEqual(expected)
  })

  // Half a policy would delete what the other half was to keep.
  test.each([
    ['debug=3d,info=14x,error=365d', ['info=14x']],
    ['30', ['30']],
    ['0', ['0']],
    ['0d', ['0d']],
    ['-3d', ['-3d']],
    ['debug=0d', ['debug=0d']],
    ['30d,60d', ['60d']],
    ['default,30d', ['30d']],
    ['30d,default', ['default']],
    ['default,default', ['default']],
    ['off,size=10GB', ['off']],
    ['info=3d,info=5d', ['info=5d']],
    ['critical=3d,fatal=5d', ['fatal=5d']],
    ['silent=3d,off=3d,notset=3d,30=3d', ['silent=3d', 'off=3d', 'notset=3d', '30=3d']],
    ['__proto__=3d,constructor=3d', ['__proto__=3d', 'constructor=3d']],
    ['everything=3d', ['everything=3d']],
    ['count=0', ['count=0']],
    ['count=1.5', ['count=1.5']],
    ['count=', ['count=']],
    ['count=1,count=2', ['count=2']],
    ['size=10', ['size=10']],
    ['size=10%', ['size=10%']],
    ['free=0%', ['free=0%']],
    ['free=100%', ['free=100%']],
    ['free=0', ['free=0']],
    ['forever', ['forever']],
    [',', [',']],
    ['true', ['true']],
  ])('%j is wrong, and nothing of it is used', (text, wrong) => {
    expect(parseRetention(text)).toEqual({ value: undefined, wrong })
  })

  it('never throws, and tells what is wrong whenever there is no value', () => {
    const word = fc.constantFrom(
      'off',
      'default',
      '30d',
      'debug',
      'count',
      'size',
      'free',
      '=',
      ',',
      '10%',
      ' ',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join('')),
    )
    fc.assert(
      fc.property(text, (given) => {
        const { value, wrong } = parseRetention(given)
        expect(value === undefined).toBe(wrong.length > 0)
      }),
      { numRuns },
    )
  })
})

describe('a policy', () => {
  const policyOf = (text: string, production = false) =>
    retentionPolicy(parseRetention(text).value as never, production)

  test.each([
    [false, { trace: 7, debug: 7, info: 30, warn: 90, error: 90, fatal: 90, audit: 7 * 365 }],
    [true, { trace: 3, debug: 3, info: 14, warn: 365, error: 365, fatal: 365, audit: 7 * 365 }],
  ])('of default, in production: %j', (production, days) => {
    const policy = policyOf('default', production)
    for (const [level, count] of Object.entries(days)) {
      expect(keepFor(policy, [level as RetentionLevel]), level).toBe(count * DAY)
    }
  })

  it('takes the preset where it names nothing itself', () => {
    const policy = policyOf('default,info=20d,count=5', true)
    expect(keepFor(policy, ['info'])).toBe(20 * DAY)
    expect(keepFor(policy, ['debug'])).toBe(3 * DAY)
    expect(policy.count).toBe(5)
    expect(policy).not.toHaveProperty('preset')
  })

  it.each([
    ['info=14d,error=365d', [14, 14, 14, 14, 365, 365, undefined]],
    ['debug=3d', [3, 3, undefined, undefined, undefined, undefined, undefined]],
    ['warn=5d,audit=9d', [5, 5, 5, 5, undefined, undefined, 9]],
    ['fatal=7d', [7, 7, 7, 7, 7, 7, undefined]],
    ['30d', [30, 30, 30, 30, 30, 30, undefined]],
  ])('deletes no level that nobody asked to delete: %s', (text, expected) => {
    const policy = policyOf(text)
    const days = RETENTION_LEVELS.map((level) => {
      const ms = keepFor(policy, [level])
      return ms === undefined ? undefined : ms / DAY
    })
    expect(days).toEqual(expected)
  })

  it('keeps a file as long as its longest level asks, and for ever where none is asked for', () => {
    const policy = policyOf('debug=3d,info=14d,error=2d')
    expect(keepFor(policy, ['debug', 'info', 'error'])).toBe(14 * DAY)
    expect(keepFor(policy, ['debug'])).toBe(3 * DAY)
    expect(keepFor(policy, [])).toBeUndefined()
    expect(keepFor(policyOf('count=3'), ['debug', 'error'])).toBeUndefined()
  })

  it('keeps all only where no bound is set', () => {
    expect(keepsAll(policyOf('off'))).toBe(true)
    for (const text of ['default', '1d', 'debug=1d', 'count=1', 'size=1MB', 'free=1%']) {
      expect(keepsAll(policyOf(text)), text).toBe(false)
    }
  })
})

test.each([
  ['off', 'off'],
  ['7d', { age: 7 * DAY }],
  ['0d', { age: 0 }],
  ['3', { files: 3 }],
  ['0', { files: 0 }],
  [' 12 ', { files: 12 }],
  ['on', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['7 days', undefined],
  ['', undefined],
])('LOG_COMPRESS %j', (text, expected) => {
  expect(parseCompress(text)).toEqual(expected)
})
