import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPinoLine } from '../../src/transports/pino-line.ts'
import { parseLines } from '../support/strict-json.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 100)
const TIME = '2026-11-21T15:38:19.123Z'
const MS = Date.parse(TIME)

describe('a line as pino would have written it', () => {
  const encode = createPinoLine()

  it.each([
    [
      'our own order',
      `{"time":"${TIME}","level":"info","msg":"a"}\n`,
      `{"level":30,"time":${MS},"msg":"a"}\n`,
    ],
    [
      "pino's order",
      `{"level":"info","time":"${TIME}","msg":"a"}\n`,
      `{"level":30,"time":${MS},"msg":"a"}\n`,
    ],
    ['nothing else', `{"time":"${TIME}","level":"info"}\n`, `{"level":30,"time":${MS}}\n`],
    ["pino's schema", `{"time":${MS},"level":30,"msg":"a"}\n`, `{"level":30,"time":${MS},"msg":"a"}\n`],
    ['a head of its own', `{"x":1,"level":"info","time":"${TIME}"}\n`, `{"level":30,"time":${MS},"x":1}\n`],
    ['no time', '{"level":"info","msg":"a"}\n', '{"level":30,"msg":"a"}\n'],
    [
      'a time that is none',
      '{"time":"soon","level":"info","msg":"a"}\n',
      '{"level":30,"time":"soon","msg":"a"}\n',
    ],
    ['no JSON', 'what\n', 'what\n'],
    ['no object', '[1]\n', '[1]\n'],
  ])('%s', (_name, line, expected) => {
    expect(encode(line, 30)).toBe(expected)
  })

  it('lets nothing through that drives a terminal where it makes a line anew', () => {
    const line = `{"x":"a\\u009b\\u202e","level":"info","time":"${TIME}"}\n`
    expect(encode(line, 30)).toBe(`{"level":30,"time":${MS},"x":"a\\u009b\\u202e"}\n`)
  })

  it('keeps a field that has the name of a renamed key', () => {
    const names = new Map([
      ['@timestamp', 'time'],
      ['log.level', 'level'],
    ])
    const line = `{"@timestamp":"${TIME}","log.level":"info","level":"high","time":1,"_time":2}\n`
    const made = createPinoLine(names)(line, 30)
    expect(JSON.parse(made)).toEqual({ level: 30, time: MS, _level: 'high', __time: 1, _time: 2 })
  })

  it('leaves everything else as it was', () => {
    const key = fc.string().filter((each) => !['time', 'level', '__proto__'].includes(each))
    const time = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), time, fc.boolean(), (fields, at, first) => {
        const iso = at.toISOString()
        const head = first ? { time: iso, level: 'warn' } : { level: 'warn', time: iso }
        const line = `${JSON.stringify({ ...head, ...fields })}\n`
        const [made] = parseLines(encode(line, 40))
        expect(made).toEqual(JSON.parse(JSON.stringify({ level: 40, time: at.getTime(), ...fields })))
      }),
      { numRuns: RUNS },
    )
  })
})
