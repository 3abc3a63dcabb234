import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { describeProblem, type EnvironmentProblem, readEnvironment } from '../../src/config/environment.ts'
import { allVariables } from '../../src/config/identity-variables.ts'
import type { Settings } from '../../src/config/settings.ts'
import type { Variable } from '../../src/config/variable.ts'
import { SETTING_VARIABLES } from '../../src/config/variables.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)

function read(env: NodeJS.ProcessEnv): { settings: Settings; problems: EnvironmentProblem[] } {
  const problems: EnvironmentProblem[] = []
  const settings = readEnvironment(env, (problem) => problems.push(problem))
  return { settings, problems }
}

const DEFAULTS = read({}).settings

it('has these defaults', () => {
  expect(DEFAULTS).toEqual({
    level: 'info',
    levels: {},
    format: 'auto',
    console: true,
    consoleLevel: undefined,
    color: undefined,
    file: undefined,
    fileLevel: undefined,
    fileMaxSize: 104_857_600,
    fileRotate: 'daily',
    fileTimeZone: 'local',
    fileMode: 0o640,
    fileSplit: false,
    fileDurability: 'turn',
    fileFsync: 'never',
    fileSymlink: undefined,
    compress: { age: 7 * 86_400_000 },
    compressFormat: 'gzip',
    retention: undefined,
    http: true,
    httpDisabled: false,
    httpUrl: undefined,
    httpFormat: undefined,
    httpToken: undefined,
    httpHeaders: {},
    httpLevel: undefined,
    httpTenant: undefined,
    httpIndex: undefined,
    httpInsecure: false,
    httpCa: undefined,
    httpCert: undefined,
    httpKey: undefined,
    httpExitWait: 0,
    spoolDir: undefined,
    spoolMax: 1_073_741_824,
    spoolAge: 7 * 86_400_000,
    reopenSignal: 'off',
    schema: 'default',
    keys: {},
    labels: {},
    source: 'warn',
    lifecycle: undefined,
    slowMs: 2000,
    rateLimit: false,
    sample: false,
    buffer: false,
    trust: undefined,
    propagate: undefined,
    redact: 'on',
    redactKey: undefined,
    redactKeys: [],
    redactExcept: [],
    redactIds: 'keep',
    maxString: 16_384,
    maxKeys: 256,
    maxDepth: 10,
    maxRecord: 64_000,
    signals: 'off',
    development: false,
    production: false,
    googleProject: undefined,
  })
})

