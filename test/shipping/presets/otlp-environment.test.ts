import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otlpFromEnvironment } from '../../../src/shipping/presets/otlp-environment.ts'
import { numRuns } from './verdicts.ts'

const read = (env: Record<string, string>) =>
  otlpFromEnvironment(
    Object.fromEntries(Object.entries(env).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value])),
  )

describe("OpenTelemetry's variables", () => {
  it('have defaults', () => {
    const { url, ...rest } = otlpFromEnvironment({})
    expect(url?.href).toBe('http://localhost:4318/v1/logs')
    expect(rest).toEqual({
      headers: {},
      timeoutMs: 10_000,
      compression: 'none',
      ca: undefined,
      clientKey: undefined,
      clientCertificate: undefined,
      problems: [],
    })
  })

  it.each([
    [
      'the general endpoint gets v1/logs',
      { ENDPOINT: 'http://c.example:4318' },
      'http://c.example:4318/v1/logs',
    ],
    ['with one slash', { ENDPOINT: 'http://c.example:4318/' }, 'http://c.example:4318/v1/logs'],
    ['behind a path of its own', { ENDPOINT: 'https://c.example/otlp//' }, 'https://c.example/otlp/v1/logs'],
    ['and keeps its query', { ENDPOINT: 'https://c.example/a?b=c' }, 'https://c.example/a/v1/logs?b=c'],
    ["the logs' own is taken as it is", { LOGS_ENDPOINT: 'http://c.example:4318' }, 'http://c.example:4318/'],
    ['with its path', { LOGS_ENDPOINT: 'http://c.example/x' }, 'http://c.example/x'],
    ['and wins', { LOGS_ENDPOINT: 'http://a.example/x', ENDPOINT: 'http://b.example' }, 'http://a.example/x'],
    [
      'but not when it is empty',
      { LOGS_ENDPOINT: ' ', ENDPOINT: 'http://b.example' },
      'http://b.example/v1/logs',
    ],
  ])('%s', (_name, env, href) => {
    expect(read(env)).toMatchObject({ url: expect.objectContaining({ href }), problems: [] })
  })

  it.each(['c.example:4318', 'grpc://c.example', 'x', 'localhost:4317'])(
    'an endpoint that is none: %s',
    (value) => {
      for (const name of ['ENDPOINT', 'LOGS_ENDPOINT']) {
        expect(read({ [name]: value })).toMatchObject({
          url: undefined,
          problems: [{ variable: `OTEL_EXPORTER_OTLP_${name}`, value }],
        })
      }
    },
  )

  it.each([
    ['a list', 'api-key=key,other=value', { 'api-key': 'key', other: 'value' }],
    [
      'percent-encoding and spaces',
      ' Authorization = Bearer%20a%3Db%2C , x=',
      { authorization: 'Bearer a=b,', x: '' },
    ],
    ["an '=' in the value", 'authorization=Basic dTpw==', { authorization: 'Basic dTpw==' }],
    ['a semicolon, which is part of it', 'a=b;c', { a: 'b;c' }],
    ['empty members', ',,a=b,', { a: 'b' }],
  ])('headers: %s', (_name, value, headers) => {
    expect(read({ HEADERS: value })).toMatchObject({ headers, problems: [] })
  })

  it("the logs' own headers win as a whole", () => {
    expect(read({ HEADERS: 'a=1,b=2', LOGS_HEADERS: 'c=3' }).headers).toEqual({ c: '3' })
  })

  it.each([
    ['a bad encoding', 'a=1,b=sec%ZZret', 'b'],
    ['a name that is none', 'a=1,b c=secret', 'b c'],
    ['no name', 'a=1,=secret', ''],
    ["no '='", 'a=1,secret', '[no =]'],
    ['a line break in it', 'a=1,b=sec%0Aret', 'b'],
  ])('headers with %s: the others are taken, and no value is told', (_name, value, wrong) => {
    const { headers, problems } = read({ HEADERS: value })
    expect(headers).toEqual({ a: '1' })
    expect(problems).toMatchObject([{ variable: 'OTEL_EXPORTER_OTLP_HEADERS', value: wrong }])
  })

  it.each([
    ['2500', 2500, 0],
    ['0', 2_147_483_647, 0],
    ['-1', 10_000, 1],
    ['5s', 10_000, 1],
    ['1e3', 10_000, 1],
    ['99999999999', 10_000, 1],
  ])('a timeout of %s', (value, ms, problems) => {
    const found = read({ TIMEOUT: value })
    expect([found.timeoutMs, found.problems.length]).toEqual([ms, problems])
  })

  it.each([
    ['gzip', 'gzip', 0],
    ['GZIP', 'gzip', 0],
    ['none', 'none', 0],
    ['zstd', 'none', 1],
  ])('a compression of %s', (value, compression, problems) => {
    const found = read({ COMPRESSION: value })
    expect([found.compression, found.problems.length]).toEqual([compression, problems])
  })

  it.each([
    ['http/json', 0],
    ['HTTP/PROTOBUF', 0],
    ['grpc', 1],
    ['x', 1],
  ])('a protocol of %s', (value, problems) => {
    expect(read({ PROTOCOL: value }).problems).toHaveLength(problems)
    expect(read({ PROTOCOL: 'x', LOGS_PROTOCOL: value }).problems).toHaveLength(problems)
  })

  it('name the files of TLS', () => {
    const env = {
      CERTIFICATE: 'ca.pem',
      LOGS_CLIENT_KEY: 'k.pem',
      CLIENT_KEY: 'x',
      CLIENT_CERTIFICATE: 'c.pem',
    }
    expect(read(env)).toMatchObject({ ca: 'ca.pem', clientKey: 'k.pem', clientCertificate: 'c.pem' })
  })

  it('never throw', () => {
    const name = fc.constantFrom('ENDPOINT', 'LOGS_ENDPOINT', 'HEADERS', 'TIMEOUT', 'COMPRESSION', 'PROTOCOL')
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'binary' })), (env) => {
        expect(read(env).timeoutMs).toBeGreaterThan(0)
      }),
      { numRuns },
    )
  })
})
