import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { expectNoSecrets, findSecrets, hasNoSecrets } from '../../src/testing/secrets.ts'
import { memoryTransport } from '../../src/transports/memory.ts'

const numRuns = Math.min(Number(process.env.SPOOR_RUNS ?? 200), 10_000)
const SECRET = 'hunter2/"Pä$s'
const bytes = Buffer.from(SECRET)
const onlyPlanted = { secrets: [SECRET], forms: false, names: false }

function hiddenIn(record: object | string, secret = SECRET): string[] {
  const found = findSecrets([record as Record<string, unknown>], {
    secrets: [secret],
    forms: false,
    names: false,
  })
  return found.map(({ path, as }) => `${path}: ${as}`)
}

describe('a planted value is found', () => {
  it.each<[string, object | string, string]>([
    ['in a field', { a: `x${SECRET}y` }, 'a: plain'],
    ['in a nested list', { a: { b: [1, { c: SECRET }] } }, 'a.b.1.c: plain'],
    ['in a key', { a: { [`is ${SECRET}`]: 1 } }, `a.is ${SECRET}: plain`],
    ['in another case', { a: SECRET.toUpperCase() }, 'a: plain'],
    ['in JSON inside a string', { a: JSON.stringify({ b: SECRET }) }, 'a.b: plain'],
    ['in JSON inside JSON', { a: `got ${JSON.stringify({ b: JSON.stringify([SECRET]) })}` }, 'a: escaped'],
    [
      'escaped as \\u',
      { a: [...SECRET].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('') },
      'a: escaped',
    ],
    ['in the user of a URL', { a: `https://u:${encodeURIComponent(SECRET)}@h/` }, 'a: URL-encoded'],
    ['in a path', { a: `https://h/${encodeURIComponent(SECRET)}/x` }, 'a: URL-encoded'],
    [
      'in a query that is in a query',
      { a: `/x?next=${encodeURIComponent(`/y?p=${encodeURIComponent(SECRET)}`)}` },
      'a: URL-encoded',
    ],
    ['in a form', { a: new URLSearchParams({ p: SECRET }).toString() }, 'a: URL-encoded'],
    ['as HTML', { a: SECRET.replaceAll('"', '&quot;').replace('ä', '&#xe4;') }, 'a: as HTML'],
    ['in base64', { a: bytes.toString('base64') }, 'a: base64'],
    ['in base64 of more', { a: Buffer.from(`user:${SECRET}`).toString('base64url') }, 'a: base64'],
    [
      'in base64 of more, one byte on',
      { a: Buffer.from(`users:${SECRET}!`).toString('base64') },
      'a: base64',
    ],
    [
      'in base64, URL-encoded',
      { a: encodeURIComponent(Buffer.from(`u:${SECRET}`).toString('base64')) },
      'a: base64',
    ],
    ['in base64 of JSON', { a: Buffer.from(JSON.stringify({ p: SECRET })).toString('base64') }, 'a: base64'],
    ['in base64 of UTF-16', { a: Buffer.from(SECRET, 'utf16le').toString('base64') }, 'a: base64'],
    ['in hex', { a: bytes.toString('hex') }, 'a: hex'],
    ['in hex by pairs', { a: (bytes.toString('hex').toUpperCase().match(/../g) ?? []).join(':') }, 'a: hex'],
    ['as a list of bytes', { a: [...bytes] }, ': split over several keys or values'],
    ['as bytes of an object', { a: { ...bytes } }, ': split over several keys or values'],
    ['as text of bytes', { a: `got [${[...bytes].join(', ')}]` }, 'a: a list of bytes'],
    ['spread into an object', { a: { ...SECRET.split('') } }, ': split over several keys or values'],
    [
      'split over two values',
      { a: SECRET.slice(0, 6), b: SECRET.slice(6) },
      ': split over several keys or values',
    ],
    [
      'split over key and value',
      { [SECRET.slice(0, 6)]: SECRET.slice(6) },
      ': split over several keys or values',
    ],
    [
      'split over keys',
      { [SECRET.slice(0, 6)]: { [SECRET.slice(6)]: true } },
      ': split over several keys or values',
    ],
    ['in a line that is no JSON', `spoor: could not send ${SECRET}`, ': plain'],
  ])('%s', (_name, record, expected) => {
    expect(hiddenIn(record)).toContain(expected)
  })

  it('with other separators', () => {
    expect(hiddenIn({ a: '4111-1111-1111-1234' }, '4111 1111 1111 1234')).toEqual(['a: in pieces'])
    expect(hiddenIn({ a: { 4111: { 1111: { 1111: '1234' } } } }, '4111 1111 1111 1234')).toHaveLength(1)
  })

  const encodings: ((text: string) => unknown)[] = [
    (text) => text,
    (text) => `before ${text} after`,
    (text) => JSON.stringify({ a: [text] }),
    (text) => `https://user:${encodeURIComponent(text)}@host/`,
    (text) => `/path?q=${encodeURIComponent(text)}#x`,
    (text) => Buffer.from(text).toString('base64'),
    (text) => `Basic ${Buffer.from(`u:${text}`).toString('base64')}`,
    (text) => Buffer.from(text).toString('hex'),
    (text) => [...text],
    (text) => ({ [text.slice(0, 3)]: text.slice(3) }),
  ]
  const secret = fc
    .string({ unit: 'grapheme', minLength: 8, maxLength: 24 })
    .filter((text) => text.trim().length >= 8)
  const container = fc.constantFrom<(value: unknown) => unknown>(
    (value) => ({ inner: value, other: 1 }),
    (value) => [0, value],
    (value) => JSON.stringify(value),
  )

  it('at any depth up to 8, in any container and encoding; and not where it is not', () => {
    fc.assert(
      fc.property(
        secret,
        fc.constantFrom(...encodings),
        fc.array(container, { maxLength: 8 }),
        (value, encode, containers) => {
          const wrap = (what: unknown): object => ({
            field: containers.reduce((inner, each) => each(inner), what),
          })
          const options = { secrets: [value], forms: false, names: false }
          expect(findSecrets([wrap(encode(value)) as Record<string, unknown>], options)).not.toEqual([])
          expect(findSecrets([wrap(encode('********')) as Record<string, unknown>], options)).toEqual([])
        },
      ),
      { numRuns },
    )
  })
})

