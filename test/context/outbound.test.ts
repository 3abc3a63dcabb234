import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import http, { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { trace as api, context, propagation } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { disableOutbound, enableOutbound, injectHeaders } from '../../src/context/outbound.ts'
import { createScope, runInScope, type Scope, withContext } from '../../src/context/scope.ts'
import { formatTraceparent } from '../../src/context/traceparent.ts'
import { addToUndici, type UndiciRequest, undiciHasHeader } from '../../src/context/undici.ts'

const TRACE = {
  traceId: '12345678901234567890123456789012',
  spanId: '1234567890123456',
  flags: 2,
  tracestate: 'a=1',
  remote: true,
}
const INJECTED = ['x-request-id', 'x-trail', 'traceparent', 'tracestate', 'baggage']

let server: Server
let url: string

/** The server answers with the headers that it got, as they came, repeated ones too. */
beforeAll(async () => {
  server = createServer((req, res) => {
    if (req.url === '/redirect') return res.writeHead(302, { location: String(req.headers['x-to']) }).end()
    res.end(JSON.stringify(req.rawHeaders))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => server.close())
afterEach(() => {
  disableOutbound()
  api.disable()
  context.disable()
  propagation.disable()
})

type Got = [name: string, value: string][]

function injected(raw: string[]): Got {
  const pairs = raw.flatMap(
    (name, at): Got => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] as string]] : []),
  )
  return pairs.filter(([name]) => INJECTED.includes(name)).sort()
}

async function byFetch(init: RequestInit = {}, to = url): Promise<Got> {
  return injected((await (await fetch(to, init)).json()) as string[])
}

function byHttp(options: http.RequestOptions = {}): Promise<Got> {
  return new Promise((done, fail) => {
    http
      .get(url, options, (res) => {
        let text = ''
        res.on('data', (chunk) => {
          text += chunk
        })
        res.on('end', () => done(injected(JSON.parse(text))))
      })
      .on('error', fail)
  })
}

function scopeOf(change: Partial<Scope> = {}): Scope {
  const scope = createScope({ request_id: 'r-1', run_id: 'run 7', user_id: 'u-1' }, TRACE)
  return Object.assign(scope, change)
}

const ALL: Got = [
  ['traceparent', formatTraceparent(TRACE)],
  ['tracestate', 'a=1'],
  ['x-request-id', 'r-1'],
]

// Absent on Node 20: there injectHeaders is the way for http and https.
async function hasHttpChannel(): Promise<boolean> {
  let seen = false
  const see = () => {
    seen = true
  }
  subscribe('http.client.request.created', see)
  await byHttp()
  unsubscribe('http.client.request.created', see)
  return seen
}

