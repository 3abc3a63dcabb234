import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  bytesOf,
  checkOptions,
  isAnything,
  isBoolean,
  isDuration,
  isEither,
  isFunction,
  isLevel,
  isListOf,
  isNumber,
  isOneOf,
  isOptions,
  isRecordOf,
  isSize,
  isString,
  millisecondsOf,
  type OptionsSpec,
} from '../../src/config/check.ts'
import { ERROR_CODES } from '../../src/config/errors.ts'

interface Options {
  path: string
  maxSize?: string | number
  rotate?: 'daily' | 'off'
  slow?: string | number
  tries?: number
  level?: string
  compress?: boolean
  hosts?: string | string[]
  apiKey?: string
  labels?: Record<string, string>
  onError?: () => void
  retry?: { most?: number }
  extra?: unknown
}

const SPEC: OptionsSpec<Options> = {
  path: isString,
  maxSize: isSize,
  rotate: isOneOf('daily', 'off'),
  slow: isDuration,
  tries: isNumber({ min: 1, max: 9, integer: true }),
  level: isLevel,
  compress: isBoolean,
  hosts: isEither(isOneOf('own'), isListOf(isString)),
  apiKey: isListOf(isString),
  labels: isRecordOf(isString),
  onError: isFunction,
  retry: isOptions({ most: isNumber({ min: 0 }) }),
  extra: isAnything,
}

function failure(options: unknown): TypeError & { code?: string } {
  try {
    checkOptions(options as Options, SPEC, 'fileTransport')
  } catch (error) {
    return error as TypeError
  }
  throw new Error('it was accepted')
}

it('accepts what is right, and undefined for what is left out', () => {
  checkOptions(undefined, SPEC, 'fileTransport')
  checkOptions<object>({}, SPEC, 'fileTransport')
  const right = {
    path: 'a',
    maxSize: '10MB',
    rotate: 'off',
    slow: 0,
    tries: 9,
    level: 'WARN',
    compress: false,
  }
  checkOptions<object>({ ...right, hosts: 'own', labels: { a: 'b' }, onError() {} }, SPEC, 'fileTransport')
  checkOptions<object>({ hosts: ['a'], retry: { most: 3 }, extra: null }, SPEC, 'fileTransport')
  checkOptions<object>({ path: undefined, retry: { most: undefined } }, SPEC, 'fileTransport')
})

describe('what is wrong is a TypeError that says what to write', () => {
  test.each<[object | null | string, string]>([
    [{ path: '' }, 'fileTransport({ path }) is "", expected a string that is not empty.'],
    [{ rotate: 'dialy' }, 'fileTransport({ rotate }) is "dialy", expected one of daily, off.'],
    [{ tries: 0 }, 'fileTransport({ tries }) is 0, expected a whole number from 1 up to 9.'],
    [{ tries: 1.5 }, 'fileTransport({ tries }) is 1.5, expected a whole number from 1 up to 9.'],
    [{ tries: Number.NaN }, 'fileTransport({ tries }) is NaN, expected a whole number from 1 up to 9.'],
    [
      { level: 'loud' },
      'fileTransport({ level }) is "loud", expected a level: trace, debug, info, warn, error,',
    ],
    [{ compress: 'yes' }, 'fileTransport({ compress }) is "yes", expected true or false.'],
    [{ maxSize: '10TB' }, 'fileTransport({ maxSize }) is "10TB", expected a size: a number of bytes,'],
    [{ slow: -1 }, 'fileTransport({ slow }) is -1, expected a duration: a number of milliseconds,'],
    [{ hosts: [1] }, 'fileTransport({ hosts }) is an array, expected one of own, or an array, each element'],
    [{ labels: { a: 1 } }, 'fileTransport({ labels }) is an object, expected an object, each value a string'],
    [{ onError: 'x' }, 'fileTransport({ onError }) is "x", expected a function.'],
    [{ onError: null }, 'fileTransport({ onError }) is null, expected a function.'],
    [{ retry: { most: -1 } }, 'fileTransport({ retry: { most } }) is -1, expected a number from 0.'],
    [
      { retry: { mots: 1 } },
      'fileTransport({ retry: { mots } }) is not an option, did you mean most? The options',
    ],
    [
      { maxsize: 1 },
      'fileTransport({ maxsize }) is not an option, did you mean maxSize? The options here are path,',
    ],
    [{ colour: 1 }, 'fileTransport({ colour }) is not an option. The options here are path, maxSize,'],
    [{ constructor: 1 }, 'fileTransport({ constructor }) is not an option. The options'],
    [{ apiKey: 'hunter2' }, 'fileTransport({ apiKey }) is [hidden], expected an array'],
    [null, 'fileTransport(options) is null, expected an object of options.'],
    ['json', 'fileTransport(options) is "json", expected an object of options.'],
  ])('%j', (options, message) => {
    const error = failure(options)
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_SPOOR_OPTION')
    expect(error.message).toContain(`spoor: ${message}`)
  })
})

it('never shows the password in an address, nor control characters, nor much', () => {
  expect(failure({ rotate: 'https://me:hunter2@example.com/x' }).message).toContain(
    '"https://[hidden]@example',
  )
  // Also where it is the password that is wrong, and what may stand behind a '?'.
  expect(failure({ rotate: 'https://me:hun/ter2@example.com/x?key=abc' }).message).toContain(
    '"https://[hidden]@example.com/x?[hidden]"',
  )
  expect(failure({ rotate: '\u001b[2J\u202e' }).message).toContain('"\\x1b[2J\\u202e"')
  expect(failure({ rotate: 'x'.repeat(100_000) }).message.length).toBeLessThan(200)
})

it('never throws anything else, and calls nothing of the value', () => {
  const hostile = {
    toString() {
      throw new Error('called')
    },
    get length() {
      throw new Error('called')
    },
  }
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const value = fc.oneof(
    fc.anything({ withBigInt: true }),
    fc.constantFrom(hostile, Symbol('s'), 'a revoked proxy'),
  )
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(SPEC)), value, (name, given) => {
      try {
        const passed = given === 'a revoked proxy' ? revoked.proxy : given
        checkOptions<object>({ [name]: passed }, SPEC, 'x')
      } catch (error) {
        expect((error as { code?: string }).code).toBe('ERR_SPOOR_OPTION')
      }
    }),
    { numRuns: Number(process.env.SPOOR_RUNS ?? 500) },
  )
})

it('takes an option whose getter throws for a wrong one', () => {
  const options = {
    get path(): string {
      throw new Error('called')
    },
  }
  expect(failure(options).message).toContain(
    'fileTransport({ path }) is "a getter that throws", expected a string',
  )
})

it('reads what it accepts', () => {
  expect([bytesOf('1KB'), bytesOf(5), bytesOf(-1), bytesOf(0.5)]).toEqual([1024, 5, undefined, undefined])
  expect([millisecondsOf('1s'), millisecondsOf(5.5), millisecondsOf(Number.NaN)]).toEqual([
    1000,
    5.5,
    undefined,
  ])
})

it('lists every code with what it means', () => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^ERR_SPOOR_[A-Z_]+$/)
    expect(meaning).toMatch(/\.$/)
  }
})
