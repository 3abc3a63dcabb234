import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withConstantFields, withKeyRenamed } from '../../src/cli/ship/constant-fields.ts'
import { foreignLines } from '../../src/cli/ship/lines.ts'
import { parseStrict } from '../support/strict-json.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 300)
const parse = foreignLines()

function enriched(line: string, labels: Record<string, string>, defaults: Record<string, string> = {}) {
  return withConstantFields(parse(line) as never, { labels, defaults })
}

describe('constant fields', () => {
  it.each([
    ['are added behind', '{"a":1}', '{"a":1,"team":"x","host":"h"}'],
    ['to nothing', ' { } ', ' { "team":"x","host":"h"}'],
    ['as they are there', '{"team":"x","host":"h"}', '{"team":"x","host":"h"}'],
    ['and win', '{"team":"y","host":"mine"}', '{"_team":"y","host":"mine","team":"x"}'],
    ['over others too', '{"team":[1],"_team":2}', '{"__team":[1],"_team":2,"team":"x","host":"h"}'],
    [
      'not where a value or an inner key looks so',
      '{"a":"team","b":{"team":1}}',
      '{"a":"team","b":{"team":1},"team":"x","host":"h"}',
    ],
    ['by what the key says', '{"\\u0074eam":1}', '{"_team":1,"team":"x","host":"h"}'],
    [
      'beside a number of any length',
      '{"n":12345678901234567890,"team":1}',
      '{"n":12345678901234567890,"_team":1,"team":"x","host":"h"}',
    ],
    ['beside another name of the same', '{"hostname":"mine"}', '{"hostname":"mine","team":"x"}'],
  ])('%s', (_name, line, expected) => {
    const found = enriched(line, { team: 'x' }, { host: 'h' })
    expect(found.line).toBe(expected)
    parseStrict(found.line)
    expect(found.record).toMatchObject({ team: 'x', host: line.includes('mine') ? 'mine' : 'h' })
  })

  it('stand in the record alone where the line is text', () => {
    expect(enriched('text', { team: 'x' })).toMatchObject({
      line: 'text',
      record: { msg: 'text', team: 'x' },
    })
  })

  it('leave any other JSON as it was, and no key twice', () => {
    // JSON.parse of Node 24 and 26 reads the key `"` as `\` where an object before had that one (V8).
    const key = fc
      .oneof(fc.constantFrom('team', '_team', 'a', '"', '\\a', '__proto__'), fc.string())
      .filter((name) => !name.endsWith('\\'))
    const value = fc.jsonValue({ maxDepth: 3 })
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.string({ minLength: 1 }), (object, team) => {
        const line = JSON.stringify(object)
        const after = parseStrict(enriched(line, { team }).line)
        const { team: own, ...others } = JSON.parse(line)
        expect(after).toMatchObject(others)
        expect(after.team).toBe(team)
        if (Object.hasOwn(object, 'team') && own !== team) expect(Object.values(after)).toContainEqual(own)
        expect(Object.keys(after)).toHaveLength(
          Object.keys(others).length + (Object.hasOwn(object, 'team') && own !== team ? 2 : 1),
        )
      }),
      { numRuns: RUNS },
    )
  })

  it('renames a key wherever it stands', () => {
    expect(withKeyRenamed('{"a":"\\"a\\":1","a" :{"a":[{"a":1}]},"b":"a"}', 'a', 'c')).toBe(
      '{"c":"\\"a\\":1","c" :{"a":[{"a":1}]},"b":"a"}',
    )
  })
})
