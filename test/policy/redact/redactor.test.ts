import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeRedactor, type RedactionRules } from '../../../src/policy/redact/redactor.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

function redactor(rules: Partial<RedactionRules> = {}) {
  const none = { keys: [], except: [], values: [], hashIds: false, mode: 'on', hashKey: undefined } as const
  return makeRedactor({ ...none, ...rules })
}

const { clean } = redactor()
const shown = (text: string): string => clean(text, 'note')

const twice = JSON.stringify({ x: JSON.stringify({ password: 'hu"nt\\er2', z: 1 }), y: 2 })
const thrice = JSON.stringify({ q: twice })

// Assembled here, so that no scanner of repositories takes them for somebody's.
const JWT = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P'].join(
  '.',
)
const PEM = ['-----BEGIN RSA PRIVATE KEY-----', 'MIIEow', '-----END RSA PRIVATE KEY-----'].join('\n')
const TOKENS = [
  ['AKIA', 'IOSFODNN7EXAMPLE'],
  ['ASIA', 'IOSFODNN7EXAMPLE'],
  ['AIza', 'b'.repeat(35)],
  ['ya29.', 'a'.repeat(40)],
  ['ghp_', 'a1'.repeat(18)],
  ['ghs_', 'a1'.repeat(18)],
  ['github_pat_', 'a1'.repeat(20)],
  ['glpat-', 'a1'.repeat(10)],
  ['xoxb-', '123456789012-abcdef'],
  ['sk_live_', 'a1'.repeat(12)],
  ['sk-proj-', 'a1'.repeat(20)],
  ['sk-ant-', 'a1'.repeat(20)],
  ['npm_', 'a1'.repeat(18)],
  ['pypi-', 'a1'.repeat(20)],
  ['SG.', `${'a1'.repeat(11)}.${'b2'.repeat(20)}`],
  ['hvs.', 'a1'.repeat(15)],
  ['dop_v1_', 'a1'.repeat(32)],
  ['shpat_', 'a1'.repeat(16)],
  ['hf_', 'aB'.repeat(17)],
  ['glsa_', 'aB'.repeat(16)],
  ['123456789:AA', 'b'.repeat(33)],
].map((parts) => parts.join(''))

