import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { answer, type Fault, type Rule, redirect, tooManyRequests } from './faults/fault.ts'
import { listenAnywhere } from './free-port.ts'

interface Asked {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: string[]
  readonly body: Buffer
}

/** A plain server that notes what it is asked, behind a proxy. */
async function proxied() {
  const asked: Asked[] = []
  const server = createServer(async (req, res) => {
    asked.push({ method: req.method, path: req.url, headers: req.rawHeaders, body: await buffer(req) })
    if (req.url === '/none') res.writeHead(204, { 'X-None': 'of it' }).end()
    else res.writeHead(201, 'Made', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Odd', 'Ö']).end('thanks')
  })
  const target = await listenAnywhere(server)
  const proxy = await startFaultProxy(`http://127.0.0.1:${target}`)
  onTestFinished(async () => {
    await proxy.close()
    server.close()
  })
  return { asked, proxy, target, server }
}

/** What a client got for a request: an answer or an error's code. */
interface Got {
  readonly code?: string | undefined
  readonly status?: number | undefined
  readonly message?: string | undefined
  readonly headers?: string[] | undefined
  readonly body?: string | undefined
}

interface Question {
  readonly path?: string
  readonly body?: Buffer | string
  readonly headers?: string[]
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

function post(port: number, question: Question = {}): Promise<Got> {
  const { path = '/in?a=b', body = 'a record', agent, signal } = question
  const headers = question.headers ?? ['Host', 'a', 'Content-Length', String(Buffer.byteLength(body))]
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message })
    const req = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path,
      headers: headers as never,
      agent: agent ?? false,
      signal,
    })
    req.on('error', failed)
    req.on('response', async (res: IncomingMessage) => {
      try {
        const whole = await buffer(res)
        resolve({
          status: res.statusCode,
          message: res.statusMessage,
          headers: res.rawHeaders,
          body: whole.toString(),
        })
      } catch (error) {
        failed(error as NodeJS.ErrnoException)
      }
    })
    req.end(body)
  })
}

describe('what passes', () => {
  it('comes to the target and back as it was sent', async () => {
    const { asked, proxy, target } = await proxied()
    const body = Buffer.from([0, 255, 1, 254])
    const headers = ['X-TwiCE', 'a', 'x-twice', 'b', 'Host', 'logs.example', 'Content-Length', '4']
    const direct = await post(target, { body, headers })
    const through = await post(proxy.port, { body, headers })
    expect(direct).toMatchObject({ status: 201, message: 'Made', body: 'thanks' })
    // A connection that is asked for anew each time may say so in its own words.
    expect(withoutDate(through)).toEqual(withoutDate(direct))
    expect(asked[1]).toEqual(asked[0])
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/in?a=b', body })
    expect(proxy.passedOn).toBe(1)
  })

  it('is an answer without a body too, and a body in chunks', async () => {
    const { asked, proxy, target } = await proxied()
    const headers = ['Host', 'a', 'Transfer-Encoding', 'chunked']
    const direct = await post(target, { path: '/none', headers })
    const through = await post(proxy.port, { path: '/none', headers })
    expect(direct).toMatchObject({ status: 204, body: '' })
    expect(withoutDate(through)).toEqual(withoutDate(direct))
    expect(asked[1]).toEqual(asked[0])
  })

  it('comes over a connection that is kept', async () => {
    const { proxy } = await proxied()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    for (let i = 0; i < 3; i++) expect(await post(proxy.port, { agent })).toMatchObject({ status: 201 })
    expect(proxy.count({ kind: 'connection' })).toBe(1)
    expect(proxy.passedOn).toBe(3)
  })

  it('is large', async () => {
    const { asked, proxy } = await proxied()
    const body = Buffer.alloc(8 * 1024 * 1024, 'spoor')
    await post(proxy.port, { body })
    expect(asked[0]?.body.equals(body)).toBe(true)
  })
})

