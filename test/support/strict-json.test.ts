import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLines, parseStrict } from './strict-json.ts'

describe('parseStrict', () => {
  it.each([
    ['{"a":1,"a":1}', '"a"'],
    ['{"a":{"b":1,"c":[],"b":2}}', '"a"."b"'],
    ['{"a":[{"x":1},{"x":1,"x":2}]}', '"x"'],
    ['{"a":1,"\\u0061":2}', '"a"'],
    ['{"a":"{","b":"}","a" :1}', '"a"'],
    ['{"q\\"":1,"q\\"":2}', '"q\\""'],
    ['{"":1,"":2}', '""'],
  ])('refuses %s', (line, key) => {
    expect(() => parseStrict(line)).toThrow(`${key} stands twice`)
  })

  it.each([
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"a":"\\"a\\":1,\\"a\\":2","b":"a"}',
    '{"a":["a","a"],"b":"\\\\"}',
    '{"constructor":1,"__proto__":2,"hasOwnProperty":3}',
  ])('takes %s', (line) => {
    expect(parseStrict(line)).toEqual(JSON.parse(line))
  })

  it('takes whatever JSON.stringify makes, and refuses it once a key is written twice', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value) => {
        const line = JSON.stringify(value)
        expect(parseStrict(line)).toEqual(JSON.parse(line))
        const key = JSON.stringify(Object.keys(value)[0])
        expect(() => parseStrict(`${line.slice(0, -1)},${key}:0}`)).toThrow('stands twice')
      }),
      { numRuns: Number(process.env.SPOOR_RUNS ?? 300) },
    )
  })

  it('takes one line only', () => {
    expect(parseStrict('{"a":1}\n')).toEqual({ a: 1 })
    expect(() => parseStrict('{"a":1}\n{"a":1}\n')).toThrow('expected one line')
    expect(() => parseLines('{"a":1}\n{"a"')).toThrow('torn')
    expect(parseLines('{"a":1}\n{"a":2}\n')).toEqual([{ a: 1 }, { a: 2 }])
  })
})