describe('what stands under a key, in a text', () => {
  it.each([
    ['GET /x?password=hunter2&a=1', 'GET /x?password=[redacted]&a=1'],
    ['/p?a=1&PassWord=hunter%26two#top', '/p?a=1&PassWord=[redacted]'],
    ['access%5Ftoken=abc&x=1', 'access%5Ftoken=[redacted]&x=1'],
    ['https://h/p?user[password]=x&b=1', 'https://h/p?user[password]=[redacted]&b=1'],
    ['/cb?code=1#access_token=abc&x=1', '/cb?code=1#access_token=[redacted]&x=1'],
    [
      'r=https%3A%2F%2Fx%2F%3Ftoken%3Dabc%26y%3D1&z=2',
      'r=https%3A%2F%2Fx%2F%3Ftoken%3D%5Bredacted%5D%26y%3D1&z=2',
    ],
    ['user=bob&password=hunter2', 'user=bob&password=[redacted]'],
    ['Server=db;Password=hunter2;User=x', 'Server=db;Password=[redacted];User=x'],
    ['password = hunter2 and more', 'password = [redacted] and more'],
    ["token='a b' x", "token='[redacted]' x"],
    ['{:password=>"hunter2"}', '{:password=>"[redacted]"}'],
    ['{"password":"hunter2","a":1}', '{"password":"[redacted]","a":1}'],
    ['{ "password" : 12345 }', '{ "password" : "[redacted]" }'],
    ['body {"a":{"b":[{"token":"x"}]},"c":1} end', 'body {"a":{"b":[{"token":"[redacted]"}]},"c":1} end'],
    ['{"tokens":["a]","b"],"x":1}', '{"tokens":"[redacted]","x":1}'],
    ['{"credentials":{"u":"a","p":"b}"},"x":1}', '{"credentials":"[redacted]","x":1}'],
    ['{"pass\\u0077ord":"hunter2"}', '{"pass\\u0077ord":"[redacted]"}'],
    ['{"password":"trunc', '{"password":"[redacted]'],
    [twice, JSON.stringify({ x: JSON.stringify({ password: '[redacted]', z: 1 }), y: 2 })],
    [
      thrice,
      JSON.stringify({ q: JSON.stringify({ x: JSON.stringify({ password: '[redacted]', z: 1 }), y: 2 }) }),
    ],
    ["{ password: 'hunter2', user: 'bob' }", "{ password: '[redacted]', user: 'bob' }"],
    ['Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['curl -H "authorization: Basic abc" x', 'curl -H "authorization: [redacted]" x'],
    ['authorization=Bearer abc.def', 'authorization=[redacted]'],
    ['Cookie: a=b; sid=xyz\r\nHost: y', 'Cookie: [redacted]\r\nHost: y'],
    ['theme=dark; connect.sid=s%3Aabc; x=1', 'theme=dark; connect.sid=[redacted]; x=1'],
    ['password: hunter2!', 'password: [redacted]'],
    ['is it password: hunter2?).', 'is it password: [redacted]).'],
    ['password: required!', 'password: required!'],
    ["/?password='a'b'&x=1", '/?password=[redacted]&x=1'],
    ['["Host","x","Cookie","sid=abc","A","b"]', '["Host","x","Cookie","[redacted]","A","b"]'],
    ["[ 'x-api-key', 'abc', 'b' ]", "[ 'x-api-key', '[redacted]', 'b' ]"],
    ['[["Host","x"],["password",{"a":1}]]', '[["Host","x"],["password","[redacted]"]]'],
    [JSON.stringify({ a: '["password","hu\\"nter2"]' }), JSON.stringify({ a: '["password","[redacted]"]' })],
    // Quotes within a header, as in Digest (RFC 7616) and in cookies
    ['Authorization: Digest username="bob", response="6629"\nHost: y', 'Authorization: [redacted]\nHost: y'],
    ['authorization=Digest username="bob", response="6629"', 'authorization=[redacted]'],
    ['{"h":"Cookie: a=\\"b\\"; track=x","i":1}', '{"h":"Cookie: [redacted]","i":1}'],
    ['token={a}bcd&x=1', 'token=[redacted]&x=1'],
    [
      `{"password"${' '.repeat(20)}:${' '.repeat(100)}"x"}`,
      `{"password"${' '.repeat(20)}:${' '.repeat(100)}"[redacted]"}`,
    ],
    ['?%70%61%73%73%77%6f%72%64=x&y=1', '?%70%61%73%73%77%6f%72%64=[redacted]&y=1'],
    // Encoded twice, in a path, with a wrong escape, and with half a UTF-16 pair
    [
      '?u=https%253A%252F%252Fh%252F%253Ftoken%253Dabc&z=2',
      '?u=https%253A%252F%252Fh%252F%253Ftoken%253D%255Bredacted%255D&z=2',
    ],
    ['/to/https%3A%2F%2Fh%2F%3Ftoken%3Dabc', '/to/https%3A%2F%2Fh%2F%3Ftoken%3D%5Bredacted%5D'],
    ['/to/https%3A%2F%2Fbob%3Apw1%40h%2F', '/to/https%3A%2F%2Fbob%3A%5Bredacted%5D%40h%2F'],
    ['?r=%E0%A4h%3Ftoken%3Dabc', '?r=%E0%A4h%3Ftoken%3D%5Bredacted%5D'],
    ['?u=\ud800h%3Ftoken%3Dabc', '?u=%EF%BF%BDh%3Ftoken%3D%5Bredacted%5D'],
  ])('%j', (text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  it.each([
    ...['password = $1 AND token=?', 'token=null&password=undefined', 'password=***', 'tokens=512 cookies=3'],
    ...['{"usage":{"tokens":512},"secrets":3}', 'Bearer realm="api", error="invalid_token"'],
    ...[
      'max_tokens=500 token_count=4',
      'invalid password: must be longer',
      'Unexpected token: }',
      'a==b',
      '=',
    ],
    ...['token != null', 'password is wrong', '{"password":null,"token":true,"secret":""}', 'tokens: none'],
    ...['["name","password","email"]', '"a","b"', "it's, 'password', a", '["Loaded a new private key","ok"]'],
    ...[
      '2026-03-04T05:06:07.089Z',
      'at token (/src/token.js:10:5)',
      'Error: ENOENT: no such file, open',
      ':',
      '',
    ],
    ...['dGVzdA==', 'https://example.com/a?page=2&size=10', 'key=value', '{"order":{"id":1}}', 'password='],
  ])('nothing: %j', (text) => {
    expect(shown(text)).toBe(text)
  })
})

describe('credentials in a URL', () => {
  it.each([
    ['https://user:hunter2@host/x', 'https://user:[redacted]@host/x'],
    ['see https://ghost@github.com/x', 'see https://[redacted]@github.com/x'],
    ['postgres://u:p/w@host:5432/db', 'postgres://u:[redacted]@host:5432/db'],
    ['redis://:hunter2@host', 'redis://:[redacted]@host'],
    ['amqp://u:a@b@host/', 'amqp://u:[redacted]@host/'],
    ["https://user:a'b@host/", 'https://user:[redacted]@host/'],
    ["a='https://host', b='x@y'", "a='https://host', b='x@y'"],
    ['https:\\/\\/user:pw@host\\/x', 'https:\\/\\/user:[redacted]@host\\/x'],
    ['redis at bob:hunter2@host:6379/0', 'redis at bob:[redacted]@host:6379/0'],
    ['//bob:hunter2@10.0.0.1/x', '//bob:[redacted]@10.0.0.1/x'],
    ...[
      'mailto:bob@example.com/x',
      'npm:react@18.2.0/index.js',
      'lodash@npm:4.17.21',
      'node:20@sha256:9f86d081884c7d659a2f',
      'from:bob@example.com',
      'git@github.com:org/repo.git',
    ].map((text) => [text, text]),
    ['https://host:8080/@scope/name', 'https://host:8080/@scope/name'],
    ['https://host/a@b', 'https://host/a@b'],
    ['mail bob@example.com at https://host', 'mail bob@example.com at https://host'],
  ])('%j', (text, expected) => {
    expect(shown(text)).toBe(expected)
  })
})

describe('what its form gives away', () => {
  it.each([JWT, `${JWT}.`, PEM, ...TOKENS])('%j', (secret) => {
    expect(shown(secret)).toBe('[redacted]')
    expect(shown(`before ${secret} after`)).toBe('before [redacted] after')
    expect(shown(`'${secret}'`)).toBe("'[redacted]'")
    expect(shown(`x-${secret}`)).toBe('x-[redacted]')
  })

  it('a private key that is cut or escaped', () => {
    expect(shown(PEM.slice(0, 40))).toBe('[redacted]')
    expect(shown(JSON.stringify({ pem: PEM, a: 1 }))).toBe('{"pem":"[redacted]","a":1}')
    expect(shown(JSON.stringify({ pem: `-----END CERTIFICATE-----\n${PEM}` }))).toBe(
      '{"pem":"-----END CERTIFICATE-----\\n[redacted]"}',
    )
  })

  it.each(['\\n', '\\u000a', '%22'])('a token behind the escape %s', (before) => {
    expect(shown(`a${before}${JWT} b`)).toBe(`a${before}[redacted] b`)
  })

  it.each([
    ['got Bearer abc123def here', 'got Bearer [redacted] here'],
    ['bEaReR abc', 'bEaReR [redacted]'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted]'],
    ['BASIC dXNlcjpwYXNz.', 'BASIC [redacted].'],
    ['bearer authentication required', 'bearer authentication required'],
    ['basic auth is used', 'basic auth is used'],
  ])('%j', (text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  it.each([
    ...[
      '0f8fad5b-d9cb-469f-a165-70867728950e',
      '4bf92f3577b34da6a3ce929d0e0e4736',
      'eyJpZCI6MTB9',
      'sk-learn-is-a-library-you-know',
      'skill-based-x',
    ],
    ...['-----BEGIN PUBLIC KEY-----\nMIIB', 'AKIAx', 'the-gh-pages-branch-of-it', 'AAAAAAAAAAAAAAAAAAAAAAAA'],
    ...[
      'processTicksAndRejections',
      'xAKIAIOSFODNN7EXAMPLE',
      'package-lock.json',
      'lint_apiary_long_name_here',
    ],
  ])('nothing: %j', (text) => {
    expect(shown(text)).toBe(text)
  })
})

describe('card numbers', () => {
  it.each([
    ...['4111111111111111', '4222222222222', '5555555555554444', '2223003122003222', '378282246310005'],
    ...['6011111111111117', '30569309025904', '3530111333300000', '6200000000000005', '6759649826438453'],
    ...['4111 1111 1111 1111', '4111-1111-1111-1111', '3782 822463 10005'],
  ])('%s', (card) => {
    expect(shown(card)).toBe('[redacted]')
    expect(shown(`paid with ${card}, thanks`)).toBe('paid with [redacted], thanks')
  })

  it.each([
    ['a wrong check digit', '4111111111111112'],
    ['a digit beside it', '41111111111111110'],
    ['a letter beside it', 'a4111111111111111'],
    ['a letter behind it', '4111111111111111x'],
    ['a part of an id', 'ord-4111111111111111'],
    ['a fraction', '0.4111111111111111'],
    ['no network', '1234567890123452'],
    ['mixed joints', '4111 1111-1111 1111'],
    ['other groups', '41 1111 1111 1111 11'],
    ['a time', '1772600767089'],
    ['a time in ns', '1772600767089000000'],
  ])('none: %s', (_name, text) => {
    expect(shown(text)).toBe(text)
  })

  it.each(['order_id', 'id', 'created_at', 'timestamp', 'traceIds', 'orderNumber', 'invoice_no'])(
    'none under %s',
    (key) => {
      expect(clean('4111111111111111', key)).toBe('4111111111111111')
      for (const text of [`a ${key}=4111111111111111 b`, `{"${key}":"4111111111111111"}`]) {
        expect(shown(text)).toBe(text)
      }
    },
  )

  it.each(['number', 'account', 'card_number'])('one under %s', (key) => {
    expect(clean('4111111111111111', key)).toBe('[redacted]')
    expect(shown(`{"${key}":"4111111111111111"}`)).toBe(`{"${key}":"[redacted]"}`)
  })

  it('is not found in 18-digit ids', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 10n ** 17n, max: 10n ** 18n - 1n }), (id) => {
        fc.pre(!String(id).startsWith('62') && !/^(?:50|58|63|67)/.test(String(id)))
        expect(shown(String(id))).toBe(String(id))
      }),
      { numRuns },
    )
  })
})

