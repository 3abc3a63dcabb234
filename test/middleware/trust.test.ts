import { expect, test } from 'vitest'
import { clientAddress, trustRule } from '../../src/middleware/trust.ts'

const own = trustRule(['loopback', '10.0.0.0/8', '2001:db8::/32', '192.0.2.1'])

test.each([
  ['127.0.0.1', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.255.0.1', true],
  ['11.0.0.1', false],
  ['2001:db8::5', true],
  ['2001:db9::5', false],
  ['192.0.2.1', true],
  ['192.0.2.2', false],
  ['nonsense', false],
])('%s is trusted: %s', (address, trusted) => {
  expect(own(address)).toBe(trusted)
  // Remembered.
  expect(own(address)).toBe(trusted)
  expect(trustRule('all')(address)).toBe(true)
  expect(trustRule('none')(address)).toBe(false)
})

test.each([
  ['nobody is trusted', '10.0.0.1', '203.0.113.9', undefined, '10.0.0.1'],
  ['the peer is not trusted', '11.0.0.1', '203.0.113.9', own, '11.0.0.1'],
  ['one proxy', '10.0.0.1', '203.0.113.9', own, '203.0.113.9'],
  ['what the client forged stays behind', '10.0.0.1', '1.1.1.1, 203.0.113.9', own, '203.0.113.9'],
  ['two proxies', '10.0.0.1', '203.0.113.9, 10.0.0.2', own, '203.0.113.9'],
  ['only proxies', '10.0.0.1', '10.0.0.3,10.0.0.2', own, '10.0.0.3'],
  ['no address', '10.0.0.1', '203.0.113.9, x', own, '10.0.0.1'],
  ['too long', '10.0.0.1', '203.0.113.9,'.repeat(400), own, '10.0.0.1'],
  ['IPv4 in IPv6', '::ffff:10.0.0.1', '::ffff:203.0.113.9', own, '203.0.113.9'],
  ['no socket any more', undefined, '203.0.113.9', own, undefined],
] as const)('the client: %s', (_what, socket, forwarded, rule, expected) => {
  expect(clientAddress(socket, forwarded, rule)).toBe(expected)
})
