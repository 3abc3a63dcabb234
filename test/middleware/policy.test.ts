import { Agent, createServer, get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown, stats } from '../../src/logger/default.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import { requestLogger } from '../../src/middleware/http.ts'
import { type Ctx, FRAMEWORKS, type FrameworkOptions, type Route } from './frameworks.ts'
import { recorder } from './recorder.ts'

const NAMES = ['/ok', '/missing', '/fails', '/throws', '/rejects', '/slow', '/logs', '/nested/items/:id']

describe.each(FRAMEWORKS)('%s', (name, start) => {
  async function app(rules: LoggerOptions, options: FrameworkOptions = {}) {
    const records = recorder()
    const logger = createLogger({ env: {}, level: 'info', transports: [records.transport], ...rules })
    let clock = 0
    const act: Record<string, (ctx: Ctx) => unknown> = {
      '/ok': ({ send }) => send(200, 'ok'),
      '/missing': ({ send }) => send(404, 'none'),
      '/fails': ({ send }) => send(503, 'failed'),
      '/throws': () => {
        throw new Error('thrown')
      },
      '/rejects': async () => {
        await pause(1)
        throw new Error('rejected')
      },
      '/slow': ({ send }) => {
        clock += 5000
        send(200, 'slow')
      },
      '/logs': ({ send, log }) => {
        log.error('seen')
        log.debug('afterwards')
        send(200, 'logged')
      },
      '/nested/items/:id': ({ send }) => send(200, 'item'),
    }
    const routes = NAMES.map(
      (path): Route => ({
        path,
        async handle(ctx) {
          ctx.log.debug('detail', { n: 1 })
          await pause(1)
          logger.info('loaded', { n: 2 })
          return act[path]?.(ctx)
        },
      }),
    )
    const { url, port, close } = await start({ logger, now: () => clock, ...options }, routes)
    // Fastify tells that it listens.
    records.clear()
    onTestFinished(async () => {
      await close()
      await shutdown(logger)
    })
    const get = async (path: string, headers: Record<string, string> = {}) => {
      await (await fetch(url + path, { headers })).text()
    }
    const ended = (many: number) =>
      vi.waitFor(() => {
        const { letGo = 0, held = 0 } = stats(logger).buffer ?? {}
        expect([letGo, held]).toEqual([many, 0])
      })
    return { records, logger, get, ended, port }
  }
  const said = (records: ReturnType<typeof recorder>) => records.records.map(({ msg }) => msg)

  test('the records of a request that goes well are let go, its own too', async () => {
    const { records, get, ended } = await app({ buffer: 'debug' })
    await get('/ok')
    await get('/nested/items/7')
    await ended(6)
    expect(records.records).toEqual([])
  })

  test('a warning of its own stands alone', async () => {
    const { records, get, ended } = await app({ buffer: 'debug' })
    await get('/missing')
    await records.completed('/missing')
    await ended(2)
    expect(said(records)).toEqual(['request completed'])
  })

  test.each(['/fails', '/throws', '/rejects', '/slow'])('those of %s are written, in order', async (path) => {
    const { records, get } = await app({ buffer: 'debug' })
    await get('/ok')
    await get(path)
    const { request_id } = await records.completed(path)
    expect(records.records).toMatchObject([
      { level: 'debug', msg: 'detail', n: 1, request_id },
      { level: 'info', msg: 'loaded', n: 2, request_id },
      { msg: 'request completed', request_id },
    ])
  })

  test('an error that it logs brings them all', async () => {
    const { records, get } = await app({ buffer: 'debug' })
    await get('/logs')
    await records.completed('/logs')
    expect(said(records)).toEqual(['detail', 'loaded', 'seen', 'afterwards', 'request completed'])
  })

  test('one that nobody wants a record of is decided on too', async () => {
    const { records, get, ended } = await app({ buffer: 'debug' }, { ignore: () => true })
    await get('/ok')
    await ended(2)
    await get('/fails')
    await records.find(({ msg }) => msg === 'loaded')
    expect(said(records)).toEqual(['detail', 'loaded'])
  })

  test('a client that leaves is no failure', async () => {
    const { records, port, ended } = await app({ buffer: 'debug' })
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /ok HTTP/1.1\r\nhost: x\r\n\r\n')
      setImmediate(() => socket.destroy())
    })
    const { outcome } = await Promise.race([
      records.find(({ outcome }) => outcome === 'aborted'),
      ended(3).then(() => ({ outcome: 'completed' })),
    ])
    if (outcome === 'aborted') expect(said(records)).not.toContain('detail')
  })

  test.each<[string, FrameworkOptions, Record<string, string>, number]>([
    ['a peer whom the service trusts', { trust: ['loopback'] }, { 'X-Log-Debug': '1' }, 3],
    ['a peer of whom nothing was said', {}, { 'X-Log-Debug': '1' }, 0],
    ['a peer whom it does not trust', { trust: ['10.0.0.0/8'] }, { 'X-Log-Debug': '1' }, 0],
    ['a peer who says no', { trust: ['loopback'] }, { 'X-Log-Debug': '0' }, 0],
    ['a header of its own', { trust: ['loopback'], debugHeader: 'X-Why' }, { 'x-why': 'yes' }, 3],
    ['no header', { trust: ['loopback'], debugHeader: false }, { 'X-Log-Debug': '1' }, 0],
  ])('asked for by %s', async (_name, options, headers, count) => {
    const { records, get, ended } = await app({ buffer: 'debug' }, options)
    await get('/ok', headers)
    if (count === 0) await ended(3)
    else await records.completed('/ok')
    expect(records.records).toHaveLength(count)
  })

  test('sampled by its route, where there are any', async () => {
    const rules = { sample: { '/nested/items/:id': 0, '/ok': 0.999999999 }, level: 'debug' } as const
    const { records, get } = await app(rules)
    await get('/nested/items/7')
    await get('/ok')
    await records.completed('/ok')
    const of = (path: string) => records.records.filter((record) => record.path === path)
    expect(of('/ok')).toMatchObject([{ ...(name === 'http' ? {} : { sample_rate: 0.999999999 }) }])
    // node:http knows of no routes.
    expect(records.records).toHaveLength(name === 'http' ? 6 : 3)
  })
})

