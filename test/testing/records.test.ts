import { describe, expect, it } from 'vitest'
import { withContext } from '../../src/context/scope.ts'
import { createLogger } from '../../src/logger/create.ts'
import {
  assertPassed,
  findRecords,
  hasNoRecord,
  hasRecord,
  hasRecordsInOrder,
} from '../../src/testing/check-result.ts'
import { recordMatchers } from '../../src/testing/matchers.ts'
import type { RecordPattern } from '../../src/testing/pattern.ts'
import type { RecordSource } from '../../src/testing/records.ts'
import { memoryTransport } from '../../src/transports/memory.ts'

const memory = memoryTransport()
const logger = createLogger({ transports: [memory], level: 'trace', env: {}, source: 'off' })
logger.info('started', { port: 80 })
withContext({ request_id: 'r-1', user_id: 'u-7' }, () => {
  logger.debug('cache missed', { keys: ['a', 'b'], took: { ms: 3, by: 'redis' } })
  logger.error('payment failed', new TypeError('card declined'), { order_id: 42 })
})
logger.warn('slow')

describe('a pattern', () => {
  it.each<[string, RecordPattern, number]>([
    ['a level', { level: 'warn' }, 1],
    ['a level by another name', { level: 'WARNING' }, 1],
    ['a level by its number', { level: 50 }, 1],
    ['a message', { msg: 'started' }, 1],
    ['a part of a message', { msg: /fail/ }, 1],
    ['a global RegExp, each time', { msg: /e/g }, 3],
    ['a field', { order_id: 42 }, 1],
    ['another value', { order_id: 43 }, 0],
    ['the scope', { request_id: 'r-1', user_id: /^u-/ }, 2],
    ['no scope', { request_id: undefined }, 2],
    ['a part of an object', { took: { by: 'redis' } }, 1],
    ['what an object must not have', { took: { by: 'redis', ms: undefined } }, 0],
    ['a whole list', { keys: ['a', /b/] }, 1],
    ['a part of a list', { keys: ['a'] }, 0],
    ['an error', { err: { type: 'TypeError', message: /declined/ } }, 1],
    ['a function', { port: (port: unknown) => Number(port) < 1024 }, 1],
    ["a matcher of the runner's", { port: expect.any(Number) }, 1],
    ['a key that every object has', { toString: undefined, constructor: undefined }, 4],
    ['nothing', {}, 4],
  ])('finds %s', (_name, pattern, count) => {
    expect(findRecords(memory, pattern)).toHaveLength(count)
    expect(hasRecord(memory, pattern).pass).toBe(count > 0)
    expect(hasRecord(memory, pattern, count).pass).toBe(true)
    expect(hasRecord(memory, pattern, count + 1).pass).toBe(false)
    expect(hasNoRecord(memory, pattern).pass).toBe(count === 0)
  })

  it('finds levels of records that have numbers', () => {
    expect(hasRecord([{ level: 40 }], { level: 'warn' }).pass).toBe(true)
    expect(hasRecord([{ level: 35 }], { level: 'warn' }).pass).toBe(false)
    expect(hasRecord([{ level: 35 }], { level: 35 }).pass).toBe(true)
  })
})

describe('order', () => {
  it.each<[RecordPattern[], boolean]>([
    [[{ msg: 'started' }, { level: 'error' }, { msg: 'slow' }], true],
    [[{ msg: 'started' }, { msg: 'slow' }, { level: 'error' }], false],
    [[{ msg: 'slow' }, { msg: 'slow' }], false],
    [[{ request_id: 'r-1' }, { request_id: 'r-1' }], true],
    [[], true],
  ])('%j: %s', (patterns, pass) => {
    expect(hasRecordsInOrder(memory, patterns).pass).toBe(pass)
  })

  it('says which one is missing, and whether it came earlier', () => {
    const { message } = hasRecordsInOrder(memory, [{ msg: 'slow' }, { msg: 'started' }])
    expect(message).toMatch(
      /\{"msg":"started"\}, number 2 of 2, behind the first 4 of 4 records:[\s\S]*\(there is one earlier\)/,
    )
  })
})

describe('a result', () => {
  it('says what was expected and what is there', () => {
    const { message } = hasRecord(memory, { msg: /nope/, n: undefined, f: function isSmall() {} })
    expect(message).toContain(
      'expected a record with {"msg":"/nope/","n":"[not there]","f":"[isSmall]"}, found 0 in 4 records:',
    )
    expect(message).toContain('"payment failed"')
    expect(hasNoRecord(memory, { msg: 'slow' }).message).toMatch(
      /expected no record with .*, found 1 record:\n {2}\{"time"/,
    )
  })

  it('can be thrown', () => {
    expect(() => assertPassed(hasRecord(memory, { msg: 'slow' }))).not.toThrow()
    expect(() => assertPassed(hasRecord(memory, { msg: 'fast' }))).toThrow(
      /expected a record with \{"msg":"fast"\}/,
    )
  })
})

describe('recordMatchers', () => {
  expect.extend(recordMatchers)
  const on = (source: RecordSource) =>
    expect(source) as unknown as Record<keyof typeof recordMatchers, (...args: unknown[]) => void> & {
      not: Record<keyof typeof recordMatchers, (...args: unknown[]) => void>
    }

  it('works with expect', () => {
    on(memory).toHaveRecord({ level: 'error', request_id: 'r-1' })
    on(memory).toHaveRecord({ request_id: 'r-1' }, 2)
    on(memory.lines).not.toHaveRecord({ level: 'fatal' })
    on(memory.lines.join('')).toHaveRecordsInOrder([{ level: 'debug' }, { level: 'error' }])
    on(memory.records()).toHaveNoSecrets({ secrets: ['correct horse'] })
    expect(() => on(memory).not.toHaveRecord({ level: 'error' })).toThrow(/expected not to find a record/)
    expect(() => on(memory).toHaveRecord({ level: 'fatal' })).toThrow(/expected a record with/)
    expect(() => on([{ password: 'x' }]).toHaveNoSecrets()).toThrow(/a value called "password"/)
  })
})

it.each([[['no json']], ['[1]\n'], [42]])('refuses what is no record: %j', (source) => {
  expect(() => findRecords(source as RecordSource, {})).toThrow(TypeError)
})
