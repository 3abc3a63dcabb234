import { describe, expect, it, test } from 'vitest'
import { parseLevel, parseLevelSpec } from '../../src/config/levels.ts'

describe('parseLevel', () => {
  test.each([
    ['info', 'info'],
    ['DEBUG', 'debug'],
    ['Warning', 'warn'],
    ['CRITICAL', 'fatal'],
    ['NOTSET', 'trace'],
    ['off', 'silent'],
    ['silent', 'silent'],
    ['10', 'trace'],
    ['60', 'fatal'],
    [' error ', 'error'],
  ])('%j is %s', (text, level) => expect(parseLevel(text)).toBe(level))

  test.each(['', 'verbose', '35', '0', 'constructor', '__proto__', 'info,debug'])('%j is none', (text) =>
    expect(parseLevel(text)).toBeUndefined(),
  )
})

describe('parseLevelSpec', () => {
  test.each([
    ['info,db=debug,http.client=warn', 'info', { db: 'debug', 'http.client': 'warn' }, []],
    ['db=debug', undefined, { db: 'debug' }, []],
    [' WARNING , , a.b = off ', 'warn', { 'a.b': 'silent' }, []],
    ['', undefined, {}, []],
    ['info,db=debgu', 'info', {}, ['db=debgu']],
    ['info,debug', 'info', {}, ['debug']],
    ['=debug', undefined, {}, ['=debug']],
    ['a=b=trace', undefined, { 'a=b': 'trace' }, []],
    ['db=debug,db=error', undefined, { db: 'error' }, []],
  ])('%j', (text, level, components, problems) => {
    const spec = parseLevelSpec(text)
    expect(spec.level).toBe(level)
    expect({ ...spec.components }).toEqual(components)
    expect(spec.problems).toEqual(problems)
  })

  it('gives a component no level that only Object.prototype has', () => {
    const { components } = parseLevelSpec('info,__proto__=debug')
    expect(components.constructor).toBeUndefined()
    expect(Object.keys(components)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).debug).toBeUndefined()
  })
})