const key36 = 'abcdefghijklmnopqrstuvwxyz0123456789'

describe('forms that only secrets have', () => {
  it.each([
    ['a bearer token', { h: 'Bearer abc.def-ghi_jkl' }],
    ['a user and password (Basic)', { h: `Basic ${Buffer.from('user:pass').toString('base64')}` }],
    ['a JSON Web Token', { a: 'see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl' }],
    ['a private key (PEM)', { a: '-----BEGIN RSA PRIVATE KEY-----\nMIIE' }],
    ['an AWS access key id', { a: ['AKIAIOSFODNN7EXAMPLE'] }],
    ['a GitHub token', { a: `ghp_${key36}` }],
    ['a GitLab token', { a: 'glpat-abcdefghij0123456789' }],
    ['a Slack token', { a: 'xoxb-123456789012-abc' }],
    ['a Stripe key', { a: ['sk', 'live', 'abcdefghij0123'].join('_') }],
    ['a Google key', { a: `AIza${key36.slice(1)}` }],
    ['an npm token', { a: `npm_${key36}` }],
    ['an OpenAI or Anthropic key', { a: `sk-ant-${key36}` }],
    ['a password in a URL', { a: 'postgres://app:s3cret@db/x' }],
    ['a secret in a query string', { a: '/login?user=x&access_token=abc123' }],
    ['a secret in a query string', { a: encodeURIComponent('/login?user=x&api-key=abc123') }],
    ['a value called "password"', { a: { password: 'p' } }],
    ['a value called "db_password"', { db_password: 'p' }],
    ['a value called "accessToken"', { accessToken: 'p' }],
    ['a value called "Set-Cookie"', { 'Set-Cookie': ['a=b'] }],
    ['a value called "X-API-Key"', { 'X-API-Key': 'p' }],
    ['a value called "cvv"', { cvv: 123 }],
  ])('%s', (what, record) => {
    expect(findSecrets([record]).map((found) => found.what)).toContain(what)
  })

  it.each([
    {
      max_tokens: 100,
      token_count: 3,
      tokenUsage: 4,
      passwordless: true,
      secretary: 'Ann',
      cookies_accepted: 2,
    },
    {
      password: '[redacted]',
      token: '[secret]',
      authorization: '***',
      cookie: '',
      api_key: null,
      secret: true,
    },
    {
      url: 'https://host/a?page=2&token=[redacted]',
      db: 'postgres://app:[redacted]@db/x',
      at: 'http://h:80/a@b',
    },
    { msg: 'the bearer of bad news', b: 'basic training is over', key: 'asset-key', id: '4111111111111111' },
    {
      stack: 'Error: x\n    at a (file:///app/x.js:1:2)',
      request_id: 'a'.repeat(36),
      trace_id: '0'.repeat(32),
    },
    { time: '2026-01-01T00:00:00.000Z', level: 'info', pid: 1, session_id: 's-1', user_id: 'u' },
  ])('nothing in %j', (record) => {
    expect(findSecrets([record])).toEqual([])
  })

  it('can be switched off, or excepted', () => {
    const record = { token: 'abc', url: 'http://a:b@c/' }
    expect(findSecrets([record], { forms: false, names: false })).toEqual([])
    expect(findSecrets([record], { names: false }).map(({ path }) => path)).toEqual(['url'])
    expect(findSecrets([record], { allow: ({ path }) => path === 'url' }).map(({ path }) => path)).toEqual([
      'token',
    ])
  })
})

describe('expectNoSecrets', () => {
  it('takes a transport, its lines, a log as text, or records', () => {
    const memory = memoryTransport()
    const logger = createLogger({ transports: [memory], env: {}, source: 'off' })
    logger.info('fine', { order_id: 42 })
    const sources = () => [memory, memory.lines, memory.lines.join(''), memory.records()]
    for (const source of sources()) expectNoSecrets(source, onlyPlanted)
    logger.info('not fine', { note: SECRET })
    for (const source of sources()) {
      expect(() => expectNoSecrets(source, onlyPlanted)).toThrow(
        /record 1, note: secret 1, plain: hunt… \(13 characters\)/,
      )
    }
  })

  it('never says the secret', () => {
    const { pass, message } = hasNoSecrets([{ a: SECRET, token: 'tok-9876543210', b: 'Bearer zyxwvutsrq' }], {
      secrets: [SECRET],
    })
    expect(pass).toBe(false)
    for (const text of [SECRET, '9876543210', 'zyxwvutsrq']) expect(message).not.toContain(text)
  })

  it('refuses a value that is found by chance', () => {
    expect(() => expectNoSecrets([], { secrets: ['long enough', 'abc'] })).toThrow(
      /secrets\[1\] is too short/,
    )
  })
})

it.each([
  ['a misspelt option', { secret: [SECRET] }, 'secret is no option of a check for secrets'],
  ['a text in place of a list', { secrets: SECRET }, 'secrets is string, expected a list'],
])('%s is an error, and no check that passes', (_name, options, message) => {
  expect(() => expectNoSecrets([], options as object)).toThrow(message)
})
