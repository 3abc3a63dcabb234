import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noLogCounts } from '../../src/cli/ship/log-counts.ts'
import { metricsText } from '../../src/cli/ship/metrics.ts'
import type { Status } from '../../src/cli/ship/run.ts'
import { createVitals } from '../../src/cli/ship/vitals.ts'
import { noCounts, type ShipperStats } from '../../src/shipping/stats.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'
import { parseExposition } from './exposition.ts'
import { bundleCommand, lines, type Sink, start, startSink } from './support.ts'

let spoor: ReturnType<typeof bundleCommand>
beforeAll(() => {
  spoor = bundleCommand()
})
afterAll(() => spoor.remove())

const STATS: ShipperStats = {
  ...noCounts(),
  state: 'healthy',
  expiredByLevel: {},
  dropped: 0,
  inFlight: 0,
  limit: 1,
  queueBytes: 0,
  heldBytes: 0,
  oldestMs: undefined,
  roundTripMs: undefined,
  lastError: undefined,
}
const ABOUT = { version: '1.0.0', format: 'loki', startedMs: 1500 }

describe('/metrics', () => {
  it('is well-formed whatever logs are called', () => {
    const path = '/l\\o"g\ns/äpp{a="b"}, .log'
    const logs = [path, '/other.log'].map((name) => ({ path: name, counts: noLogCounts(), backlog: 7 }))
    const families = parseExposition(metricsText({ stats: STATS, logs }, ABOUT))
    expect(families.get('spoor_ship_log_backlog_bytes')?.samples).toEqual([
      { labels: { log: path }, value: 7 },
      { labels: { log: '/other.log' }, value: 7 },
    ])
    expect(families.get('spoor_ship_start_time_seconds')?.samples).toEqual([{ labels: {}, value: 1.5 }])
  })

  it('drives no terminal, whatever logs are called', () => {
    const logs = unsafeCharacters
      .filter((character) => character !== '\n')
      .map((character) => ({ path: `/a${character}b.log`, counts: noLogCounts(), backlog: 7 }))
    const text = metricsText({ stats: STATS, logs }, ABOUT)
    expect(text.replaceAll('\n', '')).not.toMatch(UNSAFE)
    expect(parseExposition(text).get('spoor_ship_log_backlog_bytes')?.samples).toHaveLength(logs.length)
  })

  it('says each count and state, and leaves out what is not known', () => {
    const stats: ShipperStats = {
      ...STATS,
      state: 'held',
      delivered: 12,
      lost: 3,
      oldestMs: 2500,
      roundTripMs: 40,
    }
    const families = parseExposition(metricsText({ stats, logs: [] }, ABOUT))
    const value = (name: string): number | undefined => families.get(`spoor_ship_${name}`)?.samples[0]?.value
    expect(value('delivered_records_total')).toBe(12)
    expect(value('lost_records_total')).toBe(3)
    expect(value('oldest_record_age_seconds')).toBe(2.5)
    expect(value('round_trip_seconds')).toBe(0.04)
    expect(families.get('spoor_ship_state')?.samples.map(({ value: one }) => one)).toEqual([0, 0, 1])
    expect(families.has('spoor_ship_log_lines_total')).toBe(false)
    const before = parseExposition(metricsText({ stats: undefined, logs: [] }, ABOUT))
    expect([...before.keys()]).toEqual(['spoor_ship_info', 'spoor_ship_start_time_seconds'])
  })
})