describe('what is written instead', () => {
  const hashKey = 'a key for tests only'

  it('is a hash by which equal values can be matched', () => {
    const hashing = redactor({ mode: 'hash', hashKey })
    const one = hashing.replacement('password', 'hunter2')
    expect(one).toMatch(/^\[hash:[0-9a-f]{16}\]$/)
    expect(hashing.replacement('token', 'hunter2')).toBe(one)
    expect(hashing.replacement('token', 'hunter3')).not.toBe(one)
    expect(hashing.clean('/?password=hunter2', '')).toBe(`/?password=${one}`)
    expect(hashing.clean('{"password":"hunter2"}', '')).toBe(`{"password":"${one}"}`)
    expect(redactor({ mode: 'hash', hashKey: `${hashKey}!` }).replacement('token', 'hunter2')).not.toBe(one)
  })

  it('is nothing, where fields are removed', () => {
    const removing = redactor({ mode: 'remove' })
    expect(removing.replacement('password', 'hunter2')).toBeUndefined()
    expect(removing.clean('/?password=hunter2', '')).toBe('/?password=[redacted]')
  })

  it('patterns of one’s own are hidden besides', () => {
    const own = redactor({ values: [/\bcust-\d+/, /secretword/i] })
    expect(own.clean('cust-12 and SecretWord and cust-3', '')).toBe(
      '[redacted] and [redacted] and [redacted]',
    )
  })
})

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    ...[
      'password',
      'token',
      '"',
      '\\"',
      '\\\\',
      ':',
      '=',
      '://',
      '@',
      '{',
      '[',
      '}',
      ']',
      'Bearer ',
      'eyJ',
      '.',
    ],
    ...[
      '%3A',
      '%3D',
      '&',
      ';',
      ' ',
      '\n',
      "'",
      '-----BEGIN PRIVATE KEY-----',
      '4111',
      '[redacted]',
      '…',
      'ghp_',
    ],
  ),
)

