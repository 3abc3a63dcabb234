import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { configure } from '../../src/logger/default.ts'

const WRONG: readonly [string, object, RegExp][] = [
  ['level', { level: 'loud' }, /level.* is "loud", expected .*trace, debug/],
  ['levels', { levels: { db: 'loud' } }, /levels.*expected .*level/],
  ['levels', { levels: 'info' }, /levels.* is "info"/],
  ['transports', { transports: {} }, /transports.*expected an array/],
  ['transports', { transports: ['console'] }, /transports.*expected an array, each element a transport/],
  ['schema', { schema: 'xml' }, /schema.* is "xml", expected one of default, ecs, gcp, datadog, pino/],
  ['keys', { keys: { time: '' } }, /keys.*expected/],
  ['keys', { keys: { time: 'level' } }, /keys.*level/],
  ['labels', { labels: { a: 1 } }, /labels.*expected/],
  ['source', { source: true }, /source.* is true, expected one of off, warn, all/],
  ['identity', { identity: 'shop' }, /identity.* is "shop", expected an object/],
  ['lifecycle', { lifecycle: 'on' }, /lifecycle.* is "on", expected true or false/],
  ['slowMs', { slowMs: 'slow' }, /slowMs.*expected a duration/],
  ['signals', { signals: 'catch' }, /signals.*expected one of flush, off/],
  ['msgPrefix', { msgPrefix: 1 }, /msgPrefix.*expected a string/],
  ['serializers', { serializers: { a: 1 } }, /serializers.*function/],
  ['mixin', { mixin: {} }, /mixin.*expected a function/],
  ['redact', { redact: 'all' }, /redact.* is "all", expected true, false, an array of paths/],
  ['redact', { redact: ['**.password'] }, /paths.*"\*\*\.password".*can never match.*keys: \['password'\]/],
  ['redact', { redact: ['a.pass*'] }, /paths.*can never match/],
  ['redact', { redact: { paths: [''] } }, /paths.*expected an array of pino's paths/],
  ['redact', { redact: { paths: 'a' } }, /paths.*expected an array of pino's paths/],
  [
    'redact',
    { redact: { keys: ['**.pin'] } },
    /keys.*can never match\. Write 'pin': it is found at any depth/,
  ],
  ['redact', { redact: { keys: ['...'] } }, /keys.*can never match/],
  ['redact', { redact: { keys: 'pin' } }, /keys.*expected an array of names/],
  ['redact', { redact: { except: ['colour'] } }, /except.*"colour".*can never match/],
  ['redact', { redact: { values: ['x'] } }, /values.*expected an array of regular expressions/],
  ['redact', { redact: { values: [/a*/] } }, /values.*patterns that match something/],
  ['redact', { redact: { mode: 'mask' } }, /mode.*"mask", expected one of on, hash, remove, off/],
  ['redact', { redact: { mode: 'hash' }, env: {} }, /hashKey.*LOG_REDACT_KEY/],
  ['redact', { redact: { ids: 'hash' }, env: {} }, /hashKey.*LOG_REDACT_KEY/],
  ['redact', { redact: { hashKey: 'short' } }, /hashKey.*5 characters long.*16 characters or more/],
  ['redact', { redact: { censor: 'x' } }, /censor.*expected paths beside it/],
  ['redact', { redact: { key: ['x'] } }, /redact.*key.*not an option.*did you mean keys/],
  ['limits', { limits: { string: 10 } }, /limits.*string.* is 10, expected .*100/],
  ['limits', { limits: { depth: 1000 } }, /limits.*depth.* is 1000, expected a whole number/],
  ['limits', { limits: { records: 1 } }, /limits.*records.*not an option.*record/],
  ['onChild', { onChild: 1 }, /onChild.*expected a function/],
  ['now', { now: 1 }, /now.*expected a function/],
  ['levle', { levle: 'info' }, /levle.*not an option.*did you mean .*level/],
]

describe.each([
  ['createLogger', (options: object) => createLogger(options)],
  ['configure', (options: object) => configure(options)],
])('%s', (where, act) => {
  it.each(WRONG)('says what is wrong with %s: %j', (_name, options, message) => {
    let thrown: unknown
    try {
      act(options)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(TypeError)
    expect(thrown).toMatchObject({ code: 'ERR_SPOOR_OPTION', message: expect.stringMatching(message) })
    expect((thrown as Error).message).toMatch(new RegExp(`^spoor: (${where}|keys)`))
  })
})

it("a child takes pino's paths, and no path that can never match", () => {
  const logger = createLogger({ env: {}, transports: [] })
  expect(() => logger.child({}, { redact: ['a.b', '*.c', 'list[*].d'] })).not.toThrow()
  expect(() => logger.child({}, { redact: ['**.a'] })).toThrow(/can never match/)
  expect(() => logger.child({}, { redact: { keys: ['a'] } as never })).toThrow(/createLogger or configure/)
})

it.each([
  'a',
  'a.b.c',
  '*.b',
  'a.*',
  '*',
  'a[*].b',
  '["x-y"].z',
  'a["b c"]',
  'a.*.c',
  'req.headers.authorization',
])('takes the path %s', (path) => {
  expect(() => createLogger({ env: {}, transports: [], redact: [path] })).not.toThrow()
})
