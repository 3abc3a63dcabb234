import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import type { Logger } from '../../src/logger/types.ts'
import { type HttpTransport, type HttpTransportOptions, httpTransport } from '../../src/transports/http.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// What stands in the way of a spool: nothing of it stops the service, its start, or what can be delivered.

interface Shipping {
  readonly http: HttpTransport
  readonly log: Logger
  /** What was told. */
  readonly told: TransportEvent[]
}

function shipTo(sink: Sink, spoolDir: string, options: Partial<HttpTransportOptions> = {}): Shipping {
  const told: TransportEvent[] = []
  const http = httpTransport({ url: sink.url, spoolDir, batch: { ageMs: 10 }, thread: false, ...options })
  const { attach } = http
  http.attach = (host) => attach?.call(http, { ...host, report: (event) => told.push(event) })
  const log = createLogger({ transports: [http], lifecycle: false, level: 'trace', source: 'off' })
  onTestFinished(() => shutdown(log))
  return { http, log, told }
}

/** Looks again and again; the guard is the test's own. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

const numbersIn = (sink: Sink) =>
  [...sink.stored.values()].flatMap(({ record }) => (typeof record.n === 'number' ? [record.n] : []))
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a spool that can not be written', () => {
  /** A file where the directory should be; what takes it away. */
  function blocked(): { spoolDir: string; unblock: () => void } {
    const spoolDir = join(temporaryDirectory(), 'spool')
    writeFileSync(spoolDir, 'somebody else was here first')
    return { spoolDir, unblock: () => rmSync(spoolDir) }
  }

  it('is told, its records are held in memory, and delivered when it can be', async () => {
    const sink = await startSink()
    const { spoolDir, unblock } = blocked()
    const { http, log, told } = shipTo(sink, spoolDir)
    for (const n of upTo(100)) log.info('order placed', { n })
    log.error('failed', { n: 100 })
    expect(await http.delivered(100)).toBe(false)
    expect(http.stats()).toMatchObject({
      records: 101,
      dropped: 0,
      lastError: expect.stringContaining('spool'),
    })
    expect(http.stats().buffered).toBeGreaterThan(0)
    const [first] = told.filter(({ message }) => message.includes("can't write the spool"))
    expect(first?.message).toContain('held in memory')
    unblock()
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toEqual(upTo(101))
    expect(http.stats()).toMatchObject({ dropped: 0, buffered: 0 })
    expect(told.find(({ code }) => code === 'recovered')?.message).toContain('nothing was lost')
  })

  it('costs bounded memory; what does not fit is counted, lowest levels first, and told by a record', async () => {
    const sink = await startSink()
    const { spoolDir, unblock } = blocked()
    const { http, log, told } = shipTo(sink, spoolDir, { bufferLimit: 20_000 })
    for (const n of upTo(1000)) log[n % 10 === 0 ? 'warn' : 'debug']('order placed', { n })
    expect(http.stats().buffered).toBeLessThanOrEqual(20_000)
    const { dropped } = http.stats()
    expect(dropped).toBeGreaterThan(500)
    expect(told.some(({ code }) => code === 'dropped')).toBe(true)
    unblock()
    expect(await http.delivered(40_000)).toBe(true)
    const there = numbersIn(sink)
    expect(there.length).toBe(1000 - dropped)
    expect(there.filter((n) => n % 10 === 0)).toHaveLength(100)
    const [note] = sink.find(({ msg }) => msg === 'log records were lost')
    expect(note?.record).toMatchObject({
      level: 'warn',
      transport: 'http',
      dropped,
      dropped_by_level: { debug: dropped },
    })
    expect(http.stats().dropped).toBe(dropped)
  })

  it('is none for as long as it takes: records are delivered from memory, and in the spool again when it can be', async () => {
    const sink = await startSink()
    const { spoolDir, unblock } = blocked()
    const { http, log, told } = shipTo(sink, spoolDir)
    let n = 0
    for (; n < 3000; n++) log.info('order placed', { n, pad: 'x'.repeat(1000) })
    await until(() => numbersIn(sink).length === 3000)
    expect(await http.delivered(40_000)).toBe(true)
    // What comes now goes without a wait.
    log.info('order placed', { n: n++ })
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toEqual(upTo(n))
    expect(http.stats()).toMatchObject({ dropped: 0, buffered: 0, bytes: 0 })
    expect(told.find(({ code }) => code === 'unspooled')?.message).toContain('delivered from memory')
    unblock()
    log.info('order placed', { n: n++ })
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toEqual(upTo(n))
    expect(http.stats().bytes).toBeGreaterThan(0)
    expect(told.at(-1)?.message).toContain('is written again')
  })

  it.each([
    ['are written where they can be', true, 0],
    ['are told as lost where they can not', false, 1],
  ])('records that are on their way at the end %s', async (_, written, lost) => {
    let down = false
    const sink = await startSink({ refuse: () => (down ? 503 : undefined) })
    const { spoolDir, unblock } = blocked()
    const url = `${sink.url}/_bulk`
    const { http, log, told } = shipTo(sink, spoolDir, { url })
    log.info('order placed', { n: 0 })
    await until(() => numbersIn(sink).length === 1)
    expect(await http.delivered(40_000)).toBe(true)
    down = true
    log.info('order placed', { n: 1 })
    await until(() => http.stats().state === 'failing')
    if (written) unblock()
    await shutdown(log)
    expect(http.stats().dropped).toBe(lost)
    expect(told.filter(({ code }) => code === 'dropped').map(({ dropped }) => dropped)).toEqual(
      lost === 0 ? [] : [1],
    )
    if (!written) return
    // For the next start.
    const [segment = ''] = readdirSync(spoolDir, { recursive: true, encoding: 'utf8' }).filter((one) =>
      one.endsWith('.ndjson'),
    )
    expect(readFileSync(join(spoolDir, segment), 'utf8')).toMatch(/^\{[^\n]*"n":1\}\n$/)
  })

  it('of a transport that ships elsewhere is told: what one leaves the other would deliver', async () => {
    const [sink, other] = [await startSink(), await startSink()]
    const spoolDir = temporaryDirectory()
    const codes = ({ told }: Shipping) => told.map(({ code }) => code)
    const first = shipTo(sink, spoolDir)
    expect(codes(shipTo(sink, spoolDir))).toEqual([])
    expect(codes(shipTo(other, spoolDir, { name: 'other' }))).toEqual([])
    expect(codes(first)).toEqual([])
    expect(codes(shipTo(other, spoolDir))).toEqual(['shared-spool'])
  })

  it('is left for a new directory when somebody removes or renames it while it is written', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    const { http, log } = shipTo(sink, spoolDir)
    log.info('order placed', { n: 0 })
    expect(await http.delivered(40_000)).toBe(true)
    renameSync(join(spoolDir, 'http'), join(spoolDir, 'elsewhere'))
    // The writer looks once a second.
    let n = 1
    await until(() => {
      log.info('order placed', { n: n++ })
      return existsSync(join(spoolDir, 'http'))
    })
    log.info('order placed', { n: -1 })
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toContain(-1)
  })

  it('may be one that can not even be looked into: that is told, and passes', async () => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    const { http, log, told } = shipTo(sink, spoolDir)
    log.info('order placed', { n: 0 })
    expect(await http.delivered(40_000)).toBe(true)
    const directory = join(spoolDir, 'http')
    rmSync(directory, { recursive: true })
    symlinkSync('http', directory)
    await until(() => told.some(({ message }) => message.includes("can't see what")))
    expect(http.stats()).toMatchObject({ dropped: 0, state: 'healthy' })
    log.info('order placed', { n: 1 })
    await until(() => http.stats().buffered > 0)
    rmSync(directory)
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toEqual([0, 1])
  })

  it.each([
    ['a file', (path: string) => writeFileSync(path, '')],
    ['a directory that takes nothing', (path: string) => mkdirSync(path, { recursive: true })],
  ])('costs the dead letters nothing but themselves: %s in their place', async (_name, make) => {
    const sink = await startSink()
    const spoolDir = temporaryDirectory()
    make(join(spoolDir, 'http.dead-letters.ndjson'))
    const { http, log } = shipTo(sink, spoolDir)
    log.info('order placed', { n: 0 })
    expect(await http.delivered(40_000)).toBe(true)
    expect(numbersIn(sink)).toEqual([0])
  })
})