test('of thousands of requests those that fail are written, whole, in a fiftieth of the bytes', async () => {
  const FAILED = 100
  const counted = (options: LoggerOptions) => {
    let bytes = 0
    const failed = new Map<unknown, string[]>()
    const write = (line: string): void => {
      bytes += Buffer.byteLength(line)
      const { request_id, msg } = JSON.parse(line) as Record<string, string>
      failed.set(request_id, [...(failed.get(request_id) ?? []), msg as string])
    }
    const transport = {
      name: 'counted',
      write,
      stats: () => ({ records: 0, bytes, dropped: 0, buffered: 0 }),
    }
    const logger = createLogger({ env: {}, transports: [transport], ...options })
    return { logger, failed, bytes: () => bytes }
  }
  async function serve(options: LoggerOptions, requests: number) {
    const { logger, failed, bytes } = counted(options)
    let done = 0
    let most = 0
    const server = createServer(
      requestLogger({ logger }, async (req, res) => {
        for (let n = 0; n < 5; n++) logger.debug(`before ${n}`, { n })
        await pause(Number(req.url?.length) % 3)
        for (let n = 0; n < 5; n++) logger.debug(`after ${n}`, { n })
        most = Math.max(most, stats(logger).buffer?.bytes ?? 0)
        res.writeHead(req.url?.startsWith('/fail') ? 503 : 200).end('x')
      }),
    )
    await new Promise<void>((begun) => server.listen(0, '127.0.0.1', begun))
    const { port } = server.address() as AddressInfo
    const agent = new Agent({ keepAlive: true, maxSockets: 32 })
    await new Promise<void>((all) => {
      for (let i = 1; i <= requests; i++) {
        const path = i % FAILED === 0 ? `/fail/${i}` : `/ok/${i}`
        get({ port, host: '127.0.0.1', path, agent }, (res) => {
          res.resume().on('close', () => (++done === requests ? all() : undefined))
        })
      }
    })
    agent.destroy()
    await new Promise((closed) => server.close(closed))
    const { held = 0 } = stats(logger).buffer ?? {}
    await shutdown(logger)
    return { failed, bytes: bytes(), held, most }
  }
  const REQUESTS = Number(process.env.SPOOR_FULL ? 20_000 : 3000)
  const whole = await serve({ level: 'debug' }, REQUESTS)
  const tail = await serve({ buffer: 'debug' }, REQUESTS)
  expect(tail.bytes / whole.bytes).toBeLessThan(0.02)
  expect(tail.failed.size).toBe(REQUESTS / FAILED)
  const steps = ['before', 'after'].flatMap((when) => [0, 1, 2, 3, 4].map((n) => `${when} ${n}`))
  for (const said of tail.failed.values()) expect(said).toEqual([...steps, 'request completed'])
  expect(tail.held).toBe(0)
  expect(tail.most).toBeGreaterThan(0)
  // 32 at once, eleven records each of less than 1 KB.
  expect(tail.most).toBeLessThan(32 * 11 * 1024)
})
