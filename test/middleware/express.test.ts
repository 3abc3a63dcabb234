import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express5, { type NextFunction, type Request, type Response } from 'express'
// @ts-expect-error Express 4 is here under an alias, without types
import express4 from 'express4'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { disableOutbound } from '../../src/context/outbound.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { Logger } from '../../src/logger/types.ts'
import { requestLogger } from '../../src/middleware/express.ts'
import { recorder } from './recorder.ts'

describe.each([
  ['4', express4 as typeof express5],
  ['5', express5],
])('express %s', (_version, express) => {
  let log: ReturnType<typeof recorder>
  let logger: Logger
  let app: express5.Express
  const closing: (() => void)[] = []

  beforeEach(() => {
    log = recorder()
    logger = createLogger({ transports: [log.transport], identity: false, env: {} })
    app = express()
    app.set('env', 'test')
    app.use(requestLogger({ logger }))
  })
  afterEach(() => {
    for (const close of closing.splice(0)) close()
    disableOutbound()
  })

  async function serve(): Promise<string> {
    const server = createServer(app)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    closing.push(() => {
      server.close()
      server.closeAllConnections()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const answering = (status: number) => {
    return function mine(err: Error, _req: Request, res: Response, _next: NextFunction) {
      res.status(status).send(err.message)
    }
  }
  const fail = (_req: Request, _res: Response, next: NextFunction) => next(new Error('told'))

  test("an error that the app's own handler answers is on the record", async () => {
    app.get('/a', fail)
    app.use(answering(422))
    const url = await serve()
    expect(await (await fetch(`${url}/a`)).text()).toBe('told')
    expect(await log.completed('/a')).toMatchObject({
      status: 422,
      level: 'warn',
      outcome: 'errored',
      route: '/a',
      err: { message: 'told' },
    })
  })

  test('so is one that a handler of a router or of a route answers', async () => {
    const router = express.Router()
    router.get('/b', fail)
    router.get('/c', fail, answering(503) as never)
    router.use(answering(500))
    app.use('/in', router)
    const url = await serve()
    await (await fetch(`${url}/in/b`)).text()
    expect(await log.completed('/in/b')).toMatchObject({
      status: 500,
      err: { message: 'told' },
      route: '/in/b',
    })
    await (await fetch(`${url}/in/c`)).text()
    expect(await log.completed('/in/c')).toMatchObject({
      status: 503,
      err: { message: 'told' },
      route: '/in/c',
    })
  })

  test('so is one whose handler came after the first request', async () => {
    app.get('/a', fail)
    const url = await serve()
    expect((await fetch(`${url}/a`)).status).toBe(500)
    expect(await log.completed('/a')).toMatchObject({ status: 500, err: { message: 'told' } })
    app.get('/late', fail)
    app.use(answering(418))
    expect((await fetch(`${url}/late`)).status).toBe(418)
    expect(await log.completed('/late')).toMatchObject({ status: 418, err: { message: 'told' } })
  })

  test('res.err tells of an error that never reached Express', async () => {
    app.get('/a', (_req, res) => {
      ;(res as { err?: Error }).err = new Error('set')
      res.status(500).end()
    })
    await fetch(`${await serve()}/a`)
    expect(await log.completed('/a')).toMatchObject({ outcome: 'errored', err: { message: 'set' } })
  })

  test('an error handler keeps its name, and its answer', async () => {
    app.get('/a', fail)
    app.use(answering(422))
    await (await fetch(`${await serve()}/a`)).text()
    type Internal = { _router?: { stack: Layer[] }; router: { stack: Layer[] } }
    type Layer = { handle: { name: string; length: number } }
    const { stack } = (app as unknown as Internal)._router ?? (app as unknown as Internal).router
    expect(stack.map(({ handle }) => handle)).toContainEqual(
      expect.objectContaining({ name: 'mine', length: 4 }),
    )
  })

  test('mounted twice it writes one record', async () => {
    app.use(requestLogger({ logger }))
    app.get('/a', (_req, res) => void res.send('a'))
    const url = await serve()
    await (await fetch(`${url}/a`)).text()
    await (await fetch(`${url}/missing`)).text()
    await log.completed('/missing')
    expect(log.records).toHaveLength(2)
  })

  test('behind trust proxy the address is the one that Express believes', async () => {
    app.set('trust proxy', 'loopback')
    app.get('/a', (_req, res) => void res.send('a'))
    await (
      await fetch(`${await serve()}/a`, { headers: { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' } })
    ).text()
    expect((await log.completed('/a')).remote_address).toBe('198.51.100.7')
  })
})

test('a wrong option says what is right', () => {
  expect(() => requestLogger({ slow: 5 } as never)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_SPOOR_OPTION',
      message: expect.stringContaining('slowMs'),
    }),
  )
  const wrong = {
    level: { 40: 'warn' },
    logger: console,
    trust: ['nobody'],
    responseHeader: 'a b',
    outbound: ['*'],
  }
  for (const [option, value] of Object.entries(wrong)) {
    expect(() => requestLogger({ [option]: value }), option).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.stringContaining(option) }),
    )
  }
})
