import { readdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import { httpTransport } from '../../src/transports/http.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
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
})
