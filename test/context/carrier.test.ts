import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { trace as api, context, propagation } from '@opentelemetry/api'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Carrier,
  captureContext,
  continueContext,
  environmentCarrier,
} from '../../src/context/carrier.ts'
import { createScope, currentScope, runInScope, withContext } from '../../src/context/scope.ts'
import { formatTraceparent, newTrace } from '../../src/context/traceparent.ts'
import { transpiled } from './transpile.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 300)
const VALID = '00-12345678901234567890123456789012-1234567890123456-01'

describe('captureContext', () => {
  test('is plain JSON, and continues the same', () => {
    const trace = { ...newTrace(), tracestate: 'a=1' }
    const scope = createScope(
      { request_id: 'r-1', user_id: 7, ok: true, none: null, tags: ['a'], at: new Date(0) },
      trace,
    )
    scope.propagate = ['run_id']
    const carrier = runInScope(scope, captureContext)
    expect(carrier).toEqual({
      fields: {
        request_id: 'r-1',
        user_id: 7,
        ok: true,
        none: null,
        tags: ['a'],
        at: '1970-01-01T00:00:00.000Z',
      },
      traceparent: formatTraceparent(trace),
      tracestate: 'a=1',
      propagate: ['run_id'],
    })
    const sent = JSON.parse(JSON.stringify(carrier))
    expect(sent).toEqual(carrier)
    continueContext(sent, () => {
      expect(captureContext()).toEqual(carrier)
      expect(currentScope()?.trace?.remote).toBe(true)
    })
  })

  test('outside a scope it is empty', () => expect(captureContext()).toEqual({ fields: {} }))

  test('leaves out what JSON cannot say and what is too long', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const bad = {
      cycle,
      fn: () => 1,
      symbol: Symbol('s'),
      nan: Number.NaN,
      long: 'x'.repeat(1025),
      big: 5n,
      deep: { list: Array.from({ length: 1000 }, () => 'x') },
      toJSON: {
        toJSON: () => {
          throw new Error('no')
        },
      },
      trace_id: 'forged',
      ['k'.repeat(129)]: 1,
      edge: 'x'.repeat(1024),
    }
    expect(withContext(bad, captureContext).fields).toEqual({ big: '5', edge: bad.edge })
  })

  test('a field named __proto__ is a name like no other', () => {
    const scope = { ...createScope({}), fields: JSON.parse('{"__proto__":{"admin":true},"a":1}') }
    const { fields } = runInScope(scope, captureContext)
    expect(Object.getPrototypeOf(fields)).toBe(Object.prototype)
    expect(fields).toStrictEqual({ a: 1 })
  })

  test('takes 64 fields at most', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, n]))
    expect(Object.keys(withContext(many, captureContext).fields).length).toBe(64)
  })

  test("takes the active span before the scope's trace", () => {
    new NodeTracerProvider().register()
    api.getTracer('test').startActiveSpan('job', (span) => {
      const carrier = runInScope(createScope({}, newTrace()), captureContext)
      expect(carrier.traceparent).toContain(span.spanContext().spanId)
      span.end()
    })
    api.disable()
    context.disable()
    propagation.disable()
  })
})

