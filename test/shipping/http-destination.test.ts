import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type HttpDestinationOptions, httpDestination } from '../../src/shipping/http-destination.ts'
import type { Answered } from '../../src/shipping/outcome.ts'
import type { Preset } from '../../src/shipping/preset.ts'
import { selfSigned } from '../support/certificate.ts'
import { httpServer } from './support/http-server.ts'
import { linesPreset } from './support/lines-preset.ts'
import { many, shipped } from './support/memory-source.ts'

const never = new AbortController().signal

function destination(preset: Preset, options: HttpDestinationOptions = {}) {
  const made = httpDestination(preset, options)
  onTestFinished(() => made.close?.())
  return made
}

/** Sends records that are long enough to be worth compressing. */
function sendTo(
  url: string,
  options: HttpDestinationOptions = {},
  more: Parameters<typeof linesPreset>[1] = {},
) {
  return destination(linesPreset(url, more), options).send(many('r', 20), never) as Promise<Answered>
}

/** A server that says itself what comes over each connection. */
async function rawServer(connected: (socket: Socket, number: number) => void) {
  let connections = 0
  const server = createServer((socket) => {
    // What the client does at its end is its own business here.
    socket.on('error', () => {})
    connected(socket, ++connections)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections
    },
  }
}

describe('a request', () => {
  it('is what the preset made, compressed, and says who sends it', async () => {
    const { url, received } = await httpServer()
    const verdict = await sendTo(`${url}/in?x=1`, {}, { headers: { authorization: 'Bearer t0ken' } })
    expect(verdict).toEqual({ kind: 'delivered', status: 204 })
    const [one] = received
    expect(one).toMatchObject({
      method: 'POST',
      path: '/in?x=1',
      headers: {
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        'content-length': String(one?.raw.length),
        'user-agent': 'spoor',
        authorization: 'Bearer t0ken',
      },
    })
    expect(one?.body).toBe(
      many('r', 20)
        .map(({ line }) => `${line}\n`)
        .join(''),
    )
    expect(one?.raw.length).toBeLessThan((one?.body.length ?? 0) / 2)
    // Nothing of a service's own request goes along.
    expect(Object.keys(one?.headers ?? {})).not.toContain('traceparent')
  })

  it('is the same bytes at each try', async () => {
    const { url, received, state } = await httpServer()
    state.handler = (_, response) => response.writeHead(503).end()
    const to = destination(linesPreset(url))
    for (let i = 0; i < 3; i++) await to.send(many('r', 20), never)
    expect(received.map(({ raw }) => raw.toString('base64'))).toEqual(
      Array(3).fill(received[0]?.raw.toString('base64')),
    )
  })

  it.each<[string, HttpDestinationOptions, Partial<Preset>]>([
    ['where it is turned off', { compression: 'none' }, {}],
    ['where the preset allows none', { compression: 'gzip' }, { compression: 'none' }],
    ['where it is too short', {}, { encode: () => ({ url: '', headers: {}, body: 'short' }) }],
  ])('is not compressed %s', async (_, options, more) => {
    const { url, received } = await httpServer()
    const encode = more.encode && { encode: () => ({ url, headers: {}, body: 'short' }) }
    await sendTo(url, options, { ...more, ...encode })
    expect(received[0]?.headers).not.toHaveProperty('content-encoding')
    expect(received[0]?.raw.toString()).toBe(received[0]?.body)
  })

  it('may be a PUT, of bytes, by another user agent and of credentials in the address', async () => {
    const { url, received } = await httpServer()
    const address = `${url.replace('://', '://user:p%40ss@')}/put`
    await sendTo(
      address,
      { userAgent: 'spoor/1.2.3' },
      { encode: () => ({ url: address, method: 'PUT', headers: {}, body: new Uint8Array([0xff, 0]) }) },
    )
    expect(received[0]).toMatchObject({
      method: 'PUT',
      path: '/put',
      headers: {
        'user-agent': 'spoor/1.2.3',
        authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      },
    })
    expect([...(received[0]?.raw ?? [])]).toEqual([0xff, 0])
  })

  it('goes over a connection that is kept', async () => {
    const server = await httpServer()
    const to = destination(linesPreset(server.url))
    for (let i = 0; i < 5; i++) expect((await to.send(many('r', 3), never)).kind).toBe('delivered')
    expect(server.connections).toBe(1)
  })

  it('is not sent where it is larger than the preset says, but halved', async () => {
    const { url, received } = await httpServer()
    expect(await sendTo(url, {}, { maxBytes: 100 })).toEqual({
      kind: 'halve',
      reason: expect.stringMatching(/^the request has \d+ bytes, lines takes 100$/),
    })
    expect(received).toEqual([])
  })

  it('is searched for the record that the preset stumbles over', async () => {
    const { url } = await httpServer()
    const preset = linesPreset(url)
    const verdict = await destination({
      ...preset,
      encode(records) {
        if (records.some(({ id }) => id === 'r1')) throw new Error('no such field')
        return preset.encode(records)
      },
    }).send(many('r', 3), never)
    expect(verdict).toEqual({ kind: 'bisect', reason: "the preset can't encode it: no such field" })
  })
})

