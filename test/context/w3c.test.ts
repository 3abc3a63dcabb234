import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type IncomingHeaders, traceFromEnvironment, traceFromHeaders } from '../../src/context/inbound.ts'
import { formatFlags, formatTraceparent, newTrace, parseTraceparent } from '../../src/context/traceparent.ts'
import { parseTracestate } from '../../src/context/tracestate.ts'

const RUNS = Number(process.env.SPOOR_RUNS ?? 300)
const TRACE = '12345678901234567890123456789012'
const SPAN = '1234567890123456'
const VALID = `00-${TRACE}-${SPAN}-01`

type RawHeader = [name: string, value: string]

/** A forwarder that takes no part: it sends on what it read, or starts a trace. Its answer is what it would send. */
const forwarder: RequestListener = (req: IncomingMessage, res) => {
  const trace = traceFromHeaders(req.headers as IncomingHeaders) ?? newTrace()
  res.end(JSON.stringify({ traceparent: formatTraceparent(trace), tracestate: trace.tracestate ?? null }))
}

let server: Server

beforeAll(async () => {
  server = createServer(forwarder)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
})
afterAll(() => server.close())

/** Sends headers byte by byte as written: a client would trim, join or refuse some of them. */
async function forward(headers: RawHeader[]): Promise<{ traceparent: string; tracestate: string | null }> {
  const { port } = server.address() as AddressInfo
  const lines = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...headers.map((h) => h.join(':'))]
  const answer = await new Promise<string>((done, fail) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('end', () => done(text))
    socket.on('error', fail)
  })
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1))
}

const kept: [name: string, headers: RawHeader[]][] = [
  ['traceparent without tracestate', [['traceparent', VALID]]],
  ['name TraceParent', [['TraceParent', VALID]]],
  ['name TrAcEpArEnT', [['TrAcEpArEnT', VALID]]],
  ['name TRACEPARENT', [['TRACEPARENT', VALID]]],
  ['version cc', [['traceparent', `cc-${TRACE}-${SPAN}-01`]]],
  ['version cc with more', [['traceparent', `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`]]],
  ['space before', [['traceparent', ` ${VALID}`]]],
  ['tab before', [['traceparent', `\t${VALID}`]]],
  ['space after', [['traceparent', `${VALID} `]]],
  ['tab after', [['traceparent', `${VALID}\t`]]],
  ['spaces and tabs around', [['traceparent', `\t ${VALID} \t`]]],
]

