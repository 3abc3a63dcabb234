import { expect, it } from 'vitest'
import { createSampling } from '../../src/policy/sample.ts'

const sampling = createSampling({
  rates: { '': 0.9, debug: 0.1, error: 0.5, db: 0.2, 'db.pool': 0.3, '/health': 0 },
  traceFlags: false,
})

it.each([
  ['nothing nearer', 30, '', undefined, 0.9],
  ['its level', 20, '', undefined, 0.1],
  ['its component before its level', 20, 'db', undefined, 0.2],
  ['the nearest name above', 30, 'db.query.slow', undefined, 0.2],
  ['its own name', 30, 'db.pool', undefined, 0.3],
  ['no name that only begins alike', 30, 'dbase', undefined, 0.9],
  ['its route before all else', 20, 'db', '/health', 0],
  ['another route', 20, 'db', '/orders', 0.2],
  ['warn is kept', 40, 'db', '/health', undefined],
  ['a level above it by its own rule', 50, 'db', '/health', 0.5],
])('%s', (_name, level, component, route, rate) => {
  expect(sampling.rateOf(level, component, route)).toBe(rate)
  // Remembered.
  expect(sampling.rateOf(level, component, route)).toBe(rate)
})

it('says whether it asks for routes', () => {
  expect(sampling.routes).toBe(true)
  expect(createSampling({ rates: { '': 1 }, traceFlags: false }).routes).toBe(false)
})
