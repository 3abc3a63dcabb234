import { AsyncLocalStorage } from 'node:async_hooks'
import { Agent, createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as after, setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableOutbound } from '../../src/context/outbound.ts'
import { withContext } from '../../src/context/scope.ts'
import { configure, logger } from '../../src/logger/default.ts'
import { type App, type Ctx, FRAMEWORKS } from './frameworks.ts'
import { type Line, recorder } from './recorder.ts'

const REQUESTS = 1000

type Step = 'await' | 'timer' | 'turn' | 'tick' | 'stream' | 'nested' | 'parallel'
const STEPS: Step[] = ['await', 'timer', 'turn', 'tick', 'stream', 'nested', 'parallel']

/** Goes through one kind of asynchrony and says `id` on both sides of it. */
async function take(step: Step, say: (where: string) => void): Promise<void> {
  say(`before ${step}`)
  if (step === 'await') await null
  if (step === 'timer') await after(Math.random() * 4)
  if (step === 'turn') await turn()
  if (step === 'tick') await new Promise<void>((done) => process.nextTick(done))
  if (step === 'stream') for await (const _chunk of Readable.from(['a', 'b'])) say('in a stream')
  if (step === 'nested') {
    await withContext({ step }, async () => {
      await turn()
      say('nested')
    })
  }
  if (step === 'parallel')
    await Promise.all([after(1).then(() => say('parallel')), turn().then(() => say('parallel'))])
  say(`after ${step}`)
}

/** Records that do not carry the id of the request that they say they were made in. */
function wrong(records: readonly Line[]): Line[] {
  return records.filter(
    (line) => line.request_id !== (line.expected ?? line.request_id) || line.request_id === undefined,
  )
}

function idOf(req: IncomingMessage): string {
  return req.headers['x-request-id'] as string
}

/** Sends all the requests at once over connections that are used again. */
async function storm(url: string, plans: readonly Step[][]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  await Promise.all(
    plans.map(
      (plan, at) =>
        new Promise<void>((done, fail) => {
          const headers = { 'x-request-id': `id-${at}` }
          get(`${url}/work?plan=${plan.join('.')}`, { agent, headers }, (response) => {
            if (response.headers['x-request-id'] !== `id-${at}`)
              fail(new Error(`id-${at} got another's answer`))
            response.resume().on('end', done)
          }).on('error', fail)
        }),
    ),
  )
  agent.destroy()
}

const [plans] = fc.sample(
  fc.array(fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 6 }), {
    minLength: REQUESTS,
    maxLength: REQUESTS,
  }),
  process.env.SPOOR_SEED === undefined ? 1 : { numRuns: 1, seed: Number(process.env.SPOOR_SEED) },
) as [Step[][]]

describe.each(FRAMEWORKS)('%s', (_name, start) => {
  const log = recorder()
  let app: App
  beforeAll(async () => {
    await configure({ transports: [log.transport], identity: false, env: {} })
    app = await start({}, [
      {
        path: '/work',
        async handle({ req, log, query, send }: Ctx) {
          const expected = idOf(req)
          const say = (where: string) => {
            log.info(where, { expected, by: 'req.log' })
            logger.info(where, { expected, by: 'import' })
          }
          for (const step of (query.get('plan') ?? '').split('.')) await take(step as Step, say)
          send(200, 'done')
        },
      },
    ])
    log.clear()
  })
  afterAll(async () => {
    await app.close()
    disableOutbound()
  })

  test(`${REQUESTS} concurrent requests: no record has another's id`, async () => {
    await storm(app.url, plans)
    const last = (line: Line) => line.msg === 'request completed'
    await log.find(() => log.records.filter(last).length === REQUESTS)
    expect(wrong(log.records)).toEqual([])
    expect(new Set(log.records.filter(last).map((line) => line.request_id)).size).toBe(REQUESTS)
    for (const by of ['req.log', 'import']) {
      const mine = log.records.filter((line) => line.by === by)
      expect(mine.length).toBeGreaterThanOrEqual(2 * plans.flat().length)
      expect(new Set(mine.map((line) => line.request_id)).size).toBe(REQUESTS)
    }
  })
})

describe('the check can fail', () => {
  /** A logger as people write it without a scope; `current` is what it believes the request to be. */
  async function naive(enter: (id: string, fn: () => Promise<void>) => Promise<void>, current: () => string) {
    const records: Line[] = []
    const server = createServer((req, res) => {
      const expected = idOf(req)
      void enter(expected, async () => {
        const say = (msg: string) =>
          void records.push({ level: 'info', msg, expected, request_id: current() })
        const plan = new URL(req.url ?? '', 'http://x').searchParams.get('plan') ?? ''
        for (const step of plan.split('.')) await take(step as Step, say)
        res.setHeader('x-request-id', expected).end()
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    await storm(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, plans)
    server.close()
    return wrong(records)
  }

  test('a variable of the module mixes the requests up, and an AsyncLocalStorage does not', async () => {
    let id = ''
    const byVariable = await naive(
      (given, fn) => {
        id = given
        return fn()
      },
      () => id,
    )
    expect(byVariable.length).toBeGreaterThan(REQUESTS)
    const storage = new AsyncLocalStorage<string>()
    const byStorage = await naive(
      (given, fn) => storage.run(given, fn),
      () => storage.getStore() ?? '',
    )
    expect(byStorage).toEqual([])
  })
})