describe('fetch', () => {
  test('nothing is added before it is asked for, and nothing after', async () => {
    expect(channel('undici:request:create').hasSubscribers).toBe(false)
    expect(await runInScope(scopeOf(), byFetch)).toEqual([])
    enableOutbound()
    expect(await runInScope(scopeOf(), byFetch)).toEqual(ALL)
    disableOutbound()
    expect(await runInScope(scopeOf(), byFetch)).toEqual([])
    expect(channel('undici:request:create').hasSubscribers).toBe(false)
  })

  test('asked for twice it adds once, and what is left out stays', async () => {
    enableOutbound({ headers: { requestId: 'X-Trail' } })
    enableOutbound({})
    expect(await runInScope(scopeOf({ trace: undefined }), byFetch)).toEqual([['x-trail', 'r-1']])
  })

  test('outside a scope nothing is added', async () => {
    enableOutbound()
    expect(await byFetch()).toEqual([])
  })

  test('our own deliveries are left alone', async () => {
    enableOutbound()
    expect(await runInScope(scopeOf({ suppressed: true }), byFetch)).toEqual([])
  })

  test.each([
    ['an object', { 'X-Request-ID': 'mine', TraceParent: 'theirs' }],
    [
      'a list',
      [
        ['X-Request-ID', 'mine'],
        ['TraceParent', 'theirs'],
      ] as [string, string][],
    ],
    ['Headers', new Headers({ 'x-request-id': 'mine', traceparent: 'theirs' })],
  ])(
    'headers that are there stay, given as %s, and their tracestate is not ours to add',
    async (_, headers) => {
      enableOutbound({ propagate: ['run_id'] })
      expect(await runInScope(scopeOf(), () => byFetch({ headers }))).toEqual([
        ['baggage', 'run_id=run%207'],
        ['traceparent', 'theirs'],
        ['x-request-id', 'mine'],
      ])
    },
  )

  test.each(['has space', 'x'.repeat(129), 'a\r\nb: c', 42, undefined])(
    'request id %j does not go out',
    async (id) => {
      enableOutbound()
      const scope = scopeOf({ trace: undefined, fields: { request_id: id } })
      expect(await runInScope(scope, byFetch)).toEqual([])
    },
  )

  test('requestId: false', async () => {
    enableOutbound({ headers: { requestId: false } })
    expect(await runInScope(scopeOf({ trace: undefined }), byFetch)).toEqual([])
  })

  test('named fields travel as baggage: those of the scope before those of the option', async () => {
    enableOutbound({ propagate: ['user_id'] })
    const baggage = (got: Got) => got.filter(([name]) => name === 'baggage')
    expect(baggage(await runInScope(scopeOf(), byFetch))).toEqual([['baggage', 'user_id=u-1']])
    const own = scopeOf({ propagate: ['run_id'] })
    expect(baggage(await runInScope(own, byFetch))).toEqual([['baggage', 'run_id=run%207']])
    const theirs = { headers: { baggage: 'x=1' } }
    expect(baggage(await runInScope(own, () => byFetch(theirs)))).toEqual([['baggage', 'x=1']])
  })

  test('a host outside gets nothing: not by its Host header, its address, or a redirect', async () => {
    enableOutbound()
    const { port } = server.address() as AddressInfo
    const seen: Got[] = []
    const outside = createServer((req, res) => {
      seen.push(injected(req.rawHeaders))
      res.end('[]')
    }).listen(0, '127.0.0.1')
    await new Promise((done) => outside.once('listening', done))
    // 127.0.0.1 as the resolver would give it for a public name; the name is what the rule goes by.
    const to = `http://127.0.0.1:${port}/redirect`
    const publicName = `http://127.0.0.1.example.invalid:${(outside.address() as AddressInfo).port}/`
    const target = { request: fakeRequest(publicName) }
    runInScope(scopeOf(), () => channel('undici:request:create').publish(target))
    expect(target.request.headers).toEqual([])
    const proxied = { request: { ...fakeRequest(url), path: 'http://api.example.com/x' } }
    runInScope(scopeOf(), () => channel('undici:request:create').publish(proxied))
    expect(proxied.request.headers).toEqual([])
    const named = { request: { ...fakeRequest(url), host: 'api.example.com' } }
    runInScope(scopeOf(), () => channel('undici:request:create').publish(named))
    expect(named.request.headers).toEqual([])
    const tunnel = { request: { ...fakeRequest(url), method: 'CONNECT' } }
    runInScope(scopeOf(), () => channel('undici:request:create').publish(tunnel))
    expect(tunnel.request.headers).toEqual([])
    await runInScope(scopeOf(), async () => {
      const there = `http://localhost:${(outside.address() as AddressInfo).port}/`
      await (await fetch(to, { headers: { 'x-to': there } })).text()
    })
    expect(seen).toEqual([ALL])
    outside.close()
  })

  test('the allow-list adds hosts', async () => {
    enableOutbound({ hosts: ['*.example.com'] })
    const target = { request: fakeRequest('https://api.example.com') }
    runInScope(scopeOf(), () => channel('undici:request:create').publish(target))
    expect(target.request.headers).toEqual([
      'x-request-id',
      'r-1',
      'traceparent',
      formatTraceparent(TRACE),
      'tracestate',
      'a=1',
    ])
  })

  test('a handler never throws, whatever is published', async () => {
    enableOutbound()
    const uncaught: unknown[] = []
    const note = (error: unknown) => uncaught.push(error)
    process.on('uncaughtException', note)
    const bad = [undefined, null, {}, { request: null }, { request: { origin: 'no url', headers: [] } }]
    const throwing = fakeRequest(url)
    throwing.addHeader = () => {
      throw new Error('no')
    }
    runInScope(scopeOf(), () => {
      for (const message of [...bad, { request: throwing }]) {
        channel('undici:request:create').publish(message)
        channel('http.client.request.created').publish(message)
      }
    })
    // Node raises what a handler throws in the next tick.
    await new Promise(setImmediate)
    process.off('uncaughtException', note)
    expect(uncaught).toEqual([])
  })
})

