import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { levelName } from '../../src/cli/ship/known-names.ts'
import { foreignLines, withTime } from '../../src/cli/ship/lines.ts'
import { createTimeline } from '../../src/cli/ship/timeline.ts'
import { parseTime } from '../../src/cli/ship/times.ts'
import { createLogger } from '../../src/logger/create.ts'
import { memoryTransport } from '../../src/transports/memory.ts'

const TIME = '2026-11-21T14:00:00.123Z'
const MS = Date.parse(TIME)
const NOW = Date.parse('2026-11-22T00:00:00Z')
const parse = foreignLines({ now: () => NOW })

describe('JSON lines of other loggers', () => {
  // Each as that logger writes it by default.
  const LOGGERS: Readonly<Record<string, [string, Record<string, unknown>]>> = {
    pino: [
      `{"level":40,"time":${MS},"pid":7,"hostname":"h","msg":"m","req_id":"r"}`,
      { level: 'warn', msg: 'm', pid: 7, host: 'h', request_id: 'r' },
    ],
    'ECS with dots': [
      `{"@timestamp":"${TIME}","log.level":"error","message":"m","service.name":"s","trace.id":"t","error":{"type":"E","message":"x","stack_trace":"at"}}`,
      {
        level: 'error',
        msg: 'm',
        service: 's',
        trace_id: 't',
        err: { type: 'E', message: 'x', stack: 'at' },
      },
    ],
    'ECS, nested': [
      `{"@timestamp":"${TIME}","log":{"level":"ERROR","logger":"db"},"message":"m","service":{"name":"s","version":"1","id":"x"},"host":{"hostname":"h","ip":["::1"]}}`,
      {
        level: 'error',
        msg: 'm',
        component: 'db',
        service: 's',
        version: '1',
        'service.id': 'x',
        host: 'h',
        'host.ip': ['::1'],
      },
    ],
    bunyan: [
      `{"name":"app","hostname":"h","pid":1,"level":60,"msg":"m","time":"${TIME}","v":0}`,
      { level: 'fatal', msg: 'm', host: 'h', name: 'app' },
    ],
    winston: [`{"level":"silly","message":"m","timestamp":"${TIME}"}`, { level: 'trace', msg: 'm' }],
    zap: [
      `{"level":"dpanic","ts":${MS / 1000},"logger":"a.b","msg":"m"}`,
      { level: 'fatal', component: 'a.b' },
    ],
    zerolog: [
      `{"level":"panic","time":"${TIME}","error":"x","message":"m"}`,
      { level: 'fatal', msg: 'm', err: 'x' },
    ],
    slog: [`{"time":"2026-11-21T14:00:00.123456789Z","level":"WARN","msg":"m"}`, { level: 'warn', msg: 'm' }],
    structlog: [`{"event":"m","level":"info","timestamp":"${TIME}"}`, { level: 'info', msg: 'm' }],
    'python-json-logger': [
      `{"asctime":"2026-11-21 14:00:00,123Z","levelname":"CRITICAL","message":"m"}`,
      { level: 'fatal', msg: 'm' },
    ],
    Serilog: [
      `{"@t":"2026-11-21T14:00:00.1230000Z","@m":"m","@mt":"{x}","@l":"Warning"}`,
      { level: 'warn', msg: 'm', '@mt': '{x}' },
    ],
    GELF: [
      `{"version":"1.1","host":"h","short_message":"m","timestamp":${MS / 1000},"level":3}`,
      { level: 'error', msg: 'm', host: 'h' },
    ],
    'Google Cloud': [
      `{"severity":"CRITICAL","message":"m","time":"${TIME}","logging.googleapis.com/trace":"projects/p/traces/0af7"}`,
      { level: 'fatal', msg: 'm', trace_id: '0af7' },
    ],
    Datadog: [
      `{"timestamp":"${TIME}","status":"warn","message":"m","error":{"kind":"E","message":"x","stack":"at"}}`,
      { level: 'warn', msg: 'm', err: { type: 'E', message: 'x', stack: 'at' } },
    ],
    log4j: [
      `{"timeMillis":${MS},"level":"FATAL","logger":"a","message":"m"}`,
      { level: 'fatal', component: 'a' },
    ],
  }

  it.each(Object.entries(LOGGERS))('of %s', (_name, [line, expected]) => {
    const found = parse(line)
    expect(found?.record).toMatchObject(expected)
    expect(found?.timeMs).toBe(MS)
    expect(found?.line).toBe(line)
    expect(found?.plain).toBe(false)
  })

  it.each(['default', 'ecs', 'gcp', 'datadog', 'pino'] as const)('of spoor with LOG_SCHEMA=%s', (schema) => {
    const memory = memoryTransport()
    const log = createLogger({ schema, transports: [memory], lifecycle: false, source: 'off' })
    log.error('payment failed', new Error('no'), { order_id: 42 })
    const found = parse(memory.lines[0] as string)
    expect(found?.record).toMatchObject({ level: 'error', msg: 'payment failed', order_id: 42 })
    expect(found?.record.err).toMatchObject({
      type: 'Error',
      message: 'no',
      stack: expect.stringContaining('at '),
    })
    expect(Math.abs((found?.timeMs ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  it('keeps what is there under its own name, and what nobody knows', () => {
    const line = `{"time":"${TIME}","msg":"own","message":"other","level":"info","severity":"error","x":{"y":1},"__proto__":2}`
    const record = parse(line)?.record ?? {}
    expect(Object.entries(record)).toEqual(Object.entries(JSON.parse(line)))
  })

  it.each([
    ['a duration called time', `{"time":12,"timestamp":"${TIME}"}`, { _time: 12, time: TIME }],
    ['an HTTP status', '{"status":200,"msg":"m"}', { status: 200, level: 'info' }],
    ['an event that is no text', '{"event":{"a":1}}', { event: { a: 1 } }],
    ['a level that nobody knows', '{"level":"Chatty"}', { level: 'chatty' }],
  ])('is not misled by %s', (_name, line, expected) => {
    expect(parse(line)?.record).toMatchObject(expected)
  })
})

describe('levels', () => {
  it.each([
    [35, 'info'],
    [7, 'debug'],
    [0, 'fatal'],
    [9, 'trace'],
    [1000, 'fatal'],
    ['WARNING', 'warn'],
    ['40', 'warn'],
    ['emerg', 'fatal'],
    ['', 'info'],
    [undefined, 'info'],
    [{}, 'info'],
  ])('%s is %s', (given, expected) => {
    expect(levelName(given)).toBe(expected)
  })
})

describe('times', () => {
  const local = new Date(2026, 10, 21, 14, 0, 0).getTime()
  it.each<[unknown, number | undefined]>([
    [MS, MS],
    [String(MS), MS],
    [MS / 1000, MS],
    [MS * 1000, MS],
    [MS * 1e6, MS],
    ['2026-11-21T15:00:00.123+01:00', MS],
    ['2026-11-21 14:00:00', local],
    ['2026-11-21 14:00:00,000', local],
    ['2026/11/21 14:00:00', local],
    ['21/Nov/2026:15:00:00 +0100', MS - 123],
    ['21/Nov/2026:14:00:00', local],
    ['Nov 21 14:00:00', local],
    ['Dec 31 23:59:59', new Date(2025, 11, 31, 23, 59, 59).getTime()],
    [0, undefined],
    [12.5, undefined],
    ['12', undefined],
    ['yesterday', undefined],
    [null, undefined],
    [1e300, undefined],
  ])('%s', (given, expected) => {
    expect(parseTime(given, NOW)).toBe(expected)
  })
})

describe('text', () => {
  it('becomes the message', () => {
    expect(parse('it broke\r')).toMatchObject({
      line: 'it broke',
      record: { level: 'info', msg: 'it broke' },
    })
    expect(parse('x')?.plain).toBe(true)
    expect(parse('{"torn":')?.record.msg).toBe('{"torn":')
    expect(parse('[1]')?.record.msg).toBe('[1]')
  })

  it('is nothing where nothing is in it', () => {
    for (const line of ['', '  ', '\r', '\0\0\0']) expect(parse(line)).toBeUndefined()
    expect(parse('\0\0{"msg":"behind a hole"}')?.record.msg).toBe('behind a hole')
  })

  // Each would take minutes if every NUL were taken for the beginning of the end.
  it.each(['\0', '\r', '\r\0'])('may have a hole of %j in its middle', (nothing) => {
    const hole = nothing.repeat(1_000_000)
    const line = `half a line${hole}and another's`
    expect(parse(`${line}${nothing}\r`)?.line === line).toBe(true)
  })

  it('is taken apart by the pattern', () => {
    const pattern =
      /^(?<remote_address>\S+) - - \[(?<time>[^\]]+)\] "(?<msg>[^"]*)" (?<status>\d+)(?: (?<more>x))?/
    const text = foreignLines({ pattern, now: () => NOW })
    expect(text('::1 - - [21/Nov/2026:15:00:00 +0100] "GET / HTTP/1.1" 200')).toMatchObject({
      record: { remote_address: '::1', msg: 'GET / HTTP/1.1', status: '200', level: 'info' },
      timeMs: MS - 123,
      plain: false,
    })
    expect(text('else')).toMatchObject({ record: { msg: 'else' }, plain: true })
    expect(text('{"msg":"JSON all the same"}')).toMatchObject({
      record: { msg: 'JSON all the same' },
      plain: false,
    })
  })

  it('is taken apart by the pattern of docs/ship.md', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/ship.md'), 'utf8')
    const [, pattern = ''] = /--pattern '([^']+)'/.exec(page) ?? []
    const text = foreignLines({ pattern: new RegExp(pattern), now: () => NOW })
    const line = '10.0.0.7 - frank [21/Nov/2026:14:00:00 +0000] "GET /a HTTP/1.1" 404 153 "-" "curl/8"'
    expect(text(line)).toMatchObject({
      record: { remote_address: '10.0.0.7', msg: 'GET /a HTTP/1.1', status: '404' },
      timeMs: MS - 123,
      plain: false,
    })
  })

  it('gets other names for groups too, and the line as message where none is one', () => {
    const text = foreignLines({ pattern: /^(?<timestamp>\S+) (?<severity>\w+)/, now: () => NOW })
    const found = text(`${TIME} WARNING disk`)
    expect(found).toMatchObject({ record: { level: 'warn', msg: `${TIME} WARNING disk` }, timeMs: MS })
    expect(Object.keys(withTime(found as never, MS).record).slice(0, 3)).toEqual(['time', 'level', 'msg'])
  })
})

