import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addContext, createScope, runInScope, withContext } from '../../src/context/scope.ts'
import { boundTo } from '../../src/logger/bound.ts'
import { createLogger, reconfigure } from '../../src/logger/create.ts'
import type { SchemaName } from '../../src/logger/line/schema.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Fields, Logger } from '../../src/logger/types.ts'
import { writeRecord } from '../../src/logger/write.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { parseStrict } from '../support/strict-json.ts'
import { call, fields } from './hostile.ts'
import { NOW, optionsOf, type Record_, recorderOn, subscribe, WAYS, type Way } from './memory.ts'

// Transports that take objects: what they get is what the line says, read.

const numRuns = Number(process.env.SPOOR_RUNS ?? 300)
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, remote: true }
const SCHEMAS: readonly SchemaName[] = ['default', 'ecs', 'gcp', 'datadog', 'pino']

interface Collector extends Transport {
  readonly objects: { record: Record_; level: number }[]
  readonly asked: { common: Record_; level: number }[]
  /** What `wantsRecord` answers. */
  wanted: boolean
}

function collector(level?: number): Collector {
  const self: Collector = {
    name: 'collector',
    level,
    objects: [],
    asked: [],
    wanted: true,
    write: (line) => {
      throw new Error(`got a line: ${line}`)
    },
    writeRecord: (record, level) => void self.objects.push({ record, level }),
    wantsRecord: (common, level) => {
      self.asked.push({ common, level })
      return self.wanted
    },
    stats: () => ({ records: self.objects.length, bytes: 0, dropped: 0, buffered: 0 }),
  }
  return self
}

interface Both {
  readonly logger: Logger
  readonly objects: Collector
  lines(): Record_[]
  /** The object and the line of the only record since the last call. */
  pair(): { record: Record_; line: Record_ }
}

/** A logger whose records go as objects to one transport, and as lines to the other. */
function both(options: LoggerOptions = {}): Both {
  const objects = collector()
  const lines = memoryTransport()
  const logger = createLogger({
    ...{ identity: false, source: 'off', level: 'trace', env: {}, now: () => NOW },
    ...options,
    transports: [objects, lines],
  })
  return {
    logger,
    objects,
    lines: () => lines.lines.map((line) => parseStrict(line)),
    pair() {
      expect(lines.lines).toHaveLength(1)
      expect(objects.objects).toHaveLength(1)
      const line = parseStrict<Record_>(lines.lines[0] as string)
      lines.clear()
      return { record: objects.objects.pop()?.record as Record_, line }
    },
  }
}

function bothOn(way: Way, options: LoggerOptions = {}): Both {
  if (way === 'subscriber') subscribe()
  return both({ ...options, ...optionsOf(way) })
}

/** With `__proto__` under a name that a comparison sees. */
const own = (record: Record_): unknown =>
  JSON.parse(JSON.stringify(record).replaceAll('"__proto__":', '"own __proto__":'))

type AnyMethod = (...args: unknown[]) => void
const say = (logger: Logger, args: readonly unknown[]): void =>
  (logger.info as unknown as AnyMethod).apply(logger, [...args])