describe('a fault', () => {
  const cases: readonly (readonly [string, Fault, Got, number])[] = [
    ['reset in mid-body', { kind: 'reset', afterBytes: 4 }, { code: 'ECONNRESET' }, 0],
    ['reset before the body', { kind: 'reset', afterBytes: 0 }, { code: 'ECONNRESET' }, 0],
    ['reset after a body that is shorter', { kind: 'reset', afterBytes: 99 }, { code: 'ECONNRESET' }, 0],
    ['accepted, not acknowledged', { kind: 'lose-answer' }, { code: 'ECONNRESET' }, 1],
    ['cut in the head of the answer', { kind: 'cut-answer', afterBytes: 9 }, { code: 'ECONNRESET' }, 1],
    ['a slow answer', { kind: 'slow', bytes: 50, everyMs: 1 }, { status: 201, body: 'thanks' }, 1],
    ['no HTTP', { kind: 'garbage' }, { code: 'HPE_INVALID_CONSTANT' }, 0],
    ['closed without an answer', { kind: 'close' }, { code: 'ECONNRESET' }, 0],
    ['an answer of its own', answer(500, 'no'), { status: 500, body: 'no' }, 0],
    ['a status that nobody knows', answer(260, 'blocked'), { status: 260, body: 'blocked' }, 0],
    ['a status without a body', answer(204), { status: 204, body: '' }, 0],
    ['an answer that tells nothing of it', { kind: 'answer', status: 502, passOn: true }, { status: 502 }, 1],
  ]

  it.each(cases)('is met by the client and no later request: %s', async (_, fault, got, passedOn) => {
    const { asked, proxy } = await proxied()
    proxy.next(fault)
    expect(await post(proxy.port)).toMatchObject(got)
    await proxy.happened({ kind: 'fault', fault: fault.kind, request: 1 })
    expect([proxy.passedOn, asked.length]).toEqual([passedOn, passedOn])
    expect(await post(proxy.port)).toMatchObject({ status: 201 })
    expect(asked.length).toBe(passedOn + 1)
  })

  it('tells how much of a body came before its reset', async () => {
    const { proxy } = await proxied()
    proxy.next({ kind: 'reset', afterBytes: 100_000 })
    expect(await post(proxy.port, { body: Buffer.alloc(8 * 1024 * 1024) })).toEqual({
      code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/),
    })
    const { bytes } = await proxy.happened({ kind: 'fault', fault: 'reset' })
    expect(bytes).toBeGreaterThanOrEqual(100_000)
    expect(bytes).toBeLessThan(1024 * 1024)
  })

  it('can cut the body of an answer', async () => {
    const { proxy } = await proxied()
    const socket = connect(proxy.port, '127.0.0.1')
    proxy.next({ kind: 'cut-answer', afterBytes: 40 })
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n')
    let got = ''
    socket.on('data', (chunk) => (got += chunk))
    // An RST that comes together with data is an end to libuv.
    socket.on('error', (error: NodeJS.ErrnoException) => expect(error.code).toBe('ECONNRESET'))
    await closed(socket)
    expect(got).toHaveLength(40)
  })

  it('gives a slow answer in so many pieces', async () => {
    const { proxy } = await proxied()
    const socket = connect(proxy.port, '127.0.0.1')
    proxy.next({ kind: 'slow', bytes: 10, everyMs: 5 })
    socket.write('POST /none HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n')
    const pieces: string[] = []
    socket.on('data', (chunk) => pieces.push(String(chunk)))
    await once(socket, 'end')
    expect(pieces.length).toBeGreaterThan(3)
    expect(pieces.join('').split('\r\n')).toEqual([
      'HTTP/1.1 204 No Content',
      'X-None: of it',
      expect.stringMatching(/^Date: /),
      'connection: close',
      '',
      '',
    ])
  })

  it.each([
    ['seconds', tooManyRequests(7), '7'],
    ['a date', tooManyRequests(new Date(0), 503), 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ])('can be Retry-After as %s', async (_, fault, value) => {
    const { proxy } = await proxied()
    proxy.next(fault)
    const got = await post(proxy.port)
    expect(got.headers).toEqual(['retry-after', value, 'content-length', '17'])
  })

  it('can be a redirect to another host', async () => {
    const { proxy } = await proxied()
    proxy.next(redirect('http://elsewhere.invalid/x', 308))
    const got = await post(proxy.port)
    expect([got.status, got.headers?.slice(0, 2)]).toEqual([308, ['location', 'http://elsewhere.invalid/x']])
  })
})

