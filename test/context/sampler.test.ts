import { afterEach, expect, test } from 'vitest'
import {
  currentSampler,
  ratioSampler,
  samplerFromEnvironment,
  useSampler,
} from '../../src/context/sampler.ts'
import { newTrace } from '../../src/context/traceparent.ts'

afterEach(() => useSampler(undefined))

const LOW = `${'f'.repeat(18)}${'0'.repeat(14)}`
const HIGH = `${'0'.repeat(18)}${'f'.repeat(14)}`

test.each([
  [{}, true, true],
  [{ OTEL_TRACES_SAMPLER: '' }, true, true],
  [{ OTEL_TRACES_SAMPLER: 'always_on' }, true, true],
  [{ OTEL_TRACES_SAMPLER: 'ALWAYS_OFF' }, false, false],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_always_on' }, true, true],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, false, false],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }, false, true],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }, false, true],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, false, false],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio' }, true, true],
])('%j', (env, low, high) => {
  const warnings: unknown[] = []
  const sampler = samplerFromEnvironment(env, (warning) => warnings.push(warning))
  expect([sampler(LOW), sampler(HIGH)]).toEqual([low, high])
  expect(warnings).toEqual([])
})

test.each(['jaeger_remote', 'xray', 'sometimes'])(
  '%s is not known: all are sampled, with a warning',
  (value) => {
    const warnings: string[] = []
    const sampler = samplerFromEnvironment({ OTEL_TRACES_SAMPLER: value }, (w) =>
      warnings.push(`${w.variable} ${w.value}`),
    )
    expect(sampler(LOW)).toBe(true)
    expect(warnings).toEqual([`OTEL_TRACES_SAMPLER ${value}`])
  },
)

test.each(['2', '-1', 'half', ' ', 'NaN'])('ratio %j is wrong: 1, with a warning', (value) => {
  const warnings: string[] = []
  const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: value }
  expect(samplerFromEnvironment(env, (w) => warnings.push(w.variable))(LOW)).toBe(true)
  expect(warnings).toEqual(['OTEL_TRACES_SAMPLER_ARG'])
})

test('a ratio samples its share, and a larger one all that a smaller one samples', () => {
  const small = ratioSampler(0.1)
  const large = ratioSampler(0.3)
  let sampled = 0
  for (let n = 0; n < 20_000; n++) {
    const { traceId } = newTrace()
    if (small(traceId)) {
      sampled++
      expect(large(traceId)).toBe(true)
    }
  }
  // Ten standard deviations either side.
  expect(sampled).toBeGreaterThan(1576)
  expect(sampled).toBeLessThan(2424)
})

test('traces of our own use the sampler that was set', () => {
  useSampler(() => false)
  expect(newTrace().flags).toBe(2)
  useSampler(undefined)
  expect(currentSampler()(LOW)).toBe(true)
})
