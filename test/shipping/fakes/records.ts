import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import type { Shipped } from '../../../src/shipping/shipped.ts'

const BEGIN_MS = Date.UTC(2026, 10, 25, 20)

/** A record as a source gives it; `fields` win over what it has by default. */
export function shipped(fields: Record<string, unknown>, nth = 0): Shipped {
  const timeMs = typeof fields.time === 'string' ? Date.parse(fields.time) : BEGIN_MS + nth
  const record = { time: new Date(timeMs).toISOString(), level: 'info', msg: '', ...fields }
  return shippedLine(JSON.stringify(record), timeMs, nth)
}

/** A line as a source gives it. */
export function shippedLine(line: string, timeMs = BEGIN_MS, nth = 0): Shipped {
  return {
    line,
    bytes: Buffer.byteLength(line),
    record: recordOf(line),
    timeMs,
    nth: nth % 1_000_000,
    id: `test-${nth.toString(36).padStart(8, '0')}`,
  }
}

function recordOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {}
  return { level: 'info', msg: line }
}

const text = fc.oneof(
  fc.constantFrom(
    '',
    'order placed',
    'a\nb\r\n',
    '"\\',
    '\u0000\u001b[31m',
    '💥 ключ',
    ']',
    '\u2028',
    'a,b c',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

const fields = fc.record(
  {
    level: fc.constantFrom('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
    msg: text,
    service: fc.constantFrom('shop', 'pay ment', 'bücher'),
    version: fc.constant('1.2.3'),
    env: fc.constantFrom('production', 'a,b'),
    host: fc.constantFrom('web-1', 'host mit leer'),
    pid: fc.nat(),
    module: fc.constantFrom('store', 'cart'),
    component: text,
    request_id: fc.uuid(),
    trace_id: fc.constant('0af7651916cd43dd8448eb211c80319c'),
    span_id: fc.constant('b7ad6b7169203331'),
    trace_flags: fc.constant('01'),
    status: fc.oneof(fc.constantFrom(200, 404), text),
    duration_ms: fc.double({ min: 0, max: 1e6, noNaN: true }),
    err: fc.record({ type: text, message: text, stack: text, code: text }),
    fields: fc.dictionary(text, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 }),
    order_id: fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    message: text,
    timestamp: text,
    tags: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ['level', 'msg', 'service'] },
)

/** Records of every shape, in order of time; with SPOOR_SEED the same ones again. */
export function variedRecords(count: number): Shipped[] {
  const seed = Number(process.env.SPOOR_SEED ?? 20261125)
  return fc.sample(fields, { numRuns: count, seed }).map((one, i) => shipped(parsed(one), i))
}

/** What a source reads is JSON: no -0 that nobody wrote, no prototype-less objects. */
function parsed(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>
}