describe('a right value', () => {
  test.each<[string, string, Partial<Settings>]>([
    ['LOG_LEVEL', 'CRITICAL,db=debug', { level: 'fatal', levels: { db: 'debug' } }],
    ['LOG_LEVEL', 'db=debug', { level: 'info', levels: { db: 'debug' } }],
    ['LOG_FORMAT', 'JSON', { format: 'json' }],
    ['LOG_FORMAT', 'console', { format: 'pretty' }],
    ['LOG_CONSOLE', 'off', { console: false }],
    ['LOG_CONSOLE_LEVEL', 'warning', { consoleLevel: 'warn' }],
    ['LOG_FILE', ' logs/app.log\r', { file: 'logs/app.log' }],
    ['LOG_FILE_LEVEL', '20', { fileLevel: 'debug' }],
    ['LOG_FILE_MAX_SIZE', '1.5gb', { fileMaxSize: 1_610_612_736 }],
    ['LOG_FILE_MAX_SIZE', 'off', { fileMaxSize: Number.POSITIVE_INFINITY }],
    ['LOG_FILE_ROTATE', 'no', { fileRotate: 'off' }],
    ['LOG_FILE_ROTATE', 'Hourly', { fileRotate: 'hourly' }],
    ['LOG_FILE_TZ', 'UTC', { fileTimeZone: 'utc' }],
    ['LOG_FILE_SPLIT', 'on', { fileSplit: true }],
    ['LOG_FILE_DURABILITY', 'Record', { fileDurability: 'record' }],
    ['LOG_FILE_FSYNC', 'always', { fileFsync: 'always' }],
    ['LOG_HTTP', 'off', { http: false }],
    ['DISABLE_FLUENT_BIT_LOGGING', '1', { httpDisabled: true }],
    ['LOG_HTTP_URL', 'https://logs.example.com/x?y=1', { httpUrl: 'https://logs.example.com/x?y=1' }],
    ['LOG_HTTP_URL', 'udp://127.0.0.1:514', { httpUrl: 'udp://127.0.0.1:514' }],
    ['LOG_HTTP_FORMAT', 'Loki', { httpFormat: 'loki' }],
    [
      'LOG_HTTP_HEADERS',
      'X-Team=shop, x-key=a%20b%2C',
      { httpHeaders: { 'x-team': 'shop', 'x-key': 'a b,' } },
    ],
    ['LOG_HTTP_EXIT_WAIT', '2s', { httpExitWait: 2000 }],
    ['LOG_SPOOL_MAX', '4GB', { spoolMax: 4 * 1024 ** 3 }],
    ['LOG_SPOOL_AGE', '1d', { spoolAge: 86_400_000 }],
    ['LOG_FILE_SYMLINK', 'current.log', { fileSymlink: 'current.log' }],
    ['LOG_COMPRESS', '3', { compress: { files: 3 } }],
    ['LOG_COMPRESS', '12h', { compress: { age: 43_200_000 } }],
    ['LOG_COMPRESS', 'off', { compress: 'off' }],
    ['LOG_COMPRESS_FORMAT', 'ZSTD', { compressFormat: 'zstd' }],
    ['LOG_RETENTION', 'off', { retention: { preset: false, age: {} } }],
    ['LOG_RETENTION', 'default,size=10GB', { retention: { preset: true, age: {}, size: 10_737_418_240 } }],
    ['LOG_REOPEN_SIGNAL', 'sighup', { reopenSignal: 'SIGHUP' }],
    ['LOG_REOPEN_SIGNAL', 'no', { reopenSignal: 'off' }],
    ['LOG_FILE_MODE', '0600', { fileMode: 0o600 }],
    ['LOG_FILE_MODE', '0o644', { fileMode: 0o644 }],
    ['LOG_SCHEMA', 'ecs', { schema: 'ecs' }],
    ['LOG_KEYS', 'time:timestamp', { keys: { time: 'timestamp' } }],
    ['LOG_LABELS', 'miniapp=shop', { labels: { miniapp: 'shop' } }],
    ['LOG_SOURCE', 'false', { source: 'off' }],
    ['LOG_LIFECYCLE', 'on', { lifecycle: true }],
    ['LOG_SLOW_MS', '500', { slowMs: 500 }],
    ['LOG_SLOW_MS', '2.5s', { slowMs: 2500 }],
    ['LOG_SLOW_MS', 'off', { slowMs: Number.POSITIVE_INFINITY }],
    ['LOG_TRUST', 'loopback', { trust: ['loopback'] }],
    ['LOG_PROPAGATE', 'own', { propagate: 'own' }],
    ['LOG_REDACT', 'off', { redact: 'off' }],
    ['LOG_REDACT', 'TRUE', { redact: 'on' }],
    ['LOG_REDACT', 'hash', { redact: 'hash' }],
    ['LOG_REDACT', 'remove', { redact: 'remove' }],
    ['LOG_REDACT_KEY', 'k'.repeat(16), { redactKey: 'k'.repeat(16) }],
    ['LOG_REDACT_KEYS', 'iban, date_of_birth', { redactKeys: ['iban', 'date_of_birth'] }],
    ['LOG_REDACT_EXCEPT', 'page_token', { redactExcept: ['page_token'] }],
    ['LOG_REDACT_IDS', 'hash', { redactIds: 'hash' }],
    ['LOG_MAX_STRING', '1KB', { maxString: 1024 }],
    ['LOG_MAX_KEYS', 'off', { maxKeys: Number.POSITIVE_INFINITY }],
    ['LOG_MAX_KEYS', '20', { maxKeys: 20 }],
    ['LOG_MAX_DEPTH', '3', { maxDepth: 3 }],
    ['LOG_MAX_RECORD', 'off', { maxRecord: Number.POSITIVE_INFINITY }],
    ['LOG_SIGNALS', 'flush', { signals: 'flush' }],
    ['NO_COLOR', '0', { color: false }],
    ['FORCE_COLOR', '', { color: true }],
    ['FORCE_COLOR', '0', { color: false }],
    ['NODE_ENV', 'development', { development: true, source: 'all' }],
    ['GOOGLE_CLOUD_PROJECT', 'p-1', { googleProject: 'p-1' }],
  ])('%s=%s', (name, value, expected) => {
    const { settings, problems } = read({ [name]: value })
    expect(settings).toEqual({ ...DEFAULTS, ...expected })
    expect(problems).toEqual([])
  })

  it('lets FORCE_COLOR beat NO_COLOR, and LOG_SOURCE beat NODE_ENV', () => {
    const { settings } = read({ NO_COLOR: '1', FORCE_COLOR: '1', NODE_ENV: 'development', LOG_SOURCE: 'off' })
    expect(settings).toMatchObject({ color: true, source: 'off' })
  })
})