function fakeRequest(origin: string, headers: unknown[] | string = []): UndiciRequest {
  return {
    origin,
    path: '/',
    method: 'GET',
    headers,
    addHeader(name, value) {
      if (typeof this.headers === 'string') this.headers += `${name}: ${value}\r\n`
      else this.headers.push(name, value)
    },
  }
}

describe('with OpenTelemetry', () => {
  // Does with the channel what @opentelemetry/instrumentation-undici does: adds, and never looks.
  function instrument(): () => void {
    const onCreate = (message: unknown) => {
      const carrier: Record<string, string> = {}
      const span = api.getTracer('undici').startSpan('GET')
      propagation.inject(api.setSpan(context.active(), span), carrier)
      const { request } = message as { request: UndiciRequest }
      for (const [name, value] of Object.entries(carrier)) request.addHeader(name, value)
    }
    subscribe('undici:request:create', onCreate)
    return () => unsubscribe('undici:request:create', onCreate)
  }

  const inSpan = <T>(fn: () => Promise<T>) =>
    api.getTracer('test').startActiveSpan('work', async (span) => {
      const result = await fn()
      span.end()
      return { result, span: span.spanContext() }
    })

  test.each(['before', 'after'])(
    'an instrumentation registered %s us: one traceparent, its own',
    async (order) => {
      new NodeTracerProvider().register()
      let stop = () => {}
      if (order === 'before') stop = instrument()
      enableOutbound()
      if (order === 'after') stop = instrument()
      const { result, span } = await inSpan(() => runInScope(scopeOf(), byFetch))
      stop()
      const parents = result.filter(([name]) => name === 'traceparent')
      expect(parents.length).toBe(1)
      expect(parents[0]?.[1]).toContain(span.traceId)
      expect(parents[0]?.[1]).not.toContain(span.spanId)
      expect(result.map(([name]) => name)).toEqual(['traceparent', 'x-request-id'])
    },
  )

  test('with an SDK and no instrumentation the active span goes out, also outside a scope', async () => {
    new NodeTracerProvider().register()
    enableOutbound()
    const { result, span } = await inSpan(() => byFetch())
    const expected = formatTraceparent({ ...span, flags: span.traceFlags })
    expect(result).toEqual([['traceparent', expected]])
    const inScope = await inSpan(() => runInScope(scopeOf(), byFetch))
    expect(inScope.result[0]?.[1]).toContain(inScope.span.spanId)
    expect(inScope.result.at(-1)).toEqual(['x-request-id', 'r-1'])
  })

  test("an exporter's own requests get nothing", async () => {
    new NodeTracerProvider().register()
    enableOutbound()
    const quiet = () => context.with(suppressTracing(context.active()), () => byFetch())
    expect(await runInScope(scopeOf(), quiet)).toEqual([])
  })

  test('the header text of undici 5 is understood', () => {
    const request = fakeRequest(url, 'Accept: */*\r\nX-Request-Id: a\r\n')
    expect([undiciHasHeader(request, 'x-request-id'), undiciHasHeader(request, 'request-id')]).toEqual([
      true,
      false,
    ])
    addToUndici(request, [
      ['traceparent', 'ours'],
      ['tracestate', 'a=1'],
      ['x-trail', 't'],
    ])
    request.addHeader('TraceParent', 'theirs')
    request.addHeader('traceparent', 'kept as it is')
    expect(request.headers).toBe(
      'Accept: */*\r\nX-Request-Id: a\r\nx-trail: t\r\nTraceParent: theirs\r\ntraceparent: kept as it is\r\n',
    )
  })
})

