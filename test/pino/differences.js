/**
 * Where spoor/pino differs from pino on purpose: a test of pino's own that therefore fails, and the heading in
 * docs/pino.md that tells why. A test that fails without being here, and one that is here and passes, both fail
 * the run.
 *
 * @type {ReadonlyArray<{ file: string, test: string, heading: string }>}
 */
export const differences = [
  ...['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => ({
    file: 'basic.test.js',
    test: `overriding object key by string at level ${level}`,
    heading: 'Keys are unique',
  })),
]