describe('/health', () => {
  it('is 503 after a minute of nothing taken, and 200 again at once', () => {
    let stats: ShipperStats | undefined
    let now = 0
    const vitals = createVitals(
      (): Status => ({ stats, logs: [] }),
      60_000,
      () => now,
    )
    expect(vitals.look()).toEqual({ status: 'starting', ok: true })
    stats = STATS
    expect(vitals.look()).toEqual({ status: 'starting', ok: true })
    stats = { ...STATS, requests: 1 }
    expect(vitals.look()).toEqual({ status: 'healthy', ok: true })
    stats = { ...stats, state: 'failing', lastError: 'answered 503' }
    expect(vitals.look()).toMatchObject({ status: 'failing', ok: true })
    now = 59_999
    expect(vitals.look().ok).toBe(true)
    stats = { ...stats, state: 'held' }
    now = 60_000
    expect(vitals.look()).toEqual({
      status: 'held',
      ok: false,
      reason: 'no records were taken for 60 s: answered 503',
    })
    stats = { ...stats, state: 'healthy' }
    expect(vitals.look().ok).toBe(true)
    stats = { ...stats, state: 'failing' }
    now = 120_000
    expect(vitals.look().ok).toBe(true)
  })
})

describe('spoor ship --listen', () => {
  async function listening(sink: Sink, args: readonly string[] = [], address = '0') {
    const log = join(temporaryDirectory(), 'app.log')
    writeFileSync(log, `${lines(0, 10)}text\n`)
    const command = start(spoor.path, [
      'ship',
      log,
      '--to',
      sink.to,
      '--batch-age',
      '1ms',
      '--listen',
      address,
      ...args,
    ])
    const [, url = ''] = await command.says(/answers (http:\S+)\/health/)
    return { log, command, url }
  }

  it.each([
    ['0', '127.0.0.1'],
    [':0', '127.0.0.1'],
    ['0.0.0.0:0', '0.0.0.0'],
  ])('%s answers on %s', async (address, host) => {
    const { url } = await listening(await startSink(), [], address)
    expect(new URL(url).hostname).toBe(host)
  })

  it('tells what was shipped', async () => {
    const sink = await startSink()
    const { log, url } = await listening(sink, ['--pattern', '^(?<msg>\\d+)$'])
    await sink.until(() => sink.records.length === 11)
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = parseExposition(await answer.text())
    const of = (name: string) => families.get(`spoor_ship_${name}`)?.samples
    expect(of('info')).toEqual([{ labels: { version: expect.any(String), format: 'ndjson' }, value: 1 }])
    expect(of('records_total')).toEqual([{ labels: {}, value: 11 }])
    expect(of('log_lines_total')).toEqual([{ labels: { log }, value: 11 }])
    expect(of('log_unmatched_lines_total')).toEqual([{ labels: { log }, value: 1 }])
    const health = await fetch(`${url}/health`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'healthy' }])
  })

  it('tells why nothing is, with 503', async () => {
    const sink = await startSink()
    sink.answer = () => ({ status: 503, body: 'overloaded' })
    const { url, command } = await listening(sink, ['--unhealthy-after', '0'])
    await command.says(/has not taken records/)
    const health = await fetch(`${url}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toEqual({ status: 'failing', reason: expect.stringContaining('overloaded') })
  })

  it.each([
    ['POST', '/health', 405],
    ['GET', '/', 404],
    ['GET', '/health?x=1', 200],
    ['HEAD', '/metrics', 200],
  ])('%s %s gets %i', async (method, path, status) => {
    const { url } = await listening(await startSink())
    expect((await fetch(url + path, { method })).status).toBe(status)
  })

  it('ends though somebody keeps a connection open', async () => {
    const { url, command } = await listening(await startSink())
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
    const answered = text(socket)
    await new Promise((resolve) => socket.once('data', resolve))
    command.child.kill('SIGTERM')
    expect(await command.ended).toBe(0)
    expect(await answered).toContain('200 OK')
  })

  it('says so at the start where the port is taken', async () => {
    const sink = await startSink()
    const { url } = await listening(sink)
    const { port } = new URL(url)
    const second = start(spoor.path, ['ship', '/tmp', '--to', sink.to, '--listen', port])
    expect(await second.ended).toBe(2)
    expect(second.stderr).toMatch(/can't listen on 127\.0\.0\.1:\d+: .+ Name another address with --listen/)
  })
})
