import { describe, expect, test } from 'vitest'
import { hostOf, hostRule, isOwnHost } from '../../src/context/hosts.ts'

describe("hosts of one's own", () => {
  test.each([
    'localhost',
    'LOCALHOST',
    'localhost.',
    'payments',
    'payments-2',
    'my_service',
    '3scale',
    'api.internal',
    'db.railway.internal',
    'printer.local',
    'app.localhost',
    'payments.default.svc',
    'payments.default.svc.cluster.local',
    '127.0.0.1',
    '127.8.9.10',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '::1',
    '::',
    'fd12:3456::1',
    'fc00::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
  ])('%s', (host) => expect(isOwnHost(host)).toBe(true))

  test.each([
    'example.com',
    'api.stripe.com',
    'internal.example.com',
    'localhost.example.com',
    'evilinternal.com',
    'svc.com',
    'ai.',
    '8.8.8.8',
    '11.0.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '134744072',
    '0x08080808',
    '010',
    '0x',
    '8.8',
    '2001:db8::1',
    'fe80::1',
    '::ffff:8.8.8.8',
    '',
    '-a',
    'a b',
    'пример',
    'internal.',
    '.internal.com',
    'evil.com/.internal',
    'evil.com?x=.svc',
    'evil.com\\.internal',
    'evil.com#.local',
    'x@evil.com:.local',
  ])('not %s', (host) => expect(isOwnHost(host)).toBe(false))
})

describe('hostRule', () => {
  test('names, names below, addresses and expressions are added', () => {
    const allowed = hostRule([
      'api.example.com',
      '*.shop.example',
      '8.8.8.8',
      '2001:db8::1',
      /^eu-\d+\.example\.net$/g,
    ])
    const yes = [
      'api.example.com',
      'API.example.com',
      'a.shop.example',
      'a.b.shop.example',
      '8.8.8.8',
      '2001:db8::1',
    ]
    for (const host of [...yes, 'eu-1.example.net', 'eu-2.example.net', 'localhost'])
      expect(allowed(host)).toBe(true)
    const no = ['example.com', 'x.api.example.com', 'shop.example', 'evilshop.example', 'eu-x.example.net']
    for (const host of no) expect(allowed(host)).toBe(false)
  })

  test('no expression lets pass what has no host', () => {
    expect(hostRule([/^(?!evil)/])('')).toBe(false)
  })

  test('answers the same when it has forgotten', () => {
    const allowed = hostRule([])
    for (let n = 0; n < 2500; n++) expect(allowed(`h${n}.example.com`)).toBe(false)
    expect(allowed('h1.example.com')).toBe(false)
    expect(allowed('10.0.0.1')).toBe(true)
  })

  test.each(['https://a.example', 'a.example/path', 'a.example:80', '', '*', '*.', 42, null])(
    '%j is refused',
    (entry) => {
      expect(() => hostRule([entry as string])).toThrow(
        expect.objectContaining({ code: 'ERR_SPOOR_OPTION', name: 'TypeError' }),
      )
    },
  )
})

test.each([
  ['a.example:80', 'a.example'],
  ['a.example', 'a.example'],
  ['[::1]:80', '::1'],
  ['[::1]', '::1'],
  ['::1', '::1'],
  ['127.0.0.1:3000', '127.0.0.1'],
  ['https:/evil.com', ''],
  ['https:evil.com', ''],
  ['localhost:80@evil.com', ''],
  ['user:x@evil.com', ''],
  ['evil.com/.internal', ''],
  ['evil.com?x=.svc', ''],
  ['[::1]evil.com', ''],
  ['[evil.com]', ''],
  ['localhost:80:90', ''],
  ['local\nhost', ''],
])('the host of %s is %s', (authority, host) => expect(hostOf(authority)).toBe(host))
