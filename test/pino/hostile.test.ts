import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { safeLine } from '../../src/config/safe-json.ts'
import { createScope, runInScope } from '../../src/context/scope.ts'
import { spoorPino } from '../../src/pino/factory.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'

// Halves of pairs are a difference that docs/pino.md tells of.
const hostile = unsafeCharacters.filter((character) => !/\p{Cs}/u.test(character))
const groups = Array.from({ length: Math.ceil(hostile.length / 100) }, (_, i) =>
  hostile.slice(i * 100, (i + 1) * 100),
)

function linesOf(make: typeof pino, act: (logger: pino.Logger) => void, options: pino.LoggerOptions): string {
  let lines = ''
  const stream = { write: (line: string) => (lines += line) }
  act(make({ timestamp: () => ',"time":0', base: null, ...options }, stream as never))
  return lines
}

describe.each<[string, pino.LoggerOptions]>([
  ['spoor', {}],
  ['pino', { redact: ['no.such.path'] }],
  ['pino, nested', { nestedKey: 'payload' }],
])('a line of spoor/pino that %s writes', (_name, options) => {
  it('is byte for byte what pino writes, whatever the text', () => {
    for (const group of groups) {
      const say = (logger: pino.Logger): void => {
        for (const text of [group.join(''), ...group]) {
          logger.child({ [`b${text}`]: text }).info({ [`f${text}`]: text, n: { [text]: [text] } }, text)
        }
      }
      expect(linesOf(spoorPino, say, { ...options })).toBe(linesOf(pino, say, { ...options }))
    }
  })
})

it('is harmless where safeLine is asked for, and says the same', () => {
  const text = unsafeCharacters.join('')
  const say = (logger: pino.Logger): void =>
    logger.child({ [`b${text}`]: 1 }).info({ [`f${text}`]: text }, text)
  const line = linesOf(spoorPino, say, { hooks: { streamWrite: safeLine } })
  expect(line.slice(0, -1)).not.toMatch(UNSAFE)
  expect(JSON.parse(line)).toEqual({ level: 30, time: 0, [`b${text}`]: 1, [`f${text}`]: text, msg: text })
})

it('writes a scope once where the call has the same value, however that is spelled', () => {
  const text = 'a\u009b\u202eb'
  const say = (logger: pino.Logger): void =>
    runInScope(createScope({ request_id: text }), () => logger.info({ request_id: text }, 'x'))
  expect(JSON.parse(linesOf(spoorPino, say, {}))).toEqual({ level: 30, time: 0, request_id: text, msg: 'x' })
})