const restarted: [name: string, headers: RawHeader[]][] = [
  ['nothing', []],
  [
    'two traceparents',
    [
      ['traceparent', VALID],
      ['traceparent', `00-${TRACE}-${SPAN}-00`],
    ],
  ],
  [
    'two traceparents of a future version',
    [
      ['traceparent', `01-${TRACE}-${SPAN}-01-x`],
      ['traceparent', VALID],
    ],
  ],
  ['name trace-parent', [['trace-parent', VALID]]],
  ['name trace.parent', [['trace.parent', VALID]]],
  ['version 00 with a dot after', [['traceparent', `${VALID}.`]]],
  ['version 00 with more', [['traceparent', `${VALID}-what-the-future-will-be-like`]]],
  ['version cc with a dot and more', [['traceparent', `cc-${TRACE}-${SPAN}-01.what`]]],
  ['version ff', [['traceparent', `ff-${TRACE}-${SPAN}-01`]]],
  ['version .0', [['traceparent', `.0-${TRACE}-${SPAN}-01`]]],
  ['version 0.', [['traceparent', `0.-${TRACE}-${SPAN}-01`]]],
  ['version 000', [['traceparent', `000-${TRACE}-${SPAN}-01`]]],
  ['version 0000', [['traceparent', `0000-${TRACE}-${SPAN}-01`]]],
  ['version 0', [['traceparent', `0-${TRACE}-${SPAN}-01`]]],
  ['trace id all zero', [['traceparent', `00-${'0'.repeat(32)}-${SPAN}-01`]]],
  ['trace id with a dot first', [['traceparent', `00-.${TRACE.slice(1)}-${SPAN}-01`]]],
  ['trace id with a dot last', [['traceparent', `00-${TRACE.slice(1)}.-${SPAN}-01`]]],
  ['trace id too long', [['traceparent', `00-${TRACE}3-${SPAN}-01`]]],
  ['trace id too short', [['traceparent', `00-${TRACE.slice(1)}-${SPAN}-01`]]],
  ['trace id in upper case', [['traceparent', `00-${'A'.repeat(32)}-${SPAN}-01`]]],
  ['parent id all zero', [['traceparent', `00-${TRACE}-${'0'.repeat(16)}-01`]]],
  ['parent id with a dot first', [['traceparent', `00-${TRACE}-.${SPAN.slice(1)}-01`]]],
  ['parent id with a dot last', [['traceparent', `00-${TRACE}-${SPAN.slice(1)}.-01`]]],
  ['parent id too long', [['traceparent', `00-${TRACE}-${SPAN}7-01`]]],
  ['parent id too short', [['traceparent', `00-${TRACE}-${SPAN.slice(1)}-01`]]],
  ['flags .0', [['traceparent', `00-${TRACE}-${SPAN}-.0`]]],
  ['flags 0.', [['traceparent', `00-${TRACE}-${SPAN}-0.`]]],
  ['flags 001', [['traceparent', `00-${TRACE}-${SPAN}-001`]]],
  ['flags 1', [['traceparent', `00-${TRACE}-${SPAN}-1`]]],
  ['tracestate without traceparent', [['tracestate', 'foo=1']]],
  [
    'tracestate with an invalid traceparent',
    [
      ['traceparent', `ff-${TRACE}-${SPAN}-01`],
      ['tracestate', 'foo=1'],
    ],
  ],
]

const FORMAT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/

describe('traceparent over the wire, as the W3C suite sends it', () => {
  test.each(kept)('goes on as it came: %s', async (_, headers) => {
    expect(await forward(headers)).toEqual({ traceparent: VALID, tracestate: null })
  })

  test.each(restarted)('starts anew: %s', async (_, headers) => {
    const sent = await forward(headers)
    expect(sent.traceparent).toMatch(FORMAT)
    expect(sent.traceparent).not.toContain(TRACE)
    expect(sent.traceparent.slice(-2)).toBe('03')
    expect(sent.tracestate).toBe(null)
  })

  test('every request without one starts another trace', async () => {
    const ids = new Set<string>()
    for (let n = 0; n < 3; n++) ids.add((await forward([])).traceparent)
    expect(ids.size).toBe(3)
  })

  test.each([
    ['00', '00'],
    ['01', '01'],
    ['02', '02'],
    ['03', '03'],
    ['ff', '03'],
    ['fc', '00'],
  ])('flags %s go on as %s: the random flag is kept and never invented', async (came, went) => {
    expect((await forward([['traceparent', `00-${TRACE}-${SPAN}-${came}`]])).traceparent.slice(-2)).toBe(went)
  })
})

const CHARS = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
const ALL_VALUES = Array.from({ length: 95 }, (_, n) => String.fromCharCode(0x20 + n))
  .join('')
  .replace(/[,=]/g, '')
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => `bar${from + n}=${from + n}`).join(',')

