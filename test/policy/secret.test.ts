import { inspect } from 'node:util'
import pino from 'pino'
import { expect, it } from 'vitest'
import { secret } from '../../src/policy/secret.ts'
import { recorder } from '../logger/memory.ts'

const wrapped = secret('hunter2')

it('gives the value back to who asks for it', () => {
  expect(wrapped.reveal()).toBe('hunter2')
  expect(secret({ a: 1 }).reveal()).toEqual({ a: 1 })
})

it.each<[string, () => string]>([
  ['JSON', () => JSON.stringify({ wrapped })],
  ['a template', () => `${wrapped}`],
  ['a sum of texts', () => ['x', wrapped].join('')],
  ['String()', () => String(wrapped)],
  ['util.inspect', () => inspect({ deep: [wrapped] }, { showHidden: true, depth: 9 })],
  [
    'util.inspect without its own word',
    () => inspect(wrapped, { customInspect: false, showHidden: true, getters: true }),
  ],
  ['an error', () => inspect(new Error('x', { cause: wrapped }))],
  ['a copy', () => inspect({ ...wrapped })],
  ['keys and entries', () => JSON.stringify([Object.keys(wrapped), Object.entries(wrapped)])],
  [
    'pino',
    () => {
      let line = ''
      pino({ base: null }, { write: (text: string) => (line += text) }).info(
        { wrapped },
        'x %s %j',
        wrapped,
        wrapped,
      )
      return line
    },
  ],
  [
    'spoor, in every place',
    () => {
      const log = recorder({ redact: false })
      const child = log.logger.child({ wrapped })
      Reflect.apply(child.info, child, [
        'x %s %j %o',
        wrapped,
        wrapped,
        wrapped,
        { list: [wrapped], wrapped },
      ])
      log.logger.info(wrapped as object)
      log.logger.error(Object.assign(new Error('x', { cause: wrapped }), { wrapped }))
      log.logger.info(wrapped as unknown as string, { a: 1 })
      return log.lines().join('')
    },
  ],
])('is not shown by %s', (_name, print) => {
  const text = print()
  expect(text).not.toContain('hunter2')
  if (!['a copy', 'keys and entries', 'util.inspect without its own word'].includes(_name)) {
    expect(text).toContain('[secret]')
  }
})
