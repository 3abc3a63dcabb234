import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  configure,
  getLevels,
  getLogger,
  logger,
  setLevel,
  shutdown,
  stats,
} from '../../src/logger/default.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import { memoryTransport } from '../../src/transports/memory.ts'

let memory = memoryTransport()
const start = async (options: LoggerOptions = {}): Promise<void> => {
  memory = memoryTransport()
  await configure({ identity: false, env: {}, transports: [memory], ...options })
}
const said = (): unknown[] => {
  const all = memory.records().map(({ msg }) => msg)
  memory.clear()
  return all
}
const code = expect.objectContaining({ code: 'ERR_SPOOR_OPTION', name: 'TypeError' })

beforeEach(() => start())
afterEach(() => vi.useRealTimers())

describe('LOG_LEVEL', () => {
  it('is inherited along the dots', async () => {
    await start({ env: { LOG_LEVEL: 'warning,db=DEBUG,db.pool=error,http.client=off' } })
    const level = (name: string) => getLogger(name).level
    expect(
      ['other', 'db', 'db.query', 'db.pool', 'db.pool.deep', 'dbx', 'http', 'http.client'].map(level),
    ).toEqual([...['warn', 'debug', 'debug', 'error', 'error', 'warn', 'warn', 'silent']])
    expect(getLevels()).toEqual({ '': 'warn', db: 'debug', 'db.pool': 'error', 'http.client': 'silent' })
  })

  it('gives way to the code', async () => {
    await start({ level: 'error', env: { LOG_LEVEL: 'trace,db=debug' } })
    expect(getLevels()).toEqual({ '': 'error' })
    await start({ levels: { db: 'fatal' }, env: { LOG_LEVEL: 'trace,x=debug' } })
    expect(getLevels()).toEqual({ '': 'trace', db: 'fatal' })
  })
})

describe('a change at run time', () => {
  it('is seen at once by loggers, children and grandchildren that exist', () => {
    const db = getLogger('db')
    const pool = getLogger('db.pool')
    const child = pool.child({ shard: 1 })
    const grandchild = child.child({ deep: true }, { serializers: {} })
    const all = [logger, db, pool, child, grandchild]
    const say = (): void => all.forEach((each, i) => void each.debug(String(i)))
    say()
    expect(said()).toEqual([])
    setLevel('db', 'debug')
    say()
    expect(said()).toEqual(['1', '2', '3', '4'])
    setLevel('db.pool', 'info')
    say()
    expect(said()).toEqual(['1'])
    setLevel('db.pool', undefined)
    setLevel('db', undefined)
    setLevel('debug')
    say()
    expect(said()).toEqual(['0', '1', '2', '3', '4'])
    db.level = 'silent'
    say()
    expect(said()).toEqual(['0'])
  })

  it('of a child’s own level reaches its children alone', () => {
    const child = logger.child({})
    const grandchild = child.child({})
    child.level = 'debug'
    for (const each of [logger, child, grandchild]) each.debug('x')
    expect(said()).toHaveLength(2)
  })

  it('runs out', () => {
    vi.useFakeTimers()
    setLevel('db', 'trace', { for: '10m' })
    setLevel('debug', { for: 1000 })
    expect(getLevels()).toEqual({ '': 'debug', db: 'trace' })
    vi.advanceTimersByTime(1000)
    expect(getLevels()).toEqual({ '': 'info', db: 'trace' })
    vi.advanceTimersByTime(10 * 60_000)
    expect(getLevels()).toEqual({ '': 'info' })
  })

  it('that runs out twice goes back to what was before the first', () => {
    vi.useFakeTimers()
    setLevel('debug', { for: 1000 })
    setLevel('trace', { for: 2000 })
    vi.advanceTimersByTime(1000)
    expect(logger.level).toBe('trace')
    vi.advanceTimersByTime(1000)
    expect(logger.level).toBe('info')
  })

  it('that would run out stays where a later one has no end, or the configuration is replaced', async () => {
    vi.useFakeTimers()
    setLevel('debug', { for: 1000 })
    setLevel('warn')
    vi.advanceTimersByTime(5000)
    expect(logger.level).toBe('warn')
    setLevel('debug', { for: 1000 })
    await start({ level: 'error' })
    vi.advanceTimersByTime(5000)
    expect(logger.level).toBe('error')
  })

  it('may last longer than a timer of Node’s', () => {
    vi.useFakeTimers()
    const day = 24 * 3600_000
    setLevel('debug', { for: '60d' })
    vi.advanceTimersByTime(59 * day)
    expect(logger.level).toBe('debug')
    vi.advanceTimersByTime(2 * day)
    expect(logger.level).toBe('info')
  })

  it.each([
    [() => setLevel('loud' as never, 'louder' as never)],
    [() => setLevel('debug', { for: 'soon' })],
    [() => setLevel('db', 'debug', { for: -1 })],
    [() => getLogger('')],
    [() => getLogger('a..b')],
    [() => getLogger('a b')],
  ])('that is wrong is an error, and changes nothing: %s', (change) => {
    const before = getLevels()
    expect(change).toThrow(code)
    expect(getLevels()).toEqual(before)
  })
})

describe('configure', () => {
  it('changes everything for loggers that exist', async () => {
    const component = getLogger('db')
    const child = component.child({ a: 1 })
    child.info('before', { b: 1 })
    expect(memory.records()).toMatchObject([{ msg: 'before', component: 'db', a: 1, b: 1 }])
    const old = memory
    await start({ identity: { service: 'new' }, schema: 'ecs', levels: { db: 'debug' }, labels: { l: '1' } })
    child.debug('after', { b: 1 })
    expect(memory.records()).toMatchObject([
      {
        message: 'after',
        'log.level': 'debug',
        'log.logger': 'db',
        'service.name': 'new',
        a: 1,
        b: 1,
        l: '1',
      },
    ])
    expect(old.lines).toHaveLength(1)
  })

  it('keeps a transport that is in both', async () => {
    await configure({ identity: false, env: {}, transports: [memory], level: 'debug' })
    logger.debug('x')
    expect(said()).toEqual(['x'])
    expect(stats().transports.memory).toMatchObject({ dropped: 0 })
  })

  it('gives the same component logger again', () => {
    expect(getLogger('db')).toBe(getLogger('db'))
  })

  it('shutdown closes what there is, and logging goes on without harm', async () => {
    await shutdown()
    expect(() => logger.info('x')).not.toThrow()
    expect(stats().transports.memory).toMatchObject({ dropped: 1 })
  })
})
