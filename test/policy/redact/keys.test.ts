import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeKeyRules } from '../../../src/policy/redact/keys.ts'
import { SECRET_KEYS, spellings } from './secret-keys.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)
const rules = makeKeyRules({ keys: [], except: [], hashIds: false })

const OPEN = [
  ...[
    'max_tokens',
    'maxTokens',
    'token_count',
    'tokenCount',
    'token_usage',
    'prompt_tokens',
    'completionTokens',
  ],
  ...[
    'total_tokens',
    'input_tokens',
    'output_tokens',
    'token_type',
    'tokenizer',
    'tokens_used',
    'user_id',
    'id',
  ],
  ...['secretary', 'passenger', 'compass', 'passport', 'boarding_pass', 'first_pass', 'pass_rate', 'author'],
  ...[
    'authorized',
    'authorised_at',
    'inside',
    'beside',
    'company',
    'span',
    'panel',
    'side',
    'cookieless',
    'key',
  ],
  ...[
    'keys',
    'primary_key',
    'keyboard',
    'api',
    'card',
    'cards',
    'card_type',
    'session',
    'sessions',
    'session_count',
  ],
  ...[
    'password_changed_at',
    'passwordless',
    'secret_count',
    'trace_id',
    'request_id',
    '',
    ' ',
    '_',
    '...',
    '0',
  ],
  ...[
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    'msg',
    'time',
    'level',
    'err',
    'message',
    'code',
  ],
]

describe('a key that hides', () => {
  it.each(SECRET_KEYS)('%s, however it is spelt', (key) => {
    for (const spelt of spellings(key)) expect([spelt, rules(spelt)]).toEqual([spelt, 'secret'])
  })

  it.each([
    ...['dbpassword', 'DBPASSWORD', 'accesstoken', 'userPassWord', 'pAsSwOrD', 'TOKEN', 'X-Auth-Token'],
    ...[
      'user[password]',
      'user[password][0]',
      'form.data.password',
      'password2',
      'password_1',
      'passwordHash',
    ],
    ...['password_confirmation', 'passwords', 'connect.sid', 'JSESSIONID', 'PHPSESSID', 'sessionid', 'pass'],
    ...['smtp_pass', 'x-amz-security-token', 'secret_access_key', 'AccountKey', 'SharedAccessKey', 'CVV2'],
    ...[
      'pass\u200bword',
      'cookies',
      'credentials',
      'Proxy-Authorization',
      'proxyAuthorization',
      'x_csrf_token',
    ],
  ])('%s', (key) => {
    expect(rules(key)).toBe('secret')
  })

  it('is found whatever stands before it, and whatever its case', () => {
    const prefix = fc.constantFrom('db', 'user', 'my', 'x', 'old', 'stripe', 'api2', 'a.b')
    const joint = fc.constantFrom('_', '-', '.', ' ', '/', '[')
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_KEYS),
        prefix,
        joint,
        fc.infiniteStream(fc.boolean()),
        (key, before, by, up) => {
          const cased = [...key].map((letter) =>
            up.next().value ? letter.toUpperCase() : letter.toLowerCase(),
          )
          expect(rules(cased.join(''))).toBe('secret')
          expect(rules(before + by + cased.join(''))).toBe('secret')
        },
      ),
      { numRuns },
    )
  })
})

describe('a key that hides nothing', () => {
  it.each(OPEN)('%j', (key) => {
    expect(rules(key)).not.toBe('secret')
  })

  it('never throws, whatever the key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        expect(['secret', 'id', 'number', 'open']).toContain(rules(key))
      }),
      { numRuns },
    )
  })
})

describe('rules of one’s own', () => {
  it('add names, found however they are spelt and whatever stands before them', () => {
    const judge = makeKeyRules({ keys: ['iban', 'date_of_birth'], except: [], hashIds: false })
    for (const key of [
      'iban',
      'IBAN',
      'customerIban',
      'ibans',
      'dateOfBirth',
      'DATE-OF-BIRTH',
      'user_date_of_birth',
    ]) {
      expect([key, judge(key)]).toEqual([key, 'secret'])
    }
    expect(judge('birth')).toBe('open')
  })

  it('add patterns, for the key as it is', () => {
    const judge = makeKeyRules({ keys: [/^x-internal-/g], except: [], hashIds: false })
    expect([judge('x-internal-a'), judge('x-internal-a'), judge('X-Internal-a')]).toEqual([
      'secret',
      'secret',
      'open',
    ])
  })

  it('take exceptions, which are whole keys', () => {
    const judge = makeKeyRules({ keys: [], except: ['page_token', /^cookie_consent/], hashIds: false })
    expect([judge('pageToken'), judge('page_token'), judge('cookie_consent_cookie')]).toEqual([
      'open',
      'open',
      'open',
    ])
    expect([judge('token'), judge('other_page_token')]).toEqual(['secret', 'secret'])
  })

  it('hash ids where they are asked to', () => {
    const judge = makeKeyRules({ keys: [], except: [], hashIds: true })
    expect([judge('user_id'), judge('sessionId'), judge('order_id')]).toEqual(['id', 'id', 'number'])
  })
})