describe('an answer', () => {
  it('is given to the preset with its status, headers and the first 64 KiB', async () => {
    const { url, state } = await httpServer()
    state.handler = (_, response) =>
      response.writeHead(500, { 'Retry-After': '7', 'Set-Cookie': ['a=1', 'b=2'] }).end('é'.repeat(50_000))
    let judged: unknown
    await sendTo(
      url,
      {},
      {
        judge(answer, records) {
          judged = { ...answer, count: records.length }
          return { kind: 'delivered' }
        },
      },
    )
    expect(judged).toMatchObject({
      status: 500,
      headers: { 'retry-after': '7', 'set-cookie': 'a=1, b=2' },
      body: 'é'.repeat(32 * 1024),
      count: 20,
    })
  })

  it('is read to its end, so that the connection can be used again', async () => {
    const server = await httpServer((_, response) => response.end('x'.repeat(500_000)))
    const to = destination(linesPreset(server.url))
    for (let i = 0; i < 3; i++) await to.send(many('r', 3), never)
    expect(server.connections).toBe(1)
  })

  it('without an end is cut short', async () => {
    const { url } = await rawServer((socket) => {
      const more = () => {
        while (socket.writable && socket.write('x'.repeat(65_536)));
      }
      socket.once('data', () => {
        socket.write('HTTP/1.1 500 No\r\n\r\n')
        socket.on('drain', more)
        more()
      })
    })
    expect(await sendTo(url)).toMatchObject({ kind: 'retry', status: 500 })
  })

  it.each([
    ['an accept that breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"errors":', 'retry'],
    ['a refusal that breaks off', 'HTTP/1.1 413 Too Large\r\nContent-Length: 100\r\n\r\ntoo la', 'halve'],
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'retry'],
    ['nothing at all', '', 'retry'],
  ])('is %s', async (_, text, kind) => {
    const server = await rawServer((socket) => {
      socket.once('data', () => socket.end(text))
    })
    expect((await sendTo(server.url)).kind).toBe(kind)
    expect(server.connections).toBe(1)
  })

  it('counts also where it comes before the request was read', async () => {
    const { url } = await rawServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n'))
    })
    const to = destination(linesPreset(url, { maxBytes: 1e9 }), { compression: 'none' })
    expect(await to.send([shipped('large', { pad: 20_000_000 })], never)).toMatchObject({
      kind: 'halve',
      status: 413,
    })
  })

  it('counts also where the connection breaks behind its first line', async () => {
    const { url } = await rawServer((socket) => {
      const refusal = 'HTTP/1.1 413 Too Large\r\nContent-Length: 100\r\n\r\ntoo la'
      socket.once('data', () => socket.write(refusal, () => socket.resetAndDestroy()))
    })
    expect(await sendTo(url)).toMatchObject({ kind: 'halve', status: 413 })
  })

  it('that changes the protocol is a retry, at once', async () => {
    const { url } = await rawServer((socket) => {
      const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI'
      socket.once('data', () => socket.write(switching))
    })
    expect(await sendTo(url)).toMatchObject({ kind: 'retry', reason: expect.stringContaining('101') })
  })

  it('of a preset that fails keeps the records', async () => {
    const { url } = await httpServer()
    const judge = () => {
      throw new Error('not that')
    }
    expect(await sendTo(url, {}, { judge })).toEqual({
      kind: 'hold',
      reason: "the preset can't judge its answer 204: not that",
      status: 204,
    })
  })
})

describe('a redirect', () => {
  it.each([
    [301, 'https://user:pass@new.example.com/in?token=secret#x', 'to https://new.example.com/in'],
    [302, '/elsewhere', 'to http://127.0.0.1:PORT/elsewhere'],
    [307, 'http://[bad', 'elsewhere'],
    [308, undefined, 'elsewhere'],
  ])('%i is not followed: %s', async (status, location, where) => {
    const { url, received, state, port } = await httpServer()
    state.handler = (_, response) =>
      response.writeHead(status, location === undefined ? {} : { location }).end()
    const verdict = await sendTo(url, {}, { headers: { authorization: 'Bearer t0ken' } })
    expect(verdict).toEqual({
      kind: 'hold',
      status,
      reason: `it answers ${status} and sends ${where.replace('PORT', String(port))}, which is not followed since the token would go along; if that is right, set LOG_HTTP_URL to it`,
    })
    expect(received).toHaveLength(1)
  })
})