describe('the times of lines that say none', () => {
  const rising = (moments: readonly { timeMs: number; nth: number }[]): boolean =>
    moments.every((one, i) => {
      const before = moments[i - 1]
      return (
        before === undefined ||
        one.timeMs > before.timeMs ||
        (one.timeMs === before.timeMs && one.nth > before.nth)
      )
    })

  it('are those of the line before, if that was read together with them', () => {
    const timeline = createTimeline(() => NOW)
    expect(timeline.timeOf(MS, 0).timeMs).toBe(MS)
    expect(timeline.timeOf(undefined, 100).timeMs).toBe(MS)
    timeline.pause()
    expect(timeline.timeOf(undefined, 200).timeMs).toBe(NOW)
  })

  it.each([
    ['tiny ones', 3, 500_000],
    ['many ones', 200, 500_000],
  ])('keep the order: %s', (_name, length, count) => {
    const timeline = createTimeline(() => NOW)
    const moments = range(count).map((i) => timeline.timeOf(undefined, i * length))
    expect(rising(moments)).toBe(true)
    expect(Math.max(...moments.slice(-1).map(({ timeMs }) => timeMs - NOW))).toBeLessThan(100)
    expect(moments.every(({ nth }) => nth >= 0 && nth <= 999_999)).toBe(true)
  })

  function range(count: number): number[] {
    return Array.from({ length: count }, (_, i) => i)
  }
})
