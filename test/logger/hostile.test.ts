import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScope, runInScope } from '../../src/context/scope.ts'
import type { SchemaName } from '../../src/logger/schema.ts'
import type { Logger } from '../../src/logger/types.ts'
import { parseStrict } from '../support/strict-json.ts'
import { call, fields } from './hostile.ts'
import { type Recorder, recorderOn, WAYS } from './memory.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }

type AnyMethod = (...args: unknown[]) => void
const say = (logger: Logger, args: readonly unknown[]): void =>
  (logger.info as unknown as AnyMethod).apply(logger, [...args])

function oneLine(log: Recorder, act: () => void): Record<string, unknown> {
  log.clear()
  act()
  expect(log.lines().length).toBe(1)
  return parseStrict(log.lines()[0] as string)
}

describe.each(WAYS)('whatever is passed in, on the way: %s', (way) => {
  it('gives one line of JSON with unique keys, in every schema', () => {
    const logs = SCHEMAS.map((schema) => recorderOn(way, { schema, identity: { service: 'shop', pid: 1 } }))
    fc.assert(
      fc.property(call, fields, fields, fc.boolean(), (args, bindings, context, inScope) => {
        for (const log of logs) {
          const record = oneLine(log, () => {
            const child = log.logger.child(bindings())
            if (inScope) runInScope(createScope(context(), TRACE), () => say(child, args()))
            else say(child, args())
          })
          if (!inScope) continue
          const id = Object.values(record).filter((value) => value === TRACE.traceId)
          expect(id).toHaveLength(1)
        }
      }),
      { numRuns },
    )
  })
})

it('says the same on every way', () => {
  const logs = WAYS.map((way) => recorderOn(way, { identity: { service: 'shop', pid: 1 } }))
  fc.assert(
    fc.property(call, fields, fields, (args, bindings, context) => {
      const [direct, ...others] = logs.map((log) =>
        oneLine(log, () =>
          runInScope(createScope(context(), TRACE), () => say(log.logger.child(bindings()), args())),
        ),
      )
      for (const other of others) expect(other).toEqual(direct)
    }),
    { numRuns },
  )
})