describe('what is found in a spool at the start', () => {
  const SEGMENT = '0000000000000001.ndjson'
  const line = (n: number) =>
    `${JSON.stringify({ time: '2026-11-25T20:00:00.000Z', level: 'info', msg: 'm', n })}\n`
  const lines = (...numbers: number[]) => numbers.map(line).join('')
  const ABOUT = '{"v":1,"names":{}}\n'
  /** Of a process that is gone: no such pid can be. */
  const DEAD = 'aaaaaaaaaaaaaaaa.closed'

  interface Found {
    /** By name, in a dead process's directory. */
    readonly files?: Readonly<Record<string, string | Buffer>>
    /** The same, where directories stand. */
    readonly directories?: readonly string[]
    /** Beside it, in the destination's directory. */
    readonly beside?: Readonly<Record<string, string>>
    /** The numbers that are delivered. @default 0, 1, 2 */
    readonly delivered?: readonly number[]
    /** It happens, and there is nothing that somebody could do about it. */
    readonly silent?: boolean
  }

  const good = { [SEGMENT]: lines(0, 1, 2), 'about.json': ABOUT, alive: '' }
  const FOUND: Readonly<Record<string, Found>> = {
    'nothing wrong': { files: good, silent: true },
    'a checkpoint that is torn': { files: { ...good, checkpoint: '{"v":1,"seq":1,"off' } },
    'a checkpoint that is empty': { files: { ...good, checkpoint: '' } },
    'a checkpoint of zeros': { files: { ...good, checkpoint: Buffer.alloc(64) } },
    'a checkpoint of another version': { files: { ...good, checkpoint: '{"v":9,"seq":1}' } },
    'a directory as checkpoint': { files: good, directories: ['checkpoint'] },
    'no about.json': { files: { [SEGMENT]: lines(0, 1, 2) } },
    'an about.json that is torn': { files: { ...good, 'about.json': '{"v":1,"na' } },
    'a directory as about.json': { files: { [SEGMENT]: lines(0, 1, 2) }, directories: ['about.json'] },
    'a torn last line': { files: { ...good, [SEGMENT]: lines(0, 1, 2) + line(3).slice(0, 30) } },
    'a line in the middle that is torn': {
      files: { ...good, [SEGMENT]: `${lines(0)}${line(9).slice(0, 30)}\n${lines(1, 2)}` },
    },
    'zeros in the middle': {
      files: {
        ...good,
        [SEGMENT]: Buffer.concat([
          Buffer.from(lines(0)),
          Buffer.alloc(5000),
          Buffer.from(`\n${lines(1, 2)}`),
        ]),
      },
    },
    'a segment of zeros and one behind it': {
      files: { ...good, [SEGMENT]: Buffer.alloc(100_000), '0000000000000002.ndjson': lines(0, 1, 2) },
    },
    'an empty segment': {
      silent: true,
      files: { ...good, [SEGMENT]: '', '0000000000000002.ndjson': lines(0, 1, 2) },
    },
    'a directory as segment': {
      files: { 'about.json': ABOUT, '0000000000000002.ndjson': lines(0, 1, 2) },
      directories: [SEGMENT],
    },
    'a segment that is not there': {
      silent: true,
      files: { 'about.json': ABOUT, [SEGMENT]: lines(0), '0000000000000007.ndjson': lines(1, 2) },
    },
    'a foreign file': { files: { ...good, 'core.1234': 'x' } },
    'a foreign directory': { files: good, directories: ['node_modules'] },
    'foreign things beside it': {
      silent: true,
      files: good,
      beside: { 'README.md': 'x', 'bbbbbbbbbbbbbbbb.closed': 'a file with the name of a spool' },
    },
    'nothing but a directory': { delivered: [], silent: true },
  }

  it.each(Object.keys(FOUND))(
    '%s: it starts, delivers what can be read, and says what can not',
    async (name) => {
      const found = FOUND[name] as Found
      const { files = {}, directories = [], beside = {}, delivered = [0, 1, 2], silent = false } = found
      const sink = await startSink()
      const spoolDir = temporaryDirectory()
      const spool = join(spoolDir, 'http', DEAD)
      mkdirSync(spool, { recursive: true })
      for (const directory of directories) mkdirSync(join(spool, directory))
      for (const [file, content] of Object.entries(files)) writeFileSync(join(spool, file), content)
      for (const [file, content] of Object.entries(beside))
        writeFileSync(join(spoolDir, 'http', file), content)

      const { http, log, told } = shipTo(sink, spoolDir)
      log.info('order placed', { n: 100 })
      expect(await http.delivered(40_000)).toBe(true)
      expect(sink.complaints).toEqual([])
      expect(numbersIn(sink).sort((a, b) => a - b)).toEqual([...delivered, 100])
      if (silent) expect(told).toEqual([])
      else expect(told.map(({ message }) => message).join('\n'), 'told').not.toBe('')
      for (const { message } of told) expect(message).not.toMatch(/undefined|\[object|NaN/)
      await shutdown(log)
      // What nobody knows is left alone.
      for (const file of Object.keys(beside))
        expect(readFileSync(join(spoolDir, 'http', file), 'utf8')).toBe(beside[file])
      const left = readdirSync(join(spoolDir, 'http'), { recursive: true, encoding: 'utf8' })
      expect(left.filter((one) => one.endsWith('.ndjson'))).toEqual([])
    },
  )
})