const states: [name: string, values: string[], expected: string | null][] = [
  ['one', ['foo=1,bar=2'], 'foo=1,bar=2'],
  ['empty', [''], null],
  ['empty after one', ['foo=1', ''], 'foo=1'],
  ['empty before one', ['', 'foo=1'], 'foo=1'],
  [
    'several headers in order',
    ['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'],
    'foo=1,bar=2,rojo=1,congo=2,baz=3',
  ],
  ['a key twice', ['foo=1,foo=1'], null],
  ['a key twice with another value', ['foo=1,foo=2'], null],
  ['a key in two headers', ['foo=1', 'foo=1'], null],
  ['a key in two headers with another value', ['foo=1', 'foo=2'], null],
  ['every character of a key and a value', [`${CHARS}=${ALL_VALUES}`], `${CHARS}=${ALL_VALUES}`],
  ['every character behind @', [`${CHARS}@a-z0-9_-*/=${ALL_VALUES}`], `${CHARS}@a-z0-9_-*/=${ALL_VALUES}`],
  ['spaces and tabs', ['foo=1 \t , \t bar=2, \t baz=3'], 'foo=1,bar=2,baz=3'],
  ['tabs and spaces', ['foo=1\t \t,\t \tbar=2,\t \tbaz=3'], 'foo=1,bar=2,baz=3'],
  ['white space around', ['\t foo=1 \t'], 'foo=1'],
  ['a space in a key', ['foo =1'], null],
  ['upper case', ['FOO=1'], null],
  ['a dot in a key', ['foo.bar=1'], null],
  ['nothing behind @', ['foo@=1,bar=2'], null],
  ['nothing before @', ['@foo=1,bar=2'], null],
  ['@ twice', ['foo@@bar=1,bar=2'], null],
  ['two @', ['foo@bar@baz=1,bar=2'], null],
  ['32 members', [numbered(11, 20), numbered(21, 42)], `${numbered(11, 20)},${numbered(21, 42)}`],
  ['33 members', [numbered(11, 20), numbered(21, 43)], null],
  ['a key of 256', ['foo=1', `${'z'.repeat(256)}=1`], `foo=1,${'z'.repeat(256)}=1`],
  ['a key of 257', ['foo=1', `${'z'.repeat(257)}=1`], null],
  [
    '241@14',
    ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    `foo=1,${'t'.repeat(241)}@${'v'.repeat(14)}=1`,
  ],
  ['242@1', ['foo=1', `${'t'.repeat(242)}@v=1`], null],
  ['1@15', ['foo=1', `t@${'v'.repeat(15)}=1`], null],
  ['a key that begins with a digit (level 2)', ['0foo=1'], '0foo=1'],
  ['two = signs', ['foo=bar=baz'], null],
  ['an empty value', ['foo=,bar=3'], null],
  ['no =', ['foo'], null],
  ['a value of 256', [`foo=${'v'.repeat(256)}`], `foo=${'v'.repeat(256)}`],
  ['a value of 257', [`foo=${'v'.repeat(257)}`], null],
]

describe('tracestate', () => {
  test.each(states)('over the wire: %s', async (_, values, expected) => {
    const headers = values.map((value): RawHeader => ['tracestate', value])
    expect(await forward([['traceparent', VALID], ...headers])).toEqual({
      traceparent: VALID,
      tracestate: expected,
    })
  })

  test('names in any case, wrong names not', async () => {
    expect(
      (
        await forward([
          ['traceparent', VALID],
          ['TraceState', 'a=1'],
        ])
      ).tracestate,
    ).toBe('a=1')
    expect(
      (
        await forward([
          ['traceparent', VALID],
          ['TRACESTATE', 'a=1'],
        ])
      ).tracestate,
    ).toBe('a=1')
    expect(
      (
        await forward([
          ['traceparent', VALID],
          ['trace-state', 'a=1'],
        ])
      ).tracestate,
    ).toBe(null)
    expect(
      (
        await forward([
          ['traceparent', VALID],
          ['trace.state', 'a=1'],
        ])
      ).tracestate,
    ).toBe(null)
  })

  test('512 characters are kept whole', () => {
    const state = `a=${'1'.repeat(254)},b=${'2'.repeat(253)}`
    expect(state.length).toBe(512)
    expect(parseTracestate(state)).toBe(state)
  })

  test('one character more: long entries go first, the rightmost of them first', () => {
    const long = (key: string) => `${key}=${'x'.repeat(130)}`
    const state = ['s1=1', long('l1'), long('l2'), 's2=2', long('l3'), long('l4'), 's3=3'].join(',')
    expect(parseTracestate(state)).toBe(
      ['s1=1', long('l1'), long('l2'), 's2=2', long('l3'), 's3=3'].join(','),
    )
  })

  test('without long entries they go from the right', () => {
    const entries = Array.from({ length: 6 }, (_, n) => `k${n}=${'x'.repeat(100)}`)
    expect(parseTracestate(entries.join(','))).toBe(entries.slice(0, 4).join(','))
  })

  test('a list as Node gives it for repeated headers elsewhere', () => {
    expect(parseTracestate(['a=1', 'b=2'])).toBe('a=1,b=2')
    expect(parseTracestate(undefined)).toBe(undefined)
    expect(parseTracestate([])).toBe(undefined)
  })
})

