import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { createFanout } from '../../src/transports/fanout.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import type { Transport, TransportEvent, TransportHost } from '../../src/transports/transport.ts'

function host() {
  const events: TransportEvent[] = []
  return { events, report: (event: TransportEvent) => void events.push(event) }
}

function throwing(): Transport {
  const fail = () => {
    throw new Error('broken')
  }
  return { name: 'bad', attach: fail, write: fail, flushSync: fail, flush: fail, close: fail, stats: fail }
}

describe('a fanout', () => {
  it.each([0, 1, 2, 3])('to %i transports writes each line to each', (count) => {
    const transports = Array.from({ length: count }, () => memoryTransport())
    const fanout = createFanout(transports, host())
    fanout.writeLine('a\n', 30)
    fanout.writeLine('b\n', 50)
    for (const transport of transports) expect(transport.lines).toEqual(['a\n', 'b\n'])
  })

  it('gives a transport only what its level takes', () => {
    const all = memoryTransport()
    const errors = memoryTransport({ level: 'error' })
    const none = memoryTransport({ level: 'silent' })
    for (const set of [[errors], [all, errors, none]]) {
      const fanout = createFanout(set, host())
      for (const level of [10, 40, 49, 50, 60]) fanout.writeLine(`${level}\n`, level)
      expect(errors.lines).toEqual(['50\n', '60\n'])
      errors.clear()
    }
    expect(all.lines).toHaveLength(5)
    expect(none.lines).toEqual([])
  })

  it('is a destination that pino writes to with its level, and flushes', async () => {
    const errors = memoryTransport({ level: 'error' })
    const all = memoryTransport()
    const fanout = createFanout([errors, all], host())
    const logger = pino({ level: 'trace' }, fanout)
    logger.info('i')
    logger.error('e')
    await new Promise<void>((resolve, reject) => logger.flush((error) => (error ? reject(error) : resolve())))
    expect(errors.records().map(({ msg }) => msg)).toEqual(['e'])
    expect(all.records().map(({ msg }) => msg)).toEqual(['i', 'e'])
  })

  it('survives a transport that breaks every promise, tells it, and serves the others', async () => {
    const { events, report } = host()
    const good = memoryTransport()
    for (const set of [[throwing()], [throwing(), good]]) {
      const fanout = createFanout(set, { report })
      fanout.writeLine('a\n', 30)
      fanout.flushSync()
      await new Promise<void>((resolve) => fanout.flush(() => resolve()))
      await fanout.close()
      // attach, write, flushSync, flush, close, and stats itself.
      const { failures, transports } = fanout.stats()
      expect(failures).toBe(6)
      expect(transports).not.toHaveProperty('bad')
    }
    expect(good.lines).toEqual(['a\n'])
    expect(events[0]).toMatchObject({ code: 'bad.threw', message: expect.stringContaining('broken') })
  })

  it('survives a host that throws', () => {
    const fanout = createFanout([throwing()], {
      report: () => {
        throw new Error('host')
      },
    })
    expect(() => fanout.writeLine('a\n', 30)).not.toThrow()
  })

  it('keeps transports of one name apart in its stats', () => {
    const fanout = createFanout(
      [memoryTransport(), memoryTransport(), memoryTransport({ name: 'x' })],
      host(),
    )
    expect(Object.keys(fanout.stats().transports)).toEqual(['memory', 'memory_2', 'x'])
  })
})

describe('a fanout to transports that take objects', () => {
  interface Taking extends Transport {
    readonly taken: unknown[]
  }

  function taking(more: Partial<Transport> = {}): Taking {
    const taken: unknown[] = []
    return {
      name: 'taking',
      taken,
      write: (line) => void taken.push(line),
      writeRecord: (record) => void taken.push(record),
      stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
      ...more,
    }
  }

  it('has no way for objects where nobody takes them', () => {
    expect(createFanout([memoryTransport()], host()).records).toBe(undefined)
    expect(createFanout([], host()).records).toBe(undefined)
  })

  it('knows whether anybody takes lines', () => {
    expect(createFanout([taking()], host()).records?.lines).toBe(false)
    expect(createFanout([taking(), memoryTransport()], host()).records?.lines).toBe(true)
  })

  it('makes a record once, for those that take its level and want it', () => {
    const [low, high, picky, other] = [
      taking(),
      taking({ level: 40 }),
      taking({ wantsRecord: () => false }),
      taking({ wantsRecord: ({ wanted }) => wanted === true }),
    ]
    const memory = memoryTransport()
    const fanout = createFanout([high, picky, low, other, memory], host())
    let made = 0
    const make = () => ({ n: ++made })
    fanout.records?.write({}, 30, make)
    fanout.records?.write({ wanted: true }, 50, make)
    expect([low, high, picky, other].map(({ taken }) => taken)).toEqual([
      [{ n: 1 }, { n: 2 }],
      [{ n: 2 }],
      [],
      [{ n: 2 }],
    ])
    expect(memory.lines).toEqual([])
    const none = createFanout([picky], host())
    none.records?.write({}, 60, make)
    expect(made).toBe(2)
  })

  it('gives lines to the others alone, but all that pino itself writes to each', () => {
    const [object, memory] = [taking(), memoryTransport()]
    const fanout = createFanout([object, memory], host())
    fanout.writeLine('a\n', 30)
    expect(object.taken).toEqual([])
    fanout.write('b\n')
    expect(object.taken).toEqual(['b\n'])
    expect(memory.lines).toEqual(['a\n', 'b\n'])
  })

  it('lets one transport tell the others, in the form that each takes', () => {
    let tell: TransportHost['tell']
    const telling = taking({
      attach(given) {
        tell = given.tell
      },
    })
    const [object, memory] = [taking(), memoryTransport()]
    const line = (level: number, msg: string) => `${level} ${msg}\n`
    const record = (level: number, msg: string) => ({ level, msg })
    createFanout([telling, object, memory], { ...host(), line, record })
    tell?.(40, 'failing', {})
    expect(telling.taken).toEqual([])
    expect(object.taken).toEqual([{ level: 40, msg: 'failing' }])
    expect(memory.lines).toEqual(['40 failing\n'])
    createFanout([telling, object], { ...host(), line })
    tell?.(40, 'no objects', {})
    expect(object.taken.at(-1)).toBe('40 no objects\n')
  })

  it('survives one that throws, when it is asked and when it is given', () => {
    const fail = () => {
      throw new Error('broken')
    }
    const good = taking()
    const fanout = createFanout([taking({ wantsRecord: fail }), taking({ writeRecord: fail }), good], host())
    fanout.records?.write({}, 30, () => ({ n: 1 }))
    expect(good.taken).toEqual([{ n: 1 }])
    expect(fanout.stats().failures).toBe(2)
  })
})

describe('the memory transport', () => {
  it('keeps the newest up to its limit and counts the others', () => {
    const transport = memoryTransport({ limit: 2 })
    for (const n of [1, 2, 3]) transport.write(`{"n":${n}}\n`, 30)
    expect(transport.records()).toEqual([{ n: 2 }, { n: 3 }])
    expect(transport.stats()).toMatchObject({ records: 3, dropped: 1 })
    transport.clear()
    expect(transport.lines).toEqual([])
  })
})
