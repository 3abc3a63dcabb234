import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, trace } from '@opentelemetry/api'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { disableOutbound } from '../../src/context/outbound.ts'
import { createLogger } from '../../src/logger/create.ts'
import { requestLogger } from '../../src/middleware/http.ts'
import { parseStrict } from '../support/strict-json.ts'
import { type Line, recorder } from './recorder.ts'

afterEach(() => disableOutbound())

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  onTestFinished(() => void server.close())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function made() {
  const log = recorder()
  return { log, logger: createLogger({ transports: [log.transport], identity: false, env: {} }) }
}

test('the handler may be all that is given, and must be a function', () => {
  expect(typeof requestLogger(() => {})).toBe('function')
  expect(() => requestLogger({}, undefined as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_SPOOR_OPTION',
      message: expect.stringContaining('a function (req, res)'),
    }),
  )
})

test("OpenTelemetry's server span is the trace of the request, also of its record", async () => {
  const { log, logger } = made()
  const provider = new NodeTracerProvider()
  provider.register()
  onTestFinished(() => {
    trace.disable()
    context.disable()
  })
  const inner = requestLogger({ logger }, (_req, res) => void res.end('ok'))
  let traceId = ''
  const url = await serve((req, res) =>
    trace.getTracer('test').startActiveSpan('server', (span) => {
      traceId = span.spanContext().traceId
      inner(req, res)
      span.end()
    }),
  )
  await (await fetch(`${url}/a`)).text()
  expect((await log.completed('/a')).trace_id).toBe(traceId)
})

describe('what the handler throws ends the process as it would have', () => {
  test.each([
    ['throws', "() => { throw new Error('no table') }"],
    ['rejects', "async () => { await null; throw new Error('no table') }"],
  ])('%s', async (_how, handler) => {
    const script = `
      import { createServer } from 'node:http'
      import { requestLogger } from 'spoor/http'
      const server = createServer(requestLogger(${handler}))
      server.listen(0, '127.0.0.1', () => fetch('http://127.0.0.1:' + server.address().port + '/a').catch(() => {}))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: `${import.meta.dirname}/../..`,
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    const code = await new Promise((done) => child.on('close', done))
    expect(code).toBe(1)
    expect(err).toContain('Error: no table')
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => parseStrict<Line>(line)),
    ).toMatchObject([
      {
        msg: 'request completed',
        level: 'error',
        outcome: 'errored',
        path: '/a',
        err: { message: 'no table' },
      },
    ])
  })
})

test('captureRejections still gets what an asynchronous handler rejects with', async () => {
  const { log, logger } = made()
  const listener = requestLogger({ logger }, async () => {
    throw new Error('no table')
  })
  // Node asks this when an emitter is made.
  EventEmitter.captureRejections = true
  const server = createServer(listener)
  EventEmitter.captureRejections = false
  onTestFinished(() => void server.close())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`)
  expect(response.status).toBe(500)
  expect(await log.completed('/a')).toMatchObject({ outcome: 'errored', err: { message: 'no table' } })
})
