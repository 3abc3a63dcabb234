/**
 * Which of pino's own test files say how an instance behaves, and so hold for spoor/pino too. Left out: the
 * browser build, worker-thread transports and destinations (pino's own code, used as it is), and its tests of
 * internals that no import of ours replaces.
 */
export const files = [
  'basic.test.js',
  'broken-pipe.test.js',
  'complex-objects.test.js',
  'crlf.test.js',
  'custom-levels.test.js',
  'diagnostics.test.js',
  'error-key.test.js',
  'error.test.js',
  'escaping.test.js',
  'exit.test.js',
  'formatters.test.js',
  'hooks.test.js',
  'http.test.js',
  'is-level-enabled.test.js',
  'levels.test.js',
  'metadata.test.js',
  'mixin-merge-strategy.test.js',
  'mixin.test.js',
  'multistream.test.js',
  'redact.test.js',
  'serializers.test.js',
  'stdout-protection.test.js',
  'syncfalse.test.js',
  'timestamp-nano.test.js',
  'timestamp.test.js',
  'transport/core.test.js',
  'transport/pipeline.test.js',
  'transport/targets.test.js',
]
