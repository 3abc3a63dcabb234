import { readdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import { destinationOf } from '../../src/shipping/formats.ts'
import type { DestinationOrders } from '../../src/shipping/orders.ts'
import { type HttpTransportOptions, httpTransport } from '../../src/transports/http.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { run } from '../faults/child.ts'
import { bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Sink {
  url: string
  records: Record<string, unknown>[]
  answer: number
  server: Server
}

/** Takes JSON lines; answers with the status that it is told. */
async function sink(): Promise<Sink> {
  const state: Sink = { url: '', records: [], answer: 204, server: undefined as never }
  state.server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks)
      const text = (req.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
      if (state.answer < 300)
        for (const line of text.split('\n')) if (line !== '') state.records.push(JSON.parse(line))
      res.writeHead(state.answer).end()
    })
  })
  await new Promise<void>((resolve) => state.server.listen(0, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(state.server.address() as AddressInfo).port}/`
  onTestFinished(() => {
    state.server.closeAllConnections()
    state.server.close()
  })
  return state
}

const batch = { ageMs: 20 }

describe('the HTTP transport', () => {
  it('delivers what was logged, and leaves nothing in the spool', async () => {
    const to = await sink()
    const spoolDir = temporaryDirectory()
    const http = httpTransport({ url: to.url, spoolDir, batch, thread: false })
    const log = createLogger({ transports: [http], lifecycle: false })
    for (let i = 0; i < 100; i++) log.info('order placed', { n: i })
    expect(await http.delivered(10_000)).toBe(true)
    expect(to.records.map(({ n }) => n)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(to.records[0]).toMatchObject({ level: 'info', msg: 'order placed' })
    await shutdown(log)
    expect(http.stats()).toMatchObject({ records: 100, dropped: 0, buffered: 0, state: 'healthy' })
    expect(readdirSync(join(spoolDir, 'http'))).toEqual([])
  })

  it('keeps all of it while the back end refuses, tells the other transports, and delivers it to the next start', async () => {
    const to = await sink()
    to.answer = 503
    const spoolDir = temporaryDirectory()
    const memory = memoryTransport()
    const http = httpTransport({ url: to.url, spoolDir, batch, thread: false })
    const log = createLogger({ transports: [http, memory], lifecycle: false })
    log.info('first')
    expect(await http.delivered(200)).toBe(false)
    expect(http.stats().state).toBe('failing')
    await shutdown(log)
    const told = memory.records().find(({ component }) => component === 'spoor')
    expect(told).toMatchObject({ level: 'warn', transport: 'http', code: 'failing' })
    to.answer = 200
    const again = httpTransport({ url: to.url, spoolDir, batch, thread: false })
    const next = createLogger({ transports: [again], lifecycle: false })
    next.info('second')
    expect(await again.delivered(10_000)).toBe(true)
    expect(to.records.map(({ msg }) => msg)).toEqual(['first', 'second'])
    await shutdown(next)
  })

  const END = `
    const { httpTransport } = await import('./spoor.mjs')
    const http = httpTransport(JSON.parse(process.argv[2]))
    http.attach({ report: ({ message }) => console.error(message) })
    http.write('{"msg":"the last words"}\\n', 30)`

  it.each([
    [2000, 1],
    [0, 0],
  ])("waits %s ms at the program's own end, if asked to", async (exitWaitMs, arrived) => {
    const to = await sink()
    const bundle = bundleOf(['transports/http.ts'])
    onTestFinished(() => bundle.remove())
    // Nothing but the wait delivers: how fast the thread is is not what is asked.
    const options = { url: to.url, spoolDir: temporaryDirectory(), batch: { ageMs: 60_000 }, exitWaitMs }
    const { code, stderr } = await run(bundle.script('end.mjs', END), [JSON.stringify(options)])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(to.records).toHaveLength(arrived)
  })

  it('leaves out a record that is larger than the spool gives back, counted and told by a record in its place', async () => {
    const to = await sink()
    const http = httpTransport({ url: to.url, spoolDir: temporaryDirectory(), batch, thread: false })
    const limits = { string: 10_000_000, record: 10_000_000 }
    const log = createLogger({ transports: [http], lifecycle: false, limits })
    log.info('order placed', { n: 1 })
    log.error('too large', { n: 2, pad: 'x'.repeat(9_000_000) })
    log.info('order placed', { n: 3 })
    expect(await http.delivered(10_000)).toBe(true)
    expect(to.records).toMatchObject([
      { n: 1 },
      { msg: 'log records were lost', level: 'warn', dropped: 1, dropped_by_level: { error: 1 } },
      { n: 3 },
    ])
    expect(http.stats()).toMatchObject({ records: 4, dropped: 1 })
    await shutdown(log)
  })

  it('says what keeps it from even beginning, in its stats and in the other transports', async () => {
    const memory = memoryTransport()
    const http = httpTransport({
      url: 'https://127.0.0.1:1/',
      module: join(temporaryDirectory(), 'nope.mjs'),
      spoolDir: temporaryDirectory(),
      thread: false,
    })
    const log = createLogger({ transports: [http, memory], lifecycle: false })
    log.info('kept')
    await vi.waitFor(() => expect(http.stats().state).toBe('held'))
    expect(http.stats().lastError).toContain('nope.mjs')
    const told = memory.records().find(({ component }) => component === 'spoor')
    expect(told).toMatchObject({ level: 'warn', transport: 'http', code: 'held' })
    await shutdown(log)
  })
})

describe('what can not work is refused at once', () => {
  const url = 'https://logs.example.com/'
  it.each<[string, HttpTransportOptions, RegExp]>([
    ['http to another host', { url: 'http://logs.example.com/' }, /allowInsecure.*LOG_HTTP_INSECURE/],
    ['no address', { format: 'loki' }, /url.*undefined/],
    ['a header that HTTP can not carry', { url, headers: { 'a b': 'x' } }, /headers/],
    ['a token with a line break', { url, token: 'a\nb' }, /token.*\[hidden\]/],
    ['a module by a relative path', { url, module: './mine.js' }, /absolute path/],
  ])('%s', (_name, options, message) => {
    expect(() => httpTransport({ ...options, spoolDir: temporaryDirectory() })).toThrow(message)
  })

  it('an option that the format does not have is told', async () => {
    const problems: string[] = []
    const orders = {
      format: 'loki',
      url,
      options: { metdata: false },
      allowInsecure: false,
      timeoutMs: 1,
      environment: {},
    }
    await destinationOf(orders as DestinationOrders).catch((error: Error) => problems.push(error.message))
    expect(problems).toEqual([expect.stringContaining('metadata')])
  })

  it('splunk with acknowledgement goes to no other host over http, and leaves no connection open', async () => {
    const to = await sink()
    const orders = { format: 'splunk', options: { acknowledged: true }, token: 't-hec', allowInsecure: false }
    const make = (url: string) =>
      destinationOf({ ...orders, url, timeoutMs: 1000, environment: {} } as DestinationOrders)
    await expect(make('http://splunk.example/')).rejects.toThrow(/expected an https/)
    const closed = new Promise((resolve) =>
      to.server.once('connection', (socket) => socket.once('close', resolve)),
    )
    const made = await make(to.url)
    const record = { line: '{}', bytes: 2, record: {}, timeMs: 0, nth: 0, id: 'a' }
    to.answer = 503
    await made.send([record], new AbortController().signal)
    await made.close?.()
    await closed
  })
})