describe('who gets no answer', () => {
  it.each<Fault>([{ kind: 'hang' }, { kind: 'half-open' }])(
    'waits until he gives up: $kind',
    async (fault) => {
      const { asked, proxy } = await proxied()
      proxy.always(fault)
      const given = new AbortController()
      const got = post(proxy.port, { signal: given.signal })
      await proxy.happened({ kind: 'fault', fault: fault.kind })
      given.abort()
      expect(await got).toEqual({ code: 'ABORT_ERR' })
      expect(asked).toEqual([])
      if (fault.kind === 'half-open') await proxy.happened({ kind: 'gone', request: 1 })
    },
  )

  it('keeps a connection that nobody closes, also after his own end', async () => {
    const { proxy } = await proxied()
    proxy.next({ kind: 'half-open' })
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
    let ended = false
    socket.on('end', () => (ended = true)).on('error', () => {})
    socket.end('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi')
    await proxy.happened({ kind: 'gone', fault: 'half-open' })
    // Another request over another connection goes all the way meanwhile.
    expect(await post(proxy.port)).toMatchObject({ status: 201 })
    expect([ended, proxy.connections > 0]).toEqual([false, true])
    await proxy.close()
    await closed(socket)
  })

  it('finds a hanging proxy that takes no more than fits its buffers', async () => {
    const { proxy } = await proxied()
    proxy.next({ kind: 'hang' })
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
    const size = 32 * 1024 * 1024
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n`)
    await proxy.happened({ kind: 'fault', fault: 'hang' })
    let written = false
    socket.write(Buffer.alloc(size), () => (written = true))
    // As much again goes all the way meanwhile.
    expect(await post(proxy.port, { body: Buffer.alloc(size) })).toMatchObject({ status: 201 })
    expect(written).toBe(false)
    socket.destroy()
  })
})

describe('a closed port', () => {
  it('refuses until it is opened', async () => {
    const { proxy } = await proxied()
    await proxy.refuse()
    expect(await post(proxy.port)).toEqual({ code: 'ECONNREFUSED' })
    expect(await post(proxy.port)).toEqual({ code: 'ECONNREFUSED' })
    await proxy.accept()
    expect(await post(proxy.port)).toMatchObject({ status: 201 })
    expect(proxy.events.map(({ kind }) => kind).slice(0, 2)).toEqual(['refusing', 'accepting'])
  })

  it('resets the connections that are kept', async () => {
    const { proxy } = await proxied()
    proxy.always({ kind: 'half-open' })
    const got = post(proxy.port)
    await proxy.happened({ kind: 'fault' })
    await proxy.refuse()
    expect(await got).toEqual({ code: 'ECONNRESET' })
    expect(proxy.connections).toBe(0)
  })

  it('opens by itself after a period, when a request has closed it', async () => {
    const { proxy } = await proxied()
    proxy.next({ kind: 'refuse', forMs: 50 })
    expect(await post(proxy.port)).toEqual({ code: 'ECONNRESET' })
    await proxy.happened({ kind: 'refusing' })
    await proxy.happened({ kind: 'accepting' })
    expect(await post(proxy.port)).toMatchObject({ status: 201 })
  })
})

describe('a rule', () => {
  it('comes from the script first, then from what is always so', async () => {
    const { proxy } = await proxied()
    proxy.always(answer(503))
    proxy.next(answer(500), { kind: 'pass' })
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await post(proxy.port)).status)
    expect(statuses).toEqual([500, 201, 503, 503])
  })

  it('ends after its period', async () => {
    const { proxy } = await proxied()
    proxy.always(answer(503), 20)
    let got = await post(proxy.port)
    expect(got.status).toBe(503)
    while (got.status === 503) got = await post(proxy.port)
    expect(got.status).toBe(201)
  })

  it('can look at the request and at its body', async () => {
    const { asked, proxy } = await proxied()
    const rule: Rule = async ({ path, headers, body }) =>
      path === '/in' && headers['x-a'] === 'b' && (await body()).includes('poison')
        ? answer(400)
        : { kind: 'pass' }
    proxy.always(rule)
    const ask = async (text: string) => {
      const body = gzipSync(text)
      const length = String(body.length)
      const headers = ['Host', 'a', 'X-A', 'b', 'Content-Encoding', 'gzip', 'Content-Length', length]
      return (await post(proxy.port, { path: '/in', body, headers })).status
    }
    expect([await ask('good'), await ask('poison'), await ask('good')]).toEqual([201, 400, 201])
    expect(asked.map(({ body }) => body)).toEqual([gzipSync('good'), gzipSync('good')])
  })
})

it('resets a client whose target is not there, and goes on when it is', async () => {
  const { proxy, server, target } = await proxied()
  server.close()
  await once(server, 'close')
  expect(await post(proxy.port)).toEqual({ code: 'ECONNRESET' })
  expect(proxy.count({ kind: 'target-failed' })).toBe(1)
  server.listen(target, '127.0.0.1')
  await once(server, 'listening')
  expect(await post(proxy.port)).toMatchObject({ status: 201 })
})

it('tells of a client that leaves in the middle of its body, and passes nothing on', async () => {
  const { asked, proxy } = await proxied()
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf')
  await proxy.happened({ kind: 'request' })
  socket.resetAndDestroy()
  await proxy.happened({ kind: 'gone', request: 1 })
  expect([asked, proxy.passedOn]).toEqual([[], 0])
})

it('says when something has happened so many times', async () => {
  const { proxy } = await proxied()
  proxy.always(answer(503))
  let told: unknown
  const third = proxy.happened({ kind: 'fault', fault: 'answer' }, 3).then((event) => (told = event))
  await post(proxy.port)
  await post(proxy.port)
  expect([told, proxy.count({ kind: 'fault' })]).toEqual([undefined, 2])
  await post(proxy.port)
  expect(await third).toEqual({ kind: 'fault', request: 3, fault: 'answer' })
  // Long ago by now, and still told.
  expect((await proxy.happened({ kind: 'request' }, 2)).request).toBe(2)
})

describe('over plain TCP', () => {
  /** A server that answers each piece with its length, behind a proxy. */
  async function proxiedTcp() {
    let got = ''
    const sockets = new Set<Socket>()
    const server = createTcpServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      socket.on('data', (chunk) => {
        got += chunk
        socket.write(`got ${chunk.length}\n`)
      })
    })
    const port = await listenAnywhere(server)
    const proxy = await startFaultProxy(`tcp://127.0.0.1:${port}`)
    onTestFinished(async () => {
      await proxy.close()
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return { proxy, got: () => got }
  }

  /** Says a word and gives what came back, and how it ended. */
  async function say(proxy: FaultProxy, word: string): Promise<{ text: string; ended: string }> {
    const socket = connect(proxy.port, '127.0.0.1')
    let text = ''
    socket.write(word)
    const ended = await new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      socket.on('end', () => resolve('end'))
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        if (text.endsWith('\n')) resolve('answered')
      })
    })
    socket.destroy()
    return { text, ended }
  }

  it.each<readonly [Fault, { text: string; ended: string }, string]>([
    [{ kind: 'pass' }, { text: 'got 5\n', ended: 'answered' }, 'hello'],
    [{ kind: 'slow', bytes: 1, everyMs: 1 }, { text: 'got 5\n', ended: 'answered' }, 'hello'],
    [{ kind: 'reset', afterBytes: 0 }, { text: '', ended: 'ECONNRESET' }, ''],
    [{ kind: 'lose-answer' }, { text: '', ended: 'ECONNRESET' }, 'hello'],
    [
      { kind: 'cut-answer', afterBytes: 3 },
      { text: 'got', ended: expect.stringMatching(/^(end|ECONNRESET)$/) },
      'hello',
    ],
    [{ kind: 'close' }, { text: '', ended: 'end' }, ''],
    [{ kind: 'garbage' }, { text: expect.stringContaining('nothing of this'), ended: 'end' }, ''],
    [{ kind: 'refuse', forMs: 1 }, { text: '', ended: 'ECONNRESET' }, ''],
  ])('does $kind to a connection', async (fault, back, arrived) => {
    const { proxy, got } = await proxiedTcp()
    proxy.next(fault)
    expect(await say(proxy, 'hello')).toEqual(back)
    expect(got()).toBe(arrived)
    if (fault.kind === 'refuse') await proxy.happened({ kind: 'accepting' })
    expect(await say(proxy, 'again')).toEqual({ text: 'got 5\n', ended: 'answered' })
  })

  it('passes a part on before a reset', async () => {
    const { proxy, got } = await proxiedTcp()
    proxy.next({ kind: 'reset', afterBytes: 3 })
    expect(await say(proxy, 'hello')).toMatchObject({ ended: 'ECONNRESET' })
    await expect.poll(got).toBe('hel')
  })

  it.each<Fault>([{ kind: 'hang' }, { kind: 'half-open' }])('lets a client wait: $kind', async (fault) => {
    const { proxy, got } = await proxiedTcp()
    proxy.next(fault)
    const socket = connect(proxy.port, '127.0.0.1')
    socket.write('hello')
    await proxy.happened({ kind: 'fault', fault: fault.kind })
    expect(await say(proxy, 'again')).toMatchObject({ ended: 'answered' })
    expect([got(), socket.closed, proxy.connections > 0]).toEqual(['again', false, true])
    socket.destroy()
  })
})

/** Resolves when the socket is closed, however that came. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.on('close', resolve))
}

function withoutDate({ headers = [], ...rest }: Got): Got {
  const kept = headers.filter((_, i) => headers[i - (i % 2)] !== 'Date')
  return { ...rest, headers: kept }
}
