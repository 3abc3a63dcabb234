import { expect, test } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import { boundTo } from '../../src/logger/bound.ts'
import { createLazyLogger, createLogger, reconfigure } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { recorder } from './recorder.ts'

const options = () => {
  const log = recorder()
  return { log, options: { transports: [log.transport], identity: false, env: {} } as const }
}

/** The id of what each of these said, in order. */
function ids(log: ReturnType<typeof recorder>, ...loggers: Logger[]): unknown[] {
  for (const each of loggers) each.info('said')
  return log.records.splice(0).map((line) => line.request_id)
}

test('a view of a logger that nobody has touched yet leaves the logger as it is', async () => {
  const { log, options: given } = options()
  const logger = createLazyLogger()
  const first = boundTo(logger, createScope({ request_id: 'r-1' }))
  const second = boundTo(logger, createScope({ request_id: 'r-2' }))
  await reconfigure(logger, given)
  expect(ids(log, logger, first, second)).toEqual([undefined, 'r-1', 'r-2'])
  runInScope(createScope({ request_id: 'r-3' }), () => {
    expect(ids(log, logger, first, second)).toEqual(['r-3', 'r-1', 'r-2'])
  })
})

test('in its own scope, and in those nested in it, a view adds nothing', () => {
  const { log, options: given } = options()
  const scope = createScope({ request_id: 'r-1' })
  const view = boundTo(createLogger(given), scope)
  const child = view.child({ part: 'db' })
  runInScope(createScope({ step: 1 }, undefined, scope), () => {
    view.info('nested')
    child.info('nested')
  })
  child.info('outside')
  expect(log.records).toMatchObject([
    { request_id: 'r-1', step: 1 },
    { request_id: 'r-1', step: 1, part: 'db' },
    { request_id: 'r-1', part: 'db' },
  ])
  expect(log.records[2]).not.toHaveProperty('step')
})
