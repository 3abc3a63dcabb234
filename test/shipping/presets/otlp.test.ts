import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otlpPreset } from '../../../src/shipping/presets/otlp.ts'
import type { AnyValue, KeyValue } from '../../../src/shipping/presets/otlp-record.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { parseStrict } from '../../support/strict-json.ts'
import { shipped, shippedLine, variedRecords } from '../fakes/records.ts'
import { answer, answersLike, expectSound, numRuns } from './verdicts.ts'

const url = new URL('https://collector.example:4318')
const preset = (options = {}) => otlpPreset({ url, labels: ['module'], ...options })

interface LogRecord {
  timeUnixNano: string
  attributes: KeyValue[]
  body: AnyValue
  [key: string]: unknown
}
interface ResourceLogs {
  resource: { attributes: KeyValue[] }
  scopeLogs: { scope: { name?: string }; logRecords: LogRecord[] }[]
}

function requestOf(records: readonly Shipped[], options = {}): ResourceLogs[] {
  const body = String(preset(options).encode(records).body)
  return parseStrict<{ resourceLogs: ResourceLogs[] }>(body).resourceLogs
}

/** Plain values again; no key may come twice. */
function plain(list: readonly KeyValue[]): Record<string, unknown> {
  expect(new Set(list.map(({ key }) => key)).size).toBe(list.length)
  return Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue(value: AnyValue): unknown {
  const [kind, said] = Object.entries(value)[0] ?? ['null', null]
  if (kind === 'intValue') return Number(said)
  if (kind === 'arrayValue') return (said as { values: AnyValue[] }).values.map(plainValue)
  if (kind === 'kvlistValue') return plain((said as { values: KeyValue[] }).values)
  return said
}

function onlyLog(request: readonly ResourceLogs[]): LogRecord {
  return request[0]?.scopeLogs[0]?.logRecords[0] as LogRecord
}

function logOf(fields: Record<string, unknown>, nth = 0): LogRecord & { plain: Record<string, unknown> } {
  const log = onlyLog(requestOf([shipped(fields, nth)]))
  return { ...log, plain: plain(log.attributes) }
}

const TRACE = {
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  span_id: 'b7ad6b7169203331',
  trace_flags: '03',
}

describe('a request', () => {
  it('has a record with its time, level, text, trace and fields', () => {
    const { plain: attributes, ...log } = logOf(
      { time: '2026-11-25T20:00:00.123Z', level: 'warn', msg: 'm', ...TRACE, order_id: 5 },
      7,
    )
    expect(log).toEqual({
      timeUnixNano: '1795636800123000007',
      observedTimeUnixNano: '1795636800123000007',
      severityNumber: 13,
      severityText: 'warn',
      body: { stringValue: 'm' },
      attributes: expect.any(Array),
      traceId: TRACE.trace_id,
      spanId: TRACE.span_id,
      flags: 3,
    })
    expect(attributes).toEqual({ 'log.record.uid': 'test-00000007', order_id: 5 })
  })

  it('goes to v1/logs, but for a URL that is to be used as it is', () => {
    const { url: to, headers } = preset({ token: 't' }).encode([])
    expect(to).toBe('https://collector.example:4318/v1/logs')
    expect(headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer t' })
    expect(preset({ asIs: true }).encode([]).url).toBe('https://collector.example:4318/')
    expect(preset({ url: new URL('https://c.example/otlp/v1/logs') }).encode([]).url).toBe(
      'https://c.example/otlp/v1/logs',
    )
    expect([preset().compression, preset({ compression: 'none' }).compression]).toEqual(['gzip', 'none'])
  })

  it('has one resource for each identity and one scope for each component', () => {
    const one = {
      service: 'shop',
      version: '1',
      env: 'production',
      region: 'eu',
      host: 'h',
      pid: 7,
      machine_id: 'm',
      worker_id: '2',
      module: 'store',
    }
    const records = [
      { ...one, component: 'db' },
      { ...one, service: 'cart' },
      { ...one, component: 'http' },
      { ...one, component: 'db' },
      one,
    ].map((fields, i) => shipped({ ...fields, msg: String(i) }, i))
    const request = requestOf(records)
    expect(request.map(({ resource }) => plain(resource.attributes))).toEqual(
      ['shop', 'cart'].map((service) => ({
        'service.name': service,
        'service.version': '1',
        'deployment.environment.name': 'production',
        'cloud.region': 'eu',
        'host.name': 'h',
        'process.pid': 7,
        'host.id': 'm',
        'service.instance.id': 'm/2',
        module: 'store',
      })),
    )
    const scopes = request.map(({ scopeLogs }) =>
      scopeLogs.map(({ scope, logRecords }) => [
        scope,
        logRecords.map(({ body }) => plainValue(body)).join(),
      ]),
    )
    expect(scopes).toEqual([
      [
        [{ name: 'db' }, '0,3'],
        [{ name: 'http' }, '2'],
        [{}, '4'],
      ],
      [[{}, '1']],
    ])
    for (const { scopeLogs } of request)
      for (const { logRecords } of scopeLogs)
        for (const { attributes } of logRecords)
          expect(Object.keys(plain(attributes))).toEqual(['log.record.uid'])
  })

  it('gives the same bytes again', () => {
    const records = variedRecords(100)
    expect(preset().encode(records)).toEqual(preset().encode(records))
  })
})

describe('a record', () => {
  it.each([
    ['trace', 1],
    ['debug', 5],
    ['info', 9],
    ['warn', 13],
    ['error', 17],
    ['fatal', 21],
    ['notice', 0],
    ['constructor', 0],
  ])('of level %s has severity %d', (level, severity) => {
    expect(logOf({ level })).toMatchObject({ severityNumber: severity, severityText: level })
  })

  it('has the exception of its error, and the rest of the error', () => {
    const cause = { type: 'F', message: 'n' }
    expect(logOf({ err: { type: 'E', message: 'm', stack: 's', code: 'C', cause } }).plain).toMatchObject({
      'exception.type': 'E',
      'exception.message': 'm',
      'exception.stacktrace': 's',
      err: { code: 'C', cause },
    })
    expect(logOf({ err: { type: 'E' } }).plain).not.toHaveProperty('err')
    expect(logOf({ err: 'thrown' }).plain).toMatchObject({ 'exception.message': 'thrown' })
    expect(logOf({ err: null }).plain).toMatchObject({ err: null })
  })

  it('has the place of the call, the user and the session', () => {
    const source = { file: 'a.ts', line: 3, function: 'f' }
    expect(logOf({ source, user_id: 'u', session_id: 's', request_id: 'r' }).plain).toEqual({
      'log.record.uid': 'test-00000000',
      'code.file.path': 'a.ts',
      'code.line.number': 3,
      'code.function.name': 'f',
      'user.id': 'u',
      'session.id': 's',
      request_id: 'r',
    })
  })

  it("names a request's fields in the middleware's record, and nowhere else", () => {
    const own = {
      method: 'GET',
      route: '/:id',
      path: '/1',
      status: 200,
      request_bytes: 0,
      response_bytes: 12,
      remote_address: '::1',
      user_agent: 'curl',
      duration_ms: 1.5,
    }
    expect(logOf({ ...own, outcome: 'completed' }).plain).toEqual({
      'log.record.uid': 'test-00000000',
      'http.request.method': 'GET',
      'http.route': '/:id',
      'url.path': '/1',
      'http.response.status_code': 200,
      'http.request.body.size': 0,
      'http.response.body.size': 12,
      'client.address': '::1',
      'user_agent.original': 'curl',
      duration_ms: 1.5,
      outcome: 'completed',
    })
    expect(logOf(own).plain).toEqual({ 'log.record.uid': 'test-00000000', ...own })
  })

  it.each([
    ['a trace id in capitals', { ...TRACE, trace_id: TRACE.trace_id.toUpperCase() }],
    ['a trace id of zeros', { ...TRACE, trace_id: '0'.repeat(32) }],
    ['a short trace id', { ...TRACE, trace_id: 'abc' }],
    ['a number', { ...TRACE, trace_id: 7 }],
    ['a span alone', { span_id: TRACE.span_id }],
  ])('with %s has no trace, and keeps what it said', (_name, trace) => {
    const log = logOf(trace)
    expect(log).not.toHaveProperty('traceId')
    expect(log).not.toHaveProperty('spanId')
    expect(log.plain).toMatchObject(trace)
  })

  it('keeps what of a trace is wrong beside what is right', () => {
    const log = logOf({ ...TRACE, span_id: 'x', trace_flags: '0ff' })
    expect(log).toMatchObject({ traceId: TRACE.trace_id })
    expect(log).not.toHaveProperty('flags')
    expect(log.plain).toMatchObject({ span_id: 'x', trace_flags: '0ff' })
  })

  it('lets no field of the application stand for one of ours', () => {
    const fields = {
      'log.record.uid': 'x',
      'exception.type': 'y',
      err: { type: 'E' },
      'user.id': 'z',
      user_id: 'u',
    }
    expect(logOf(fields).plain).toEqual({
      'log.record.uid': 'test-00000000',
      'exception.type': 'E',
      'user.id': 'u',
      '_log.record.uid': 'x',
      '_exception.type': 'y',
      '_user.id': 'z',
    })
  })

  it('keeps identity that is no identity, and a text that is none', () => {
    const fields = {
      service: { a: 1 },
      pid: true,
      worker_id: [1],
      module: null,
      component: {},
      msg: { a: [1.5] },
    }
    const log = logOf(fields)
    const { msg, ...others } = fields
    expect(log.plain).toMatchObject(others)
    expect(plainValue(log.body)).toEqual(msg)
  })

  it('has every JSON value in its own type', () => {
    expect(
      logOf({ a: 1, b: 1.5, c: -0, d: 2 ** 53, e: true, f: null, g: [], h: {}, i: '' }).attributes.slice(1),
    ).toEqual([
      { key: 'a', value: { intValue: '1' } },
      { key: 'b', value: { doubleValue: 1.5 } },
      { key: 'c', value: { intValue: '0' } },
      { key: 'd', value: { doubleValue: 2 ** 53 } },
      { key: 'e', value: { boolValue: true } },
      { key: 'f', value: {} },
      { key: 'g', value: { arrayValue: { values: [] } } },
      { key: 'h', value: { kvlistValue: { values: [] } } },
      { key: 'i', value: { stringValue: '' } },
    ])
  })

  it('comes out as it went in', () => {
    const known = [
      'time',
      'level',
      'msg',
      'err',
      'component',
      'service',
      'version',
      'env',
      'host',
      'pid',
      'module',
      'trace_id',
      'span_id',
      'trace_flags',
    ]
    for (const record of variedRecords(300)) {
      const log = onlyLog(requestOf([record]))
      const own = Object.entries(record.record).filter(([key]) => !known.includes(key))
      expect(plain(log.attributes)).toMatchObject(Object.fromEntries(own))
      expect(plainValue(log.body)).toBe(record.record.msg)
    }
  })

  it('can be made of any line', () => {
    const deep = `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)},"b":1e400,"__proto__":{"c":1}}`
    const [first, second] = [deep, 'no JSON'].map((line) => onlyLog(requestOf([shippedLine(line)]))) as [
      LogRecord,
      LogRecord,
    ]
    expect(plain(first.attributes)).toMatchObject({ b: 'Infinity' })
    expect(JSON.stringify(first)).toContain('[Array]')
    expect(first.attributes.map(({ key }) => key)).toContain('__proto__')
    expect(second.body).toEqual({ stringValue: 'no JSON' })
  })
})

describe('what a server answers', () => {
  const records = Array.from({ length: 5 }, (_, i) => shipped({ i }, i))
  const partial = (rejectedLogRecords: unknown, errorMessage?: string) =>
    JSON.stringify({ partialSuccess: { rejectedLogRecords, errorMessage } })

  it.each([
    ['all', 200, '{"partialSuccess":{}}', { kind: 'delivered' }],
    ['all, in an empty message', 200, '{}', { kind: 'delivered' }],
    ['all, without a word', 200, '', { kind: 'delivered' }],
    ['all, in protobuf', 200, '\n\u0000', { kind: 'delivered' }],
    [
      'all, with a warning',
      200,
      partial('0', 'old semantics'),
      { kind: 'delivered', warning: 'old semantics' },
    ],
    [
      'a part',
      200,
      partial('2', 'too old'),
      { kind: 'partly', lost: 2, reason: '200, rejected 2 of 5: too old' },
    ],
    ['a part, as a number', 200, partial(3), { kind: 'partly', lost: 3 }],
    ['none', 200, partial('5', 'too old'), { kind: 'refuse' }],
    ['more than there were', 200, partial('50'), { kind: 'refuse' }],
    ['a page', 200, '<!doctype html><title>Log in</title>', { kind: 'hold' }],
    ['bad data', 400, '{"code":3,"message":"bad"}', { kind: 'bisect', reason: '400: bad' }],
    [
      'too large, as the Collector says it',
      400,
      '{"code":3, "message":"http: request body too large"}',
      { kind: 'halve' },
    ],
    ['no token', 401, '', { kind: 'hold' }],
    ['a token without the right', 403, '', { kind: 'hold' }],
    ['a proxy that wants one', 407, '', { kind: 'hold' }],
    ['no such path', 404, '404 page not found', { kind: 'hold' }],
    ['a time-out', 408, '', { kind: 'refuse' }],
    ['too large', 413, '', { kind: 'halve' }],
    ['too many', 429, '', { kind: 'retry' }],
    ['a permanent error', 500, '{"code":13,"message":"no"}', { kind: 'refuse' }],
    ['not implemented', 501, '', { kind: 'refuse' }],
    ['a gateway', 502, '', { kind: 'retry' }],
    ['overload', 503, '', { kind: 'retry' }],
    ['a slow gateway', 504, '', { kind: 'retry' }],
    ['another 5xx', 520, '', { kind: 'refuse' }],
    ['a redirect', 307, '', { kind: 'hold' }],
  ])('%s', (_name, status, body, expected) => {
    const verdict = preset().judge(answer(status, body), records)
    expect(verdict).toMatchObject(expected)
    expectSound(verdict, records.length)
  })

  it('says how long to wait', () => {
    expect(preset().judge(answer(429, '', { 'retry-after': '9' }), records)).toMatchObject({ afterMs: 9000 })
  })

  it('is told where it was JSON and was cut', () => {
    const cut = answer(200, '{"partialSuccess":{"errorMessage":"aaa', { 'content-type': 'application/json' })
    expect(preset().judge(cut, records)).toMatchObject({
      kind: 'delivered',
      warning: expect.stringContaining('aaa'),
    })
  })

  it('has a sound verdict, whatever it is', () => {
    const texts = [
      partial('2', 'too old'),
      partial(1e9),
      partial('-1'),
      '{"code":3,"message":"bad"}',
      '{"partialSuccess":[]}',
    ]
    fc.assert(
      fc.property(answersLike(texts), fc.integer({ min: 1, max: 5 }), (any, count) => {
        expectSound(preset().judge(any, records.slice(0, count)), count)
      }),
      { numRuns: numRuns * 5 },
    )
  })
})