describe('http', () => {
  test('by the channel where Node has it', async () => {
    const there = await hasHttpChannel()
    expect(there || process.versions.node.startsWith('20.') || process.versions.node.startsWith('22.')).toBe(
      true,
    )
    enableOutbound()
    expect(await runInScope(scopeOf(), byHttp)).toEqual(there ? ALL : [])
    expect(await runInScope(scopeOf({ suppressed: true }), byHttp)).toEqual([])
    const named = { headers: { 'X-Request-ID': 'mine' } }
    const got = await runInScope(scopeOf({ trace: undefined }), () => byHttp(named))
    expect(got).toEqual([['x-request-id', 'mine']])
  })

  test('headers given as an array: the request goes out as it is, and nothing throws', async () => {
    enableOutbound()
    const headers = ['Host', 'localhost', 'X-Other', '1']
    expect(await runInScope(scopeOf(), () => byHttp({ headers: headers as never }))).toEqual([])
    const own = () => byHttp({ headers: injectHeaders(headers, url) as never })
    expect(await runInScope(scopeOf(), own)).toEqual(ALL)
  })

  test('injectHeaders and the channel together add once', async () => {
    enableOutbound()
    expect(await runInScope(scopeOf(), () => byHttp({ headers: injectHeaders({}, url) }))).toEqual(ALL)
  })
})

describe('injectHeaders', () => {
  test('works without enableOutbound, and leaves what it was given alone', () => {
    const given = { accept: '*/*' }
    const made = runInScope(scopeOf(), () => injectHeaders(given, url))
    expect(made).toEqual({
      accept: '*/*',
      'x-request-id': 'r-1',
      traceparent: formatTraceparent(TRACE),
      tracestate: 'a=1',
    })
    expect(given).toEqual({ accept: '*/*' })
  })

  test('takes Headers, flat and paired arrays', () => {
    const scope = scopeOf({ trace: undefined })
    runInScope(scope, () => {
      expect([...injectHeaders(new Headers({ a: '1' }), url)]).toEqual([
        ['a', '1'],
        ['x-request-id', 'r-1'],
      ])
      expect(injectHeaders(['a', '1'], url)).toEqual(['a', '1', 'x-request-id', 'r-1'])
      expect(injectHeaders([['a', '1']], url)).toEqual([
        ['a', '1'],
        ['x-request-id', 'r-1'],
      ])
      expect(injectHeaders(['X-REQUEST-ID', 'mine'], url)).toEqual(['X-REQUEST-ID', 'mine'])
    })
  })

  test.each([
    ['http://api.example.com/', {}],
    ['api.example.com:443', {}],
    ['not a url //', {}],
    ['https:/evil.com/x', {}],
    ['https:evil.com', {}],
    ['HTTPS:evil.com', {}],
    ['http:\\\\evil.com', {}],
    ['https:\\\\evil.com\\.internal', {}],
    ['https:evil.com/.internal', {}],
    ['evil.com/.internal', {}],
    ['evil.com?x=.svc', {}],
    ['//evil.com/.internal', {}],
    ['localhost:80@evil.com', {}],
    ['user:x@evil.com', {}],
    ['http://localhost:80@evil.com/', {}],
    [url, { Host: 'localhost:80@evil.com' }],
    [url, { Host: 'evil.com/.internal' }],
    [url, { Host: 'api.example.com' }],
    [url, { 'X-Request-Id': 'mine' }],
  ])('%s with %j: nothing is added', (to, headers) => {
    withContext({ request_id: 'r-1' }, () => expect(injectHeaders(headers, to)).toEqual(headers))
  })

  test.each(['http:/localhost/x', 'http:localhost', 'HTTP:\\\\localhost\\x', 'https://u:p@api.internal/?a'])(
    '%s is a URL of a host of ours',
    (to) =>
      withContext({ request_id: 'r-1' }, () =>
        expect(injectHeaders({}, to)).toEqual({ 'x-request-id': 'r-1' }),
      ),
  )

  test('a bare host and a URL object', () => {
    withContext({ request_id: 'r-1' }, () => {
      expect(injectHeaders({}, 'payments:3000')).toEqual({ 'x-request-id': 'r-1' })
      expect(injectHeaders({}, new URL('http://[::1]:1/'))).toEqual({ 'x-request-id': 'r-1' })
    })
  })
})

test.each([
  [{ hosts: 'all' }],
  [{ hosts: ['http://a.example'] }],
  [{ headers: { requestId: 'a b' } }],
  [{ headers: { requestId: true } }],
  [{ propagate: 'run_id' }],
  [{ propagate: [1] }],
])('%j is refused, and changes nothing', (options) => {
  expect(() => enableOutbound(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }),
  )
  expect(channel('undici:request:create').hasSubscribers).toBe(false)
})