describe.each(WAYS)('on the way: %s', (way) => {
  it('an object is what its line says, whatever was logged', () => {
    const identity = { service: 'shop', pid: 1 }
    const log = bothOn(way, { identity })
    const lineAlone = recorderOn(way, { identity })
    fc.assert(
      fc.property(call, fields, fields, fc.boolean(), (args, bindings, context, inScope) => {
        for (const { logger } of [log, lineAlone]) {
          const child = logger.child(bindings())
          if (inScope) runInScope(createScope(context(), TRACE), () => say(child, args()))
          else say(child, args())
        }
        const { record, line } = log.pair()
        expect(own(record)).toEqual(own(line))
        const alone = lineAlone.only()
        // Where keys can't be listed, the mark's own name may differ.
        if (!Object.keys(alone).some((key) => key.endsWith('_unreadable')))
          expect(own(line)).toEqual(own(alone))
        // Where pino writes the line, its message comes last.
        if (way !== 'redact') expect(Object.keys(record)).toEqual(Object.keys(line))
      }),
      { numRuns },
    )
  })

  it('a name that an undefined field has is taken in an object too', () => {
    const log = bothOn(way)
    log.logger.info('x', { _trace_id: undefined, trace_id: 1 })
    const { record, line } = log.pair()
    expect(line).toMatchObject({ __trace_id: 1 })
    expect(record).toEqual(line)
  })

  it('an object has the default keys, whatever the schema', () => {
    const plain = bothOn(way, { identity: { service: 'shop', pid: 1 } })
    const renamed: LoggerOptions[] = [
      ...SCHEMAS.map((schema) => ({ schema })),
      { keys: { time: 'ts', msg: 'text', err: 'failure', order_id: 'order', component: 'who' } },
    ]
    const logs = renamed.map((options) => bothOn(way, { ...options, identity: { service: 'shop', pid: 1 } }))
    fc.assert(
      fc.property(call, fields, fields, (args, bindings, context) => {
        const records = [plain, ...logs].map((log) => {
          const child = log.logger.child(bindings())
          runInScope(createScope(context(), TRACE), () => say(child, args()))
          return log.pair().record
        })
        for (const record of records.slice(1)) expect(record).toEqual(records[0])
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })
})

describe('a record as an object', () => {
  it('says what a line says: identity, labels, component, scope, trace, source, error, fields', () => {
    const log = both({ identity: { service: 'shop', pid: 1 }, labels: { module: 'store' }, source: 'all' })
    const err = Object.assign(new TypeError('no card', { cause: new Error('refused') }), { code: 'E_CARD' })
    runInScope(createScope({ request_id: 'r-1' }, TRACE), () => {
      log.logger.child({ shard: 3 }).error('payment failed', err, { order_id: 42, list: [1, { a: null }] })
    })
    const { record, line } = log.pair()
    expect(record).toEqual(line)
    expect(record).toMatchObject({
      ...{ time: '2026-03-04T05:06:07.089Z', level: 'error', msg: 'payment failed', service: 'shop', pid: 1 },
      ...{ module: 'store', shard: 3, request_id: 'r-1', trace_id: TRACE.traceId, span_id: TRACE.spanId },
      source: { file: 'test/logger/objects.test.ts' },
      err: { type: 'TypeError', message: 'no card', code: 'E_CARD', cause: { message: 'refused' } },
      ...{ order_id: 42, list: [1, { a: null }] },
    })
  })

  it('shares nothing with what was logged', () => {
    const log = both()
    const order = { id: 1, items: ['a'] }
    log.logger.info('placed', { order })
    order.items.push('b')
    expect(log.pair().record.order).toEqual({ id: 1, items: ['a'] })
  })

  it('is bounded as a line is: depth, width, and graphs with shared parts', () => {
    let deep: unknown = {}
    for (let i = 0; i < 20_000; i++) deep = i % 2 === 0 ? { deep } : [deep]
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))
    const full = Object.fromEntries(Object.entries(wide).slice(0, 256))
    const shared = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner, inner], 'leaf')
    const many = Array.from({ length: 200 }, () => Array.from({ length: 100 }, () => ({ full })))
    const cyclic: Record<string, unknown> = { list: [] }
    ;(cyclic.list as unknown[]).push(cyclic, [cyclic])
    const log = both()
    const lists = [new Array(2 ** 20), new Array(256), new Array(257)]
    const map = new Map([['w', new Map(Object.entries(wide))]])
    const said = { deep, wide, full, shared, many, cyclic, lists, map, same: [full, full] }
    const alone = recorderOn('direct')
    for (const { logger } of [log, alone]) logger.info('x', said)
    const { record, line } = log.pair()
    expect(record).toEqual(line)
    expect(line).toEqual(alone.only())
  })

  it('reads each field once for object and line', () => {
    const log = both()
    let asked = 0
    const counting = {
      get n() {
        return ++asked
      },
      nested: { toJSON: () => ({ asked: ++asked }) },
    }
    log.logger.info('x', counting)
    const { record, line } = log.pair()
    expect(record).toEqual(line)
    expect(asked).toBe(2)
  })

  it('has its level by name and number, custom ones too', () => {
    const log = both({ customLevels: { notice: 35 } })
    ;(log.logger as unknown as { notice(msg: string): void }).notice('x')
    expect(log.objects.objects[0]).toMatchObject({ level: 35, record: { level: 'notice' } })
  })

  it('follows the scope as it changes, and a logger that is bound to another', () => {
    const log = both({ schema: 'ecs' })
    const trail: unknown[] = []
    const note = (): void => {
      const { record } = log.pair()
      trail.push([record.request_id, record.tenant])
    }
    log.logger.info('outside')
    note()
    const scope = createScope({ request_id: 'r-1' }, TRACE)
    runInScope(scope, () => {
      log.logger.info('inside')
      note()
      addContext({ tenant: 't-9' })
      log.logger.info('more')
      note()
      withContext({ request_id: 'r-2' }, () => log.logger.info('nested'))
      note()
    })
    const bound = boundTo(log.logger, scope)
    withContext({ request_id: 'r-3' }, () => bound.info('bound'))
    note()
    writeRecord(log.logger, 'info', 'request completed', { scope })
    note()
    log.logger.info('outside again')
    note()
    const none = [undefined, undefined]
    const first = ['r-1', 't-9']
    expect(trail).toEqual([none, ['r-1', undefined], first, ['r-2', 't-9'], first, first, none])
  })

  it('of a scope that was never run in has its fields', () => {
    const log = both({ schema: 'ecs' })
    writeRecord(log.logger, 'info', 'request completed', { scope: createScope({ request_id: 'r-1' }, TRACE) })
    const { record } = log.pair()
    expect(record).toMatchObject({ request_id: 'r-1', trace_id: TRACE.traceId })
  })

  it('a field of the scope that logs while it is written does not put the scope on later records', () => {
    const log = both({ schema: 'ecs' })
    const scope = createScope({ request_id: 'r-1', talks: { toJSON: () => log.logger.info('inner') } })
    runInScope(scope, () => log.logger.info('outer'))
    log.objects.objects.length = 0
    log.logger.info('outside')
    expect(log.objects.objects[0]?.record).toEqual({
      time: '2026-03-04T05:06:07.089Z',
      level: 'info',
      msg: 'outside',
    })
  })

  it('goes through formatters, mixins and serializers as a line does', () => {
    const log = both({
      mixin: () => ({ mixed: true, trace_id: 'c'.repeat(32) }),
      formatters: { log: (said) => ({ ...said, formatted: 1 }) },
      serializers: { order: () => 'an order', msg: (msg: string) => msg.toUpperCase() },
    })
    runInScope(createScope({}, TRACE), () => log.logger.info('quiet', { order: {} }))
    const { record, line } = log.pair()
    expect(record).toEqual(line)
    expect(record).toMatchObject({ msg: 'QUIET', mixed: true, formatted: 1, order: 'an order' })
    expect(record.trace_id).toBe('c'.repeat(32))
  })
})