const hexish = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABF-., \t\n'), maxLength: 70 })
const bytes = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array).toString('latin1'))
const anything = fc.oneof(hexish, bytes, fc.string({ unit: 'binary' }), fc.constant(VALID))
const mutated = fc
  .tuple(fc.integer({ min: 0, max: 54 }), fc.string({ unit: 'binary', maxLength: 2 }))
  .map(([at, text]) => VALID.slice(0, at) + text + VALID.slice(at + 1))

describe('any bytes', () => {
  test('traceparent: never throws, and what is taken is written as a valid header that reads the same', () => {
    fc.assert(
      fc.property(fc.oneof(anything, mutated, fc.array(anything)), (value) => {
        const trace = parseTraceparent(value)
        if (trace === undefined) return
        const header = formatTraceparent(trace)
        expect(header).toMatch(FORMAT)
        expect(header).not.toMatch(/-0{32}-|-0{16}-/)
        expect(parseTraceparent(header)).toEqual(trace)
      }),
      { numRuns: RUNS },
    )
  })

  test('tracestate: never throws, is bounded, and reads the same again', () => {
    const key = fc.string({ unit: fc.constantFrom(...'ab0_-*/@A '), minLength: 1, maxLength: 5 })
    const value = fc.string({ unit: fc.constantFrom(...'xy~! ,=\t\u00e9'), maxLength: 300 })
    const list = fc.array(
      fc.tuple(key, value).map((pair) => pair.join('=')),
      { maxLength: 40 },
    )
    const plain = fc
      .uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 34 })
      .chain((keys) =>
        fc.tuple(...keys.map((k) => fc.stringMatching(/^[!-+]{1,200}$/).map((v) => `${k}=${v}`))),
      )
    fc.assert(
      fc.property(fc.oneof(anything, list, plain), (input) => {
        const state = parseTracestate(input as string | string[])
        if (state === undefined) return
        expect(state.length).toBeLessThanOrEqual(512)
        expect(state.split(',').length).toBeLessThanOrEqual(32)
        expect(state).toMatch(/^[\x21-\x7e][\x20-\x7e]*$/)
        expect(parseTracestate(state)).toBe(state)
      }),
      { numRuns: RUNS },
    )
  })
})

describe('traces of our own', () => {
  test('ids are valid and never twice', () => {
    const seen = new Set<string>()
    for (let n = 0; n < 5000; n++) {
      const trace = newTrace()
      expect(formatTraceparent(trace)).toMatch(FORMAT)
      seen.add(trace.traceId).add(trace.spanId)
    }
    expect(seen.size).toBe(10_000)
  })

  test("the random flag is set, sampled is the sampler's word", () => {
    expect(newTrace(() => true).flags).toBe(3)
    expect(newTrace(() => false).flags).toBe(2)
    expect(newTrace(() => true).remote).toBe(false)
  })

  test('flags are two digits, masked', () => {
    expect(parseTraceparent(`${VALID.slice(0, -2)}fe`)?.flags).toBe(2)
    expect([0, 1, 2, 3, 0xff, 0x100].map(formatFlags)).toEqual(['00', '01', '02', '03', '03', '00'])
  })
})

test('a job started with TRACEPARENT and TRACESTATE goes on with them', () => {
  expect(traceFromEnvironment({ TRACEPARENT: VALID, TRACESTATE: 'a=1' })).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    flags: 1,
    tracestate: 'a=1',
    remote: true,
  })
  expect(traceFromEnvironment({ TRACEPARENT: VALID, TRACESTATE: 'A=1' })).not.toHaveProperty('tracestate')
  expect(traceFromEnvironment({ TRACESTATE: 'a=1' })).toBe(undefined)
})
