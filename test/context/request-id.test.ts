import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IncomingHeaders } from '../../src/context/inbound.ts'
import { newRequestId, REQUEST_ID_PATTERN, readRequestId } from '../../src/context/request-id.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 300)

test.each([
  '0192f0c1-aaaa-7bbb-8ccc-0123456789ab',
  '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  'Root=1-67891233-abcdef012345678912345678',
  'a',
  'user@host/1:2+3.4_5',
  'x'.repeat(128),
])('%s is taken as it is', (id) => {
  expect(readRequestId({ 'x-request-id': id })).toEqual({ id })
})

test.each([
  ['empty', '', 0],
  ['too long', 'x'.repeat(129), 129],
  ['a space before', ' abc', 4],
  ['a newline after', 'abc\n', 4],
  ['joined by a comma', 'abc, def', 8],
  ['begins with a dash', '-abc', 4],
  ['an escape', '\x1b[31mabc', 8],
  ['a quote', 'a"}', 3],
  ['two values', ['abc', 'def'], 6],
  ['an array of one', ['abc'], 3],
])('%s is rejected, by its length', (_, value, length) => {
  expect(readRequestId({ 'x-request-id': value })).toEqual({ rejected: { header: 'x-request-id', length } })
})

test('the first header that is present decides', () => {
  expect(readRequestId({ 'x-correlation-id': 'c' })).toEqual({ id: 'c' })
  expect(readRequestId({ 'x-correlation-id': 'c', 'x-request-id': 'r' })).toEqual({ id: 'r' })
  expect(readRequestId({ 'x-correlation-id': 'c', 'x-request-id': '!' })).toEqual({
    rejected: { header: 'x-request-id', length: 1 },
  })
  expect(readRequestId({ 'cf-ray': 'ray-1' }, ['cf-ray'])).toEqual({ id: 'ray-1' })
  expect(readRequestId({})).toBe(undefined)
  expect(readRequestId({ 'x-request-id': 'r' }, [])).toBe(undefined)
})

test('a header that was sent twice is rejected, as Node gives it', async () => {
  const seen = new Promise<IncomingMessage>((done) => {
    const server = createServer((req, res) => {
      res.end()
      server.close()
      done(req)
    }).listen(0, '127.0.0.1', () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      socket.end(
        'GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: one\r\nx-request-id: two\r\nConnection: close\r\n\r\n',
      )
      socket.resume()
    })
  })
  const { headers } = await seen
  expect(readRequestId(headers as IncomingHeaders)).toEqual({
    rejected: { header: 'x-request-id', length: 8 },
  })
})

test('new ids are UUIDs of version 4 that fit the pattern, never twice', () => {
  const seen = new Set<string>()
  for (let n = 0; n < 5000; n++) {
    const id = newRequestId()
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(id).toMatch(REQUEST_ID_PATTERN)
    seen.add(id)
  }
  expect(seen.size).toBe(5000)
})

test('any bytes: never throws; what is taken is what came, and harmless', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.stringMatching(/^[\w.:+/=@-]{0,140}$/),
  )
  fc.assert(
    fc.property(fc.oneof(value, fc.array(value)), (header) => {
      const read = readRequestId({ 'x-request-id': header })
      if (read === undefined || 'rejected' in read) return
      expect(read.id).toBe(header)
      expect(read.id).toMatch(/^[\w.:+/=@-]{1,128}$/)
    }),
    { numRuns: RUNS },
  )
})