// spoor's own rules would hide the same, and are off: what is tried is pino's paths.
describe('redaction of an object', () => {
  const secret = 'hunter2'
  const call = (logger: Logger): void => {
    const err = Object.assign(new Error('no'), { config: { password: secret } })
    withContext({ token: secret, user: { password: secret } }, () => {
      logger.child({ bound: { password: secret } }).error(err, secret)
      logger.error('x', {
        password: secret,
        deep: { password: secret },
        gone: secret,
        list: [{ password: secret }],
      })
    })
  }
  const paths = ['password', '*.password', 'err.config.password', 'token', 'list[*].password', 'msg', 'gone']

  it.each(SCHEMAS)('leaves nothing of it, with names of %s', (schema) => {
    const named =
      schema === 'default' || schema === 'pino' ? paths : [...paths, 'message', 'error.config.password']
    const log = both({ schema, redact: { paths: named, mode: 'off' } })
    call(log.logger)
    const texts = log.objects.objects.map(({ record }) => JSON.stringify(record))
    expect(texts).toHaveLength(2)
    for (const text of texts) {
      expect(text).not.toContain(secret)
      expect(text).toContain('[Redacted]')
    }
  })

  it.each([
    ['a mark', { paths, censor: '***' }],
    ['a censor', { paths, censor: (value: unknown) => `a ${typeof value}` }],
    ['taking it away', { paths, remove: true }],
    ['a wildcard alone', { paths: ['*'] }],
  ])('does what it does in a line: %s', (_name, redact) => {
    const log = both({ identity: { service: 'shop' }, redact: { ...redact, mode: 'off' } })
    call(log.logger)
    expect(log.objects.objects.map(({ record }) => record)).toEqual(log.lines())
  })

  it('knows a path by the name that lines have', () => {
    const log = both({
      schema: 'ecs',
      redact: { paths: ['message', 'error.config.password', '["http.request.id"]'], mode: 'off' },
    })
    const err = Object.assign(new Error('no'), { config: { password: secret } })
    withContext({ request_id: secret }, () => log.logger.error(err, secret))
    const { record } = log.pair()
    expect(JSON.stringify(record)).not.toContain(secret)
    expect(record).toMatchObject({ msg: '[Redacted]', request_id: '[Redacted]' })
  })

  it('a censor that throws leaves a mark, not the value', () => {
    const log = both({ redact: { paths: ['password'], censor: () => JSON.parse('{'), mode: 'off' } })
    log.logger.info('x', { password: secret, order_id: 42 })
    expect(log.objects.objects[0]?.record).toMatchObject({ password: '[Redacted]', order_id: 42 })
  })
})