describe('a wrong value', () => {
  test.each<[string, string, string, Partial<Settings>]>([
    ['LOG_LEVEL', 'verbose', 'info', {}],
    ['LOG_LEVEL', 'warn,db=debgu', 'what is right in it, and info elsewhere', { level: 'warn' }],
    ['LOG_FORMAT', 'jsno', 'auto', {}],
    ['LOG_CONSOLE', 'maybe', 'on', {}],
    ['LOG_FILE', 'logs/', 'no file', {}],
    ['LOG_FILE_MAX_SIZE', '10', '100MB', {}],
    ['LOG_FILE_MODE', '0440', '0640', {}],
    ['LOG_FILE_MODE', '0680', '0640', {}],
    ['LOG_FILE_ROTATE', 'monthly', 'daily', {}],
    ['LOG_SLOW_MS', '-1', '2000', {}],
    ['LOG_SCHEMA', 'off', 'default', {}],
    ['LOG_LABELS', 'a=1,b', 'what is right in it, and none elsewhere', { labels: { a: '1' } }],
    ['LOG_LABELS', 'b', 'none', {}],
    ['LOG_TRUST', '10.0.0.0/33', 'none', { trust: 'none' }],
    ['LOG_PROPAGATE', '*', 'own once requestLogger is used, else off', {}],
    ['FORCE_COLOR', 'blue', 'as the terminal says', {}],
  ])('%s=%s: %s is used', (name, value, used, expected) => {
    const { settings, problems } = read({ [name]: value })
    expect(settings).toEqual({ ...DEFAULTS, ...expected })
    expect(problems).toEqual([
      { variable: name, value: expect.any(String), accepted: expect.any(String), used },
    ])
  })

  it('is told in one line that says variable, value, what is accepted and what is used', () => {
    const [problem] = read({ LOG_FORMAT: 'js\u001b[31m\nno' }).problems
    expect(describeProblem(problem as EnvironmentProblem)).toBe(
      'LOG_FORMAT="js\\x1b[31m\\x0ano" is not understood; accepted: json, pretty (or console), auto; used: auto',
    )
  })
})

describe('a name that is nearly right', () => {
  test.each([
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['LOG_LEVELS', 'LOG_LEVEL'],
    ['LOG_FILE_MAXSIZE', 'LOG_FILE_MAX_SIZE'],
    ['LOG_FROMAT', 'LOG_FORMAT'],
  ])('%s is told about', (name, meant) => {
    expect(read({ [name]: 'x' }).problems).toEqual([
      { variable: name, value: 'x', accepted: `the variable is called ${meant}`, used: 'nothing of it' },
    ])
  })

  test.each(['LOG_DIR', 'LOG_TIME', 'LOG_PATH', 'LOG_', 'LOGGING', 'LOG_LEVEL'])('%s is not', (name) =>
    expect(read({ [name]: 'info' }).problems).toEqual([]),
  )
})

const variables = Object.values(SETTING_VARIABLES) as Variable<unknown>[]

it('takes empty and blank for unset, everywhere but in FORCE_COLOR', () => {
  for (const { name, emptyCounts } of variables) {
    for (const blank of ['', ' ', '\t\r\n']) {
      const { settings, problems } = read({ [name]: blank })
      expect(problems).toEqual([])
      if (emptyCounts !== true) expect(settings).toEqual(DEFAULTS)
    }
  }
})

it('names each variable once, and says something of each', () => {
  const names = allVariables().map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const each of allVariables()) {
    for (const text of Object.values(each)) expect(text).not.toBe('')
    expect(each.doc).toMatch(/[.]$/)
  }
})

it('gives each caller its own defaults', () => {
  const { settings } = read({})
  settings.levels.db = 'debug'
  settings.labels.a = 'b'
  settings.keys.c = 'd'
  const { levels, labels, keys } = read({}).settings
  expect({ levels, labels, keys }).toEqual({ levels: {}, labels: {}, keys: {} })
})

it('accepts or warns about any string in any variable, and never throws', () => {
  const piece = fc.constantFrom(
    'info',
    'off',
    'all',
    '1',
    '=',
    ':',
    ',',
    '.',
    '/',
    'MB',
    '*',
    '10.0.0.1',
    '\0',
  )
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(fc.constantFrom(...variables), value, (variable, text) => {
      const { settings, problems } = read({ [variable.name]: text })
      if (problems.length === 0) {
        const blank = text.trim() === '' && variable.emptyCounts !== true
        const nothingIn = text.replace(/[,\s]/g, '') === ''
        const parsed = variable.kind.parse(text.trim())
        expect(blank || nothingIn || parsed.value !== undefined).toBe(true)
      } else {
        expect(problems.map((problem) => problem.variable)).toEqual([variable.name])
        expect(describeProblem(problems[0] as EnvironmentProblem)).not.toMatch(/\p{Cc}/u)
      }
      for (const key of Object.keys(DEFAULTS) as (keyof Settings)[]) {
        if (DEFAULTS[key] !== undefined) expect(settings[key]).toBeDefined()
      }
    }),
    { numRuns: numRuns * 5 },
  )
})