describe('continueContext', () => {
  test('mixes nothing of its surroundings in', () => {
    const surrounding = createScope({ user_id: 'consumer' }, newTrace())
    surrounding.suppressed = true
    runInScope(surrounding, () =>
      continueContext({ fields: { request_id: 'job' } }, () => {
        expect(currentScope()).toMatchObject({
          fields: { request_id: 'job' },
          trace: undefined,
          suppressed: true,
        })
        expect(currentScope()?.fields).not.toHaveProperty('user_id')
      }),
    )
  })

  test.each([
    undefined,
    null,
    42,
    'carrier',
    [],
    {},
    { fields: [] },
    { fields: 'x' },
    { fields: null, traceparent: 7 },
    { fields: { request_id: 'has space' } },
    { fields: { trace_id: 'x', span_id: 'y', trace_flags: 'z' } },
    { traceparent: `ff${VALID.slice(2)}`, tracestate: 'a=1' },
    { tracestate: 'a=1' },
    JSON.parse('{"fields":{"__proto__":{"admin":true}}}'),
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    ),
    {
      get fields() {
        throw new Error('no')
      },
    },
    {
      fields: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
    },
  ])('bad carrier %#: the function runs, in an empty scope', (carrier) => {
    const scope = continueContext(carrier, currentScope)
    expect(scope?.fields).toStrictEqual({})
    expect(Object.getPrototypeOf(scope?.fields)).toBe(Object.prototype)
    expect(scope?.trace).toBe(undefined)
  })

  test('good parts beside bad ones count', () => {
    const carrier = {
      fields: { request_id: 'a b', user_id: 'u' },
      traceparent: VALID,
      tracestate: 'A=1',
      propagate: [1, 'x'],
    }
    const scope = continueContext(carrier, currentScope)
    expect(scope?.fields).toEqual({ user_id: 'u' })
    expect(scope?.trace).toEqual({
      traceId: VALID.slice(3, 35),
      spanId: VALID.slice(36, 52),
      flags: 1,
      remote: true,
    })
    expect(scope?.propagate).toEqual(['x'])
  })

  test('what the function throws or rejects with comes through', async () => {
    expect(() =>
      continueContext({}, () => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    await expect(
      continueContext({}, async () => {
        throw new RangeError('mine')
      }),
    ).rejects.toThrow(RangeError)
    expect(
      await continueContext({ fields: { a: 1 } }, async () =>
        Promise.resolve().then(() => currentScope()?.fields),
      ),
    ).toEqual({ a: 1 })
  })

  test('anything: never throws, and what it makes is bounded JSON that continues the same', () => {
    const wild = fc.oneof(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withObjectString: true,
      }),
      fc.record({
        fields: fc.dictionary(fc.string(), fc.anything()),
        traceparent: fc.oneof(fc.string(), fc.constant(VALID)),
      }),
    )
    fc.assert(
      fc.property(wild, (carrier) => {
        const once = continueContext(carrier, captureContext)
        expect(JSON.stringify(once).length).toBeLessThan(64 * (6 * 1024 + 6 * 128 + 8) + 1000)
        const again = continueContext(JSON.parse(JSON.stringify(once)), captureContext)
        expect(JSON.stringify(again)).toBe(JSON.stringify(once))
      }),
      { numRuns: RUNS },
    )
  })
})

test('a command started with TRACEPARENT and BAGGAGE goes on with what it is asked to take', () => {
  const env = { TRACEPARENT: VALID, TRACESTATE: 'a=1', BAGGAGE: 'run_id=42,user_id=u-1' }
  const scope = continueContext(environmentCarrier(env, ['run_id']), currentScope)
  expect(scope).toMatchObject({ fields: { run_id: '42' }, propagate: ['run_id'] })
  expect(scope?.fields).not.toHaveProperty('user_id')
  expect(scope?.trace).toMatchObject({ traceId: VALID.slice(3, 35), tracestate: 'a=1' })
  expect(environmentCarrier({})).toEqual({ fields: {} })
})

test('a worker thread goes on with the request it works for', async () => {
  const folder = transpiled('module')
  const file = join(folder, 'worker.js')
  writeFileSync(
    file,
    `import { parentPort, workerData } from 'node:worker_threads'
    import { captureContext, continueContext } from './context/carrier.js'
    import { currentScope } from './context/scope.js'
    const answer = (carrier) => continueContext(carrier, async () => {
      await new Promise((done) => setTimeout(done, Math.random() * 5))
      parentPort.postMessage(captureContext())
    })
    parentPort.postMessage(currentScope() ?? 'no scope by itself')
    await answer(workerData)
    parentPort.on('message', answer)`,
  )
  const carrierOf = (id: string) => runInScope(createScope({ request_id: id }, newTrace()), captureContext)
  const carriers = ['first', 'second', 'third'].map(carrierOf)
  const worker = new Worker(file, { workerData: carriers[0] })
  const answers = await new Promise<unknown[]>((done, fail) => {
    const seen: unknown[] = []
    worker.on('error', fail)
    worker.on('message', (answer) => {
      seen.push(answer)
      if (seen.length === 2) for (const carrier of carriers.slice(1)) worker.postMessage(carrier)
      if (seen.length === 4) done(seen)
    })
  })
  await worker.terminate()
  rmSync(folder, { recursive: true })
  const byId = (a: Carrier, b: Carrier) =>
    String(a.fields.request_id).localeCompare(String(b.fields.request_id))
  expect(answers[0]).toBe('no scope by itself')
  expect((answers.slice(1) as Carrier[]).sort(byId)).toEqual(carriers.sort(byId))
})
