import fc from 'fast-check'
import type { Answer } from '../../../src/shipping/preset.ts'

const STATUSES = [0, 101, 200, 202, 204, 260, 301, 400, 401, 403, 413, 422, 429, 500, 501, 503, 599, 999]

const body = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  fc
    .record(
      {
        code: fc.oneof(fc.integer({ min: -3, max: 40 }), fc.jsonValue()),
        text: fc.jsonValue(),
        'invalid-event-number': fc.oneof(fc.integer({ min: -2, max: 4 }), fc.jsonValue()),
        ackId: fc.jsonValue(),
        errors: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.constantFrom('', 'null', '[]', '{', '<html>', '{"code":{}}', '{"__proto__":1}'),
)

/** Whatever may come back from somebody that calls itself a back end. */
export const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  status: fc.oneof(fc.constantFrom(...STATUSES), fc.integer()),
  headers: fc.dictionary(
    fc.constantFrom('retry-after', 'date', 'location', 'content-type', '__proto__'),
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('5', '-1', '1e9', 'Wed, 25 Nov 2026 20:00:00 GMT'),
    ),
  ),
  body,
})