describe('any text', () => {
  it('is never harmed twice: what is clean stays as it is', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = shown(pieces.join(''))
        expect(shown(once)).toBe(once)
      }),
      { numRuns },
    )
  })

  it('stays JSON where it was, at any depth of escaping, and loses only what is hidden', () => {
    const key = fc.oneof(fc.constantFrom('password', 'apiKey', 'Set-Cookie'), fc.string({ maxLength: 6 }))
    const leaf = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
    )
    const tree = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.dictionary(key, tie('any'), { maxKeys: 4 }),
        fc.array(tie('any'), { maxLength: 3 }),
      ),
    })).any
    fc.assert(
      fc.property(fc.dictionary(key, tree), fc.integer({ min: 1, max: 3 }), (value, depth) => {
        let text = JSON.stringify(value)
        for (let i = 1; i < depth; i++) text = JSON.stringify({ inner: text })
        let read: unknown = JSON.parse(shown(text))
        for (let i = 1; i < depth; i++) read = JSON.parse((read as { inner: string }).inner)
        expectAlike(read, value)
      }),
      { numRuns },
    )
  })

  it.each([
    ...[
      'a=a',
      '"password",',
      '"a","token"',
      '\\","',
      "password='",
      '-eyJ',
      '{"token":"',
      '%3A=a=a',
      '"\\',
      'token:',
      '4111 ',
      'password:{',
      'Bearer ',
      ',a',
      'token=,a',
    ],
    ...[
      "':",
      '\\',
      'token=\\',
      '.',
      '%253D',
      'a:b@c/',
      '-----BEGIN PRIVATE KEY-----',
      '://',
      'https://a:',
      '":"',
      'token=token=',
      ' = ',
    ],
  ])('takes no longer the more there is of it: %j', (part) => {
    const steps = (length: number): number => {
      const many = part.repeat(Math.ceil(length / part.length))
      const text = `${many}@ token=${many}x bearer ${many}x`
      const from = process.cpuUsage()
      shown(text)
      const { user, system } = process.cpuUsage(from)
      return user + system
    }
    steps(1000)
    // Where it grew with the square, 32 times the text would take 1024 times as long; seconds.
    expect(steps(32_000)).toBeLessThan(2_000_000)
  })
})

/** The same, but for marks; keys that hide may have them anywhere, others only inside texts that look like secrets. */
function expectAlike(read: unknown, value: unknown): void {
  if (typeof read === 'string' && read.includes('[redacted]')) return
  if (typeof value !== 'object' || value === null) {
    expect(read).toEqual(value)
    return
  }
  expect(Object.keys(read as object)).toEqual(Object.keys(value))
  for (const [key, member] of Object.entries(value))
    expectAlike((read as Record<string, unknown>)[key], member)
}
