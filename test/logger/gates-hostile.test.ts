import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'
import { shutdown } from '../../src/logger/default.ts'
import type { SchemaName } from '../../src/logger/line/schema.ts'
import type { Logger } from '../../src/logger/types.ts'
import { parseStrict } from '../support/strict-json.ts'
import { call, fields } from './hostile.ts'
import { recorderOn, WAYS } from './memory.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']
const ALMOST_ALL = 0.999999999

type AnyMethod = (...args: unknown[]) => void
const say = (logger: Logger, args: readonly unknown[]): void =>
  (logger.info as unknown as AnyMethod).apply(logger, [...args])

describe.each(WAYS)('whatever is passed in, on the way: %s', (way) => {
  it('a kept record says its rate once, in every schema', () => {
    const logs = SCHEMAS.map((schema) => recorderOn(way, { schema, sample: ALMOST_ALL }))
    onTestFinished(async () => void (await Promise.all(logs.map(({ logger }) => shutdown(logger)))))
    const planted = fc.constantFrom({}, { sample_rate: 1 }, { _sample_rate: 2, sample_rate: 3 })
    fc.assert(
      fc.property(call, fields, fields, planted, (args, bindings, context, mine) => {
        for (const log of logs) {
          log.clear()
          runInScope(createScope({ ...context(), ...mine }, newTrace()), () =>
            say(log.logger.child({ ...bindings(), ...mine }), args()),
          )
          expect(log.lines()).toHaveLength(1)
          expect(parseStrict(log.lines()[0] as string).sample_rate).toBe(ALMOST_ALL)
        }
      }),
      { numRuns },
    )
  })

  it('a record that waited is the one that it would have been', () => {
    const plain = recorderOn(way)
    const log = recorderOn(way, { buffer: 'debug' })
    onTestFinished(() => shutdown(log.logger))
    fc.assert(
      fc.property(call, fields, fields, (args, bindings, context) => {
        // At one place, so that the stacks of errors are the same.
        for (const each of [plain, log]) {
          each.clear()
          withContext(context(), () => {
            say(each.logger.child(bindings()), args())
            expect(each.lines()).toHaveLength(each === log ? 0 : 1)
            each.logger.error('x')
          })
        }
        expect(log.lines()).toEqual(plain.lines())
      }),
      { numRuns },
    )
  })
})