describe('a connection', () => {
  it('that is refused is a retry', async () => {
    const { url, server, port } = await httpServer()
    server.close()
    expect(await sendTo(url)).toEqual({
      kind: 'retry',
      reason: `127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    })
  })

  it('that is not used is closed', async () => {
    const server = await httpServer()
    const closed = new Promise((resolve) => {
      server.server.once('connection', (socket) => socket.once('close', resolve))
    })
    await sendTo(server.url, { agentKeepAliveMs: 10 })
    await closed
  })

  it('that was closed while it was idle is replaced at once', async () => {
    const server = await rawServer((socket, number) => {
      let requests = 0
      socket.on('data', () => {
        // As if the server had closed it just before.
        if (number === 1 && ++requests === 2) socket.resetAndDestroy()
        else socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      })
    })
    const to = destination(linesPreset(server.url))
    for (let i = 0; i < 2; i++) expect((await to.send([shipped('a')], never)).kind).toBe('delivered')
    expect(server.connections).toBe(2)
  })

  it('that was kept and breaks after a part of the answer is not: it may be half a yes', async () => {
    const server = await rawServer((socket) => {
      let requests = 0
      socket.on('data', () => {
        if (++requests === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
        else socket.write('HTTP/1.1 20', () => socket.resetAndDestroy())
      })
    })
    const to = destination(linesPreset(server.url))
    await to.send([shipped('a')], never)
    expect((await to.send([shipped('a')], never)).kind).toBe('retry')
    expect(server.connections).toBe(1)
  })

  it('that is new and breaks is a retry, and no second one', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const verdict = await sendTo(server.url)
    expect(verdict).toMatchObject({ kind: 'retry', reason: expect.stringContaining('ECONNRESET') })
    expect(server.connections).toBe(1)
  })

  it('that does not come to stand is given up', async () => {
    const { url } = await rawServer(() => {})
    expect(await sendTo(url.replace('http', 'https'), { connectTimeoutMs: 20 })).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('the connection took longer than 0.02 s (ETIMEDOUT)'),
    })
  })

  it('that stands has as long as the answer may take', async () => {
    const { url, state } = await httpServer()
    state.handler = () => {}
    expect(await sendTo(url, { timeoutMs: 30, connectTimeoutMs: 20 })).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('the answer took longer than 0.03 s'),
    })
  })

  it('is given up when an answer does not come to its end', async () => {
    const { url, state } = await httpServer()
    state.handler = (_, response) => response.writeHead(200).write('{')
    expect(await sendTo(url, { timeoutMs: 50 })).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('the answer took longer'),
    })
  })

  it('is given up when the signal says so', async () => {
    const { url, state, server } = await httpServer()
    const controller = new AbortController()
    const closed = new Promise<void>((resolve) => {
      state.handler = (_, __, request) => {
        request.socket.once('close', resolve)
        controller.abort(new Error('enough'))
      }
    })
    const to = destination(linesPreset(url))
    expect(await to.send(many('r', 3), controller.signal)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('enough'),
    })
    await closed
    expect(await to.send(many('r', 3), controller.signal)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('enough'),
    })
    expect(server.listening).toBe(true)
  })
})

describe('TLS', () => {
  const { cert, key } = selfSigned()
  // By another name, since authorities are looked up by theirs.
  const other = selfSigned(['other'])

  it('verifies the certificate, and says what to do where it is not trusted', async () => {
    const { url, received } = await httpServer(undefined, { cert, key })
    expect(await sendTo(url)).toEqual({
      kind: 'hold',
      reason: expect.stringMatching(
        /^127\.0\.0\.1:\d+: self-signed certificate.*\. Its certificate is not trusted here: give the authority's by the option ca or NODE_EXTRA_CA_CERTS$/,
      ),
    })
    expect((await sendTo(url, { ca: other.cert })).kind).toBe('hold')
    expect((await sendTo(url, { ca: [other.cert, cert] })).kind).toBe('delivered')
    expect(received).toHaveLength(1)
  })

  it('does not take a certificate for another host', async () => {
    const stranger = selfSigned(['logs.example.com'])
    const { url } = await httpServer(undefined, { cert: stranger.cert, key: stranger.key })
    expect(await sendTo(url, { ca: stranger.cert })).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    })
  })

  it('shows a certificate of its own to who asks for one', async () => {
    const { url } = await httpServer(undefined, {
      cert,
      key,
      ca: other.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    expect((await sendTo(url, { ca: cert, cert: other.cert, key: other.key })).kind).toBe('delivered')
    expect((await sendTo(url, { ca: cert })).kind).not.toBe('delivered')
  })

  it('is kept as well', async () => {
    const server = await httpServer(undefined, { cert, key })
    const to = destination(linesPreset(server.url), { ca: cert })
    for (let i = 0; i < 3; i++) await to.send(many('r', 3), never)
    expect(server.connections).toBe(1)
  })
})

describe('an address', () => {
  it.each([
    'http://localhost:3100/x',
    'http://127.9.9.9/',
    'http://[::1]:8080/',
    'http://[::ffff:127.0.0.1]/',
    'http://app.localhost/',
    'https://logs.example.com/',
  ])('may be %s', (url) => {
    destination(linesPreset(url))
  })

  it.each([
    ['http://logs.example.com/in', 'expected an https:// address, since the host is not this machine'],
    ['http://10.0.0.1/', 'is "http://10.0.0.1/", expected an https:// address'],
    ['http://10.127.0.1/', 'expected an https:// address'],
    ['http://[::2]/', 'expected an https:// address'],
    ['http://localhost.example.com/', 'expected an https:// address'],
    [
      'http://127.0.0.1.example.com/',
      'say allowInsecure: true (LOG_HTTP_INSECURE=on) if the network is trusted',
    ],
    ['ftp://localhost/', 'Write it with its scheme'],
    ['localhost:3100', 'Write it with its scheme'],
    ['', 'is undefined, expected an https:// address'],
  ])('is refused at once: %s', (url, message) => {
    const make = () => destination(linesPreset(url))
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.stringContaining(message) }),
    )
  })

  it('is shown without its credentials', () => {
    const make = () => destination(linesPreset('http://user:pass@logs.example.com/in?token=secret'))
    expect(make).toThrow('is "http://logs.example.com/in", expected')
  })

  it('may be http where that is allowed', () => {
    destination(linesPreset('http://logs.example.com/in'), { allowInsecure: true })
  })

  it('is looked at again with each request', async () => {
    const preset = linesPreset('https://logs.example.com/')
    const to = destination({
      ...preset,
      encode: (records) => ({
        ...preset.encode(records),
        url: records[0]?.id === 'r0' ? 'http://logs.example.com/' : 'https://logs.example.com/',
      }),
    })
    expect(await to.send(many('r', 1), never)).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('its address is not an https:// address'),
    })
  })
})

describe('a secret', () => {
  const basic = Buffer.from('joe:s3cret pw').toString('base64')
  it.each<[string, string, Record<string, string>, readonly string[]]>([
    ['a bearer token', '', { authorization: 'Bearer abc.DEF-123' }, ['abc.DEF-123']],
    ['a token with a scheme of its own', '', { authorization: 'Splunk 11-22-33' }, ['11-22-33']],
    ['a password', '', { authorization: `Basic ${basic}` }, [basic, 's3cret pw', 'joe:s3cret pw']],
    ['a key in a header', '', { 'dd-api-key': 'k3y"with\\odd' }, ['k3y"with\\odd']],
    ['credentials in the address', 'user:p%40ssw0rd@', {}, ['p%40ssw0rd', 'p@ssw0rd']],
    ['a key in the address', '?api_key=k%2Fe%2Fy', {}, ['k/e/y', 'k%2Fe%2Fy']],
  ])('is in no reason: %s', async (_, part, headers, secrets) => {
    const { url, state } = await httpServer()
    const address = part.endsWith('@') ? url.replace('://', `://${part}`) : `${url}/${part}`
    const repeated = secrets
      .flatMap((secret) => [secret, JSON.stringify(secret), encodeURIComponent(secret)])
      .join(' | ')
    const preset = linesPreset(address, { headers })
    const to = destination(preset)
    for (const status of [400, 401, 404, 413, 503]) {
      state.handler = (__, response) => response.writeHead(status).end(repeated)
      const verdict = JSON.stringify(await to.send([shipped('a')], never))
      expect(verdict).toContain('[hidden]')
      for (const secret of secrets) expect(verdict).not.toContain(secret)
    }
    const reason = repeated
    const partly = destination({
      ...preset,
      judge: () => ({ kind: 'partly', reason, refused: [{ index: 0, reason }] }),
    })
    const warned = destination({ ...preset, judge: () => ({ kind: 'delivered', warning: reason }) })
    for (const each of [partly, warned]) {
      const verdict = JSON.stringify(await each.send([shipped('a')], never))
      for (const secret of secrets) expect(verdict).not.toContain(secret)
    }
  })

  it('is hidden, and what is none is not', async () => {
    const { url, state } = await httpServer()
    state.handler = (_, response) => response.writeHead(400).end('tenant acme has no application/x-ndjson')
    const verdict = await sendTo(
      url,
      {},
      { headers: { 'x-scope-orgid': 'acme', authorization: 'Bearer t0ken' } },
    )
    expect(verdict).toMatchObject({ reason: '400: tenant acme has no application/x-ndjson' })
  })
})
