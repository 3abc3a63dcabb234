import { setTimeout } from 'node:timers/promises'
import cls from 'cls-hooked'
import { afterAll, expect, it } from 'vitest'
import { fromNamespace, runWithNamespace } from '../../src/context/cls-hooked.ts'
import { createLogger } from '../../src/logger/create.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { parseStrict } from '../support/strict-json.ts'

const namespace = cls.createNamespace('spoor-test')
afterAll(() => cls.destroyNamespace('spoor-test'))

function recorder() {
  const memory = memoryTransport()
  const logger = createLogger({
    identity: false,
    transports: [memory],
    mixin: fromNamespace(namespace, ['user', 'tenant']),
  })
  return { logger, last: () => parseStrict<Record<string, unknown>>(memory.lines.at(-1) as string) }
}

it("puts a namespace's values on records, as they are when the record is made", async () => {
  const { logger, last } = recorder()
  await namespace.runAndReturn(async () => {
    namespace.set('user', 'u-1')
    await setTimeout(1)
    logger.info('first')
    expect(last()).toMatchObject({ user: 'u-1' })
    namespace.set('user', 'u-2')
    logger.info('second', { a: 1 })
    expect(last()).toMatchObject({ user: 'u-2', a: 1 })
    expect(last()).not.toHaveProperty('tenant')
  })
})

it('adds nothing outside of the namespace', () => {
  const { logger, last } = recorder()
  logger.info('outside')
  expect(last()).not.toHaveProperty('user')
})

it('runs a function in the namespace and in a scope, both with the fields', async () => {
  const { logger, last } = recorder()
  const result = await runWithNamespace(namespace, { user: 'u-3', request_id: 'r-1' }, async () => {
    await setTimeout(1)
    logger.info('inside')
    return namespace.get('request_id')
  })
  expect(result).toBe('r-1')
  expect(last()).toMatchObject({ user: 'u-3', request_id: 'r-1' })
})