describe('a transport that takes objects', () => {
  it('is asked first, with what all records of the scope carry; nothing is made where it says no', () => {
    const alone = collector()
    const logger = createLogger({
      ...{ identity: { service: 'shop' }, env: {}, source: 'off', level: 'trace' },
      transports: [alone],
    })
    alone.wanted = false
    const fields = {
      get read(): never {
        throw new Error('it was read')
      },
    }
    const scope = createScope({ request_id: 'r-1' }, TRACE)
    runInScope(scope, () => logger.child({ shard: 3 }).debug('not wanted', fields))
    expect(alone.objects).toEqual([])
    expect(alone.asked).toEqual([
      {
        level: 20,
        common: expect.objectContaining({
          service: 'shop',
          shard: 3,
          request_id: 'r-1',
          trace_id: TRACE.traceId,
        }),
      },
    ])
    alone.wanted = true
    logger.debug('wanted', { n: 1 })
    expect(alone.objects).toMatchObject([{ level: 20, record: { level: 'debug', msg: 'wanted', n: 1 } }])
  })

  it.each(WAYS)('may be the only one, and does not change the lines of others: %s', (way) => {
    const alone = collector()
    const options: LoggerOptions = { identity: false, source: 'off', level: 'trace', env: {}, now: () => NOW }
    createLogger({ ...options, ...optionsOf(way), transports: [alone] }).info('alone', { n: 1n })
    expect(alone.objects).toMatchObject([{ record: { msg: 'alone', n: '1' } }])
    const log = bothOn(way)
    const said = (): Fields => ({
      n: 1n,
      at: new Date(0),
      err: new Error('e'),
      f: () => 1,
      deep: { a: [NaN] },
    })
    log.logger.info('x', said())
    const { line } = log.pair()
    log.objects.wanted = false
    log.logger.info('x', said())
    expect(log.objects.objects).toEqual([])
    const [unwanted] = log.lines()
    const bare = ({ err, ...rest }: Record_) => rest
    expect(bare(unwanted as Record_)).toEqual(bare(line))
  })

  it('gets its level and above', () => {
    const high = collector(40)
    const logger = createLogger({ identity: false, env: {}, transports: [high] })
    logger.info('low')
    logger.warn('high')
    expect(high.asked.map(({ level }) => level)).toEqual([40])
    expect(high.objects.map(({ record }) => record.msg)).toEqual(['high'])
  })

  it('comes and goes with a configuration; loggers that exist follow', async () => {
    const lines = memoryTransport()
    const objects = collector()
    const options: LoggerOptions = { identity: false, env: {}, level: 'info' }
    const logger = createLogger({ ...options, transports: [lines] })
    const child = logger.child({ shard: 3 })
    child.info('one')
    await reconfigure(logger, { ...options, transports: [objects] })
    child.info('two')
    const after = memoryTransport()
    await reconfigure(logger, { ...options, transports: [after] })
    child.info('three')
    expect(lines.records()).toMatchObject([{ msg: 'one', shard: 3 }])
    expect(after.records()).toMatchObject([{ msg: 'three', shard: 3 }])
    expect(objects.objects.map(({ record }) => [record.msg, record.shard])).toEqual([['two', 3]])
  })

  it('one that throws is told and does not keep the record from the others', () => {
    const broken: Transport = {
      ...collector(),
      name: 'broken',
      writeRecord: () => {
        throw new Error('broken')
      },
    }
    const good = collector()
    const lines = memoryTransport()
    const logger = createLogger({ identity: false, env: {}, transports: [broken, good, lines] })
    expect(() => logger.info('x')).not.toThrow()
    expect(good.objects).toHaveLength(1)
    expect(lines.lines).toHaveLength(1)
  })
})
