import {
  context,
  createTraceState,
  INVALID_SPAN_CONTEXT,
  propagation,
  type Span,
  trace,
} from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { AlwaysOffSampler, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { afterEach, describe, expect, test } from 'vitest'
import { activeSpan, currentTrace, spanTrace, tracingSuppressed } from '../../src/context/otel.ts'
import { createScope, currentScope, runInScope } from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'

const API = Symbol.for('opentelemetry.js.api.1')

function unregister(): void {
  trace.disable()
  context.disable()
  propagation.disable()
}

afterEach(unregister)

const inSpan = <T>(fn: (span: Span) => T): T =>
  trace.getTracer('test').startActiveSpan('work', (span) => {
    try {
      return fn(span)
    } finally {
      span.end()
    }
  })

describe('with the real SDK', () => {
  test('registered after the import of spoor, and taken away, is noticed at once', () => {
    expect(activeSpan()).toBe(undefined)
    new NodeTracerProvider().register()
    expect(activeSpan()).toBe(undefined)
    inSpan((span) => expect(activeSpan()).toBe(span))
    inSpan(() => {
      unregister()
      expect(activeSpan()).toBe(undefined)
    })
    new NodeTracerProvider().register()
    inSpan((span) => expect(activeSpan()).toBe(span))
  })

  test('registered before the import', async () => {
    new NodeTracerProvider().register()
    const path = '../../src/context/otel.ts?late'
    const late = (await import(/* @vite-ignore */ path)) as typeof import('../../src/context/otel.ts')
    expect(late.activeSpan).not.toBe(activeSpan)
    inSpan((span) => expect(late.activeSpan()).toBe(span))
  })

  test('nested spans, across awaits', async () => {
    new NodeTracerProvider().register()
    await trace.getTracer('test').startActiveSpan('outer', async (outer) => {
      await null
      expect(activeSpan()).toBe(outer)
      inSpan((inner) => {
        expect(activeSpan()).toBe(inner)
        const { traceId, spanId } = inner.spanContext()
        expect(spanTrace(inner)).toEqual({
          traceId,
          spanId,
          flags: inner.spanContext().traceFlags & 3,
          remote: false,
        })
        expect(traceId).toBe(outer.spanContext().traceId)
      })
      expect(activeSpan()).toBe(outer)
    })
  })

  test('a trace that is not sampled has its ids and says so', () => {
    new NodeTracerProvider({ sampler: new AlwaysOffSampler() }).register()
    inSpan((span) => expect((spanTrace(span)?.flags ?? 1) & 1).toBe(0))
  })

  test("the span goes before the scope's own trace", () => {
    new NodeTracerProvider().register()
    const own = newTrace()
    runInScope(createScope({}, own), () => {
      expect(currentTrace(currentScope())).toBe(own)
      inSpan((span) => expect(currentTrace(currentScope())?.spanId).toBe(span.spanContext().spanId))
    })
    expect(currentTrace(undefined)).toBe(undefined)
  })

  test("an exporter's own work is seen", () => {
    new NodeTracerProvider().register()
    expect(tracingSuppressed()).toBe(false)
    context.with(suppressTracing(context.active()), () => expect(tracingSuppressed()).toBe(true))
  })
})

describe('spanTrace', () => {
  const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }

  test('masks flags, keeps a remote parent and its checked tracestate', () => {
    const remote = trace.wrapSpanContext({
      ...ids,
      traceFlags: 0xff,
      isRemote: true,
      traceState: createTraceState('a=1,b=2'),
    })
    expect(spanTrace(remote)).toEqual({ ...ids, flags: 3, tracestate: 'a=1,b=2', remote: true })
  })

  test.each([
    ['the no-op span', trace.wrapSpanContext(INVALID_SPAN_CONTEXT)],
    ['a trace id in upper case', { spanContext: () => ({ ...ids, traceId: 'A'.repeat(32) }) }],
    ['a short span id', { spanContext: () => ({ ...ids, spanId: 'b' }) }],
    ['no ids', { spanContext: () => ({}) }],
    ['no context', { spanContext: () => undefined }],
    [
      'a throw',
      {
        spanContext: () => {
          throw new Error('no')
        },
      },
    ],
    ['no span at all', {}],
  ])('%s is none', (_, span) => expect(spanTrace(span)).toBe(undefined))

  test('flags that are no number, a tracestate that is no text', () => {
    const span = { spanContext: () => ({ ...ids, traceFlags: '01', traceState: { serialize: () => 42 } }) }
    expect(spanTrace(span)).toEqual({ ...ids, flags: 0, remote: false })
  })
})

describe('a broken api', () => {
  const holder = globalThis as unknown as Record<symbol, unknown>

  test.each([
    ['null', null],
    ['a text', 'x'],
    ['no context manager', { version: '1.9.0' }],
    [
      'active() throws',
      {
        context: {
          active: () => {
            throw new Error('no')
          },
        },
      },
    ],
    ['active() gives nothing', { context: { active: () => undefined } }],
    ['getValue gives a text', { context: { active: () => ({ getValue: () => 'span' }) } }],
  ])('%s: no span, no throw', (_, api) => {
    const before = holder[API]
    holder[API] = api
    try {
      expect(activeSpan()).toBe(undefined)
      expect(tracingSuppressed()).toBe(false)
    } finally {
      holder[API] = before
    }
  })
})
