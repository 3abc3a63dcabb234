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
