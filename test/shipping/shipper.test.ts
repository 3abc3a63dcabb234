import { describe, expect, it } from 'vitest'
import type { ShipperOptions } from '../../src/shipping/options.ts'
import { createShipper } from '../../src/shipping/shipper.ts'
import { fakeClock, turn } from './support/fake-clock.ts'
import { many, shipped } from './support/memory-source.ts'
import { rig } from './support/rig.ts'
import { DELIVERED, scripted } from './support/scripted.ts'

const bytesOf = shipped('r0').bytes

describe('batches', () => {
  it('are sent when their oldest record has waited ageMs, not before', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 3))
    void shipper.add(spool)
    await clock.advance(900)
    spool.push(shipped('late'))
    await clock.advance(99)
    expect(to.requests).toEqual([])
    await clock.advance(1)
    expect(to.requests).toEqual([['r0', 'r1', 'r2', 'late']])
    expect(spool.committed).toBe(4)
  })

  it.each(Array.from({ length: 12 }, (_, n) => n + 0.5))(
    'are sent in time, also if their time comes between two looks at the clock: after %d of them',
    async (ageMs) => {
      const to = scripted()
      const still = fakeClock()
      let looks = 0
      const { shipper, source } = rig(to, {
        clock: { ...still, monotonic: () => still.monotonic() + looks++ },
        batch: { ageMs },
      })
      const spool = source('spool', many('r', 3))
      // Nothing but the time calls.
      spool.wait = () => new Promise(() => {})
      void shipper.add(spool)
      await still.step()
      await turn()
      expect(to.requests).toEqual([['r0', 'r1', 'r2']])
    },
  )

  it.each<[string, ShipperOptions['batch'], Partial<Parameters<typeof scripted>[0]>]>([
    ['by count', { count: 2 }, {}],
    ['by bytes', { bytes: 2 * bytesOf }, {}],
    ['by bytes, between two sizes', { bytes: 3 * bytesOf - 1 }, {}],
    ['by what the destination counts', {}, { maxCount: 2 }],
    ['by what the destination takes', {}, { maxBytes: 2 * bytesOf }],
  ])('are sent at once when they are full, %s', async (_, batch, bounds) => {
    const to = scripted(bounds)
    const { shipper, clock, source } = rig(to, { batch })
    void shipper.add(source('spool', many('r', 5)))
    await clock.advance(0)
    expect(to.requests).toEqual([
      ['r0', 'r1'],
      ['r2', 'r3'],
    ])
    await clock.advance(1000)
    expect(to.requests.at(-1)).toEqual(['r4'])
  })

  it('hold records of one group each', async () => {
    const to = scripted({ group: ({ record }) => String(record.group) })
    const { shipper, clock, source } = rig(to)
    const records = ['a', 'b', 'a', 'c', 'b'].map((group, i) => shipped(`${group}${i}`, { group }))
    const spool = source('spool', records)
    void shipper.add(spool)
    await clock.advance(1000)
    expect(to.requests).toEqual([['a0', 'a2'], ['b1', 'b4'], ['c3']])
    expect(spool.commits.map(({ id }) => id)).toEqual(['a0', 'a2', 'b4'])
  })

  it('have a record of its own where it is larger than a batch, and none that the destination can not take', async () => {
    const to = scripted({ maxBytes: 1000 })
    const { shipper, clock, source, letters, codes } = rig(to, { batch: { bytes: 200 } })
    const large = shipped('large', { pad: 500 })
    const huge = shipped('huge', { pad: 2000 })
    const spool = source('spool', [shipped('a'), large, shipped('b'), huge, shipped('c')])
    void shipper.add(spool)
    await clock.advance(1000)
    expect(to.requests).toEqual([['a'], ['large'], ['b'], ['c']])
    expect(letters()).toMatchObject([
      {
        id: 'huge',
        record: huge.line,
        destination: 'backend',
        reason: `the record has ${huge.bytes} bytes, backend takes 1000`,
      },
    ])
    expect(spool.committed).toBe(5)
    expect(codes()).toEqual(['refused'])
  })

  it('get larger while the destination is slow', async () => {
    const to = scripted()
    let answer = () => {}
    to.script.push(
      () =>
        new Promise((resolve) => {
          answer = () => resolve(DELIVERED)
        }),
    )
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 1))
    void shipper.add(spool)
    for (let second = 1; second <= 5; second++) {
      await clock.advance(1000)
      spool.push(shipped(`later${second}`))
    }
    answer()
    await clock.advance(0)
    expect(to.requests).toEqual([['r0'], ['later1', 'later2', 'later3', 'later4', 'later5']])
  })
})

describe('several sources', () => {
  it('are read by turns', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to, { batch: { count: 2 } })
    for (const name of ['a', 'b', 'c']) void shipper.add(source(name, many(name, 6)))
    await clock.advance(1000)
    expect(to.requests.map(([id]) => id)).toEqual(['a0', 'b0', 'c0', 'a2', 'b2', 'c2', 'a4', 'b4', 'c4'])
  })

  const inGroup = {
    group: ({ record }: { record: Readonly<Record<string, unknown>> }) => String(record.group),
  }

  it('wait for older ones whose records are of the same group, where the order is kept', async () => {
    const to = scripted(inGroup)
    const { shipper, clock, source } = rig(to, { batch: { count: 2 } })
    const own = source('own', many('own', 4, { group: 'x' }))
    const other = source('other', many('other', 4, { group: 'y' }))
    const older = source('older', many('older', 6, { group: 'x' }))
    const oldest = source('oldest', many('oldest', 4, { group: 'x' }))
    void shipper.add(own)
    void shipper.add(oldest, { first: true })
    void shipper.add(older, { first: true })
    void shipper.add(other)
    oldest.end()
    older.end()
    await clock.advance(3000)
    const ids = to.requests.flat()
    const place = (id: string) => ids.indexOf(id)
    expect(ids).toHaveLength(18)
    expect(place('oldest3')).toBeLessThan(place('older0'))
    expect(place('older5')).toBeLessThan(place('own0'))
    expect(place('other0')).toBeLessThan(place('oldest2'))
    expect(older.closed && oldest.closed).toBe(true)
  })

  it('go on when what is older is down to nothing, though it may get more', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    void shipper.add(source('older', [shipped('older')]), { first: true })
    void shipper.add(source('own', [shipped('own')]))
    await clock.advance(2000)
    expect(to.requests).toEqual([['older'], ['own']])
  })

  it('do not wait where several batches may be in flight', async () => {
    const to = scripted({ concurrency: 2 })
    const { shipper, clock, source } = rig(to, { batch: { count: 2 } })
    void shipper.add(source('own', many('own', 4)))
    void shipper.add(source('older', many('older', 4)), { first: true })
    await clock.advance(0)
    expect(to.requests[0]).toEqual(['own0', 'own1'])
  })

  it('are never read into memory for good while they wait', async () => {
    const to = scripted()
    to.always = 'hang'
    const { shipper, clock, source } = rig(to, { batch: { count: 10 } })
    const older = source('older', many('older', 100))
    void shipper.add(older, { first: true })
    const waiting = Array.from({ length: 5 }, (_, i) => source(`own${i}`, many(`own${i}r`, 100)))
    for (const one of waiting) void shipper.add(one)
    await clock.advance(10_000)
    expect(older.given).toBe(20)
    expect(waiting.map(({ given }) => given)).toEqual([10, 10, 10, 10, 10])
  })

  it('are only glanced at to see whether they have to wait', async () => {
    const to = scripted()
    to.always = 'hang'
    const { shipper, clock, source } = rig(to)
    void shipper.add(source('older', many('older', 500, { pad: 10_000 })), { first: true })
    const own = source('own', many('own', 500, { pad: 10_000 }))
    void shipper.add(own)
    await clock.advance(10_000)
    expect(own.given).toBe(6)
  })

  it('do not begin another batch while one is to be sent again', async () => {
    const to = scripted({ script: [DELIVERED, 'lost answer'] })
    const { shipper, clock, source } = rig(to, { batch: { count: 1 } })
    const a = source('a', many('a', 2))
    const release = a.stall()
    void shipper.add(a)
    await clock.advance(0)
    void shipper.add(source('b', many('b', 1)))
    // a1 waits for the commit of a0, so it is b0 that is sent, and has no answer.
    await clock.advance(0)
    expect(to.requests).toEqual([['a0'], ['b0']])
    release()
    await clock.advance(1000)
    expect(to.requests).toEqual([['a0'], ['b0'], ['b0'], ['a1']])
  })

  it('close once they have ended, and tell so', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 2))
    let closed = false
    void shipper.add(spool).then(() => {
      closed = true
    })
    await clock.advance(100)
    spool.end()
    await clock.advance(0)
    // What has ended does not wait for more.
    expect(to.requests).toEqual([['r0', 'r1']])
    expect([closed, spool.closed, spool.committed]).toEqual([true, true, 2])
  })

  it('are noted one after another while a commit takes its time, and no further batch is sent', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to, { batch: { count: 1 } })
    const spool = source('spool', many('r', 3))
    const release = spool.stall()
    void shipper.add(spool)
    await clock.advance(5000)
    // After a crash now one batch is sent again, and no more.
    expect(to.requests).toEqual([['r0']])
    release()
    await clock.advance(0)
    expect(to.requests).toEqual([['r0'], ['r1'], ['r2']])
    expect(spool.commits.map(({ id }) => id)).toEqual(['r0', 'r1', 'r2'])
  })
})

describe('several batches in flight', () => {
  function held(count: number) {
    const to = scripted({ concurrency: 3 })
    const answers: (() => void)[] = []
    to.always = () => new Promise((resolve) => answers.push(() => resolve(DELIVERED)))
    const made = rig(to, { batch: { count: 1 } })
    const spool = made.source('spool', many('r', count))
    void made.shipper.add(spool)
    return { ...made, to, answers, spool }
  }

  /** Answers after 10 ms each, until three are in flight. @returns the number of the first of them */
  async function warmUp({ answers, clock, to }: ReturnType<typeof held>) {
    await clock.advance(0)
    for (let i = 0; i < 20 && to.mostInFlight < 3; i++) {
      await clock.advance(10)
      for (const answer of answers.splice(0)) answer()
      await clock.advance(0)
    }
    return to.requests.length - 3
  }

  it('begin with one, and get more while the round trips stay short', async () => {
    const rigged = held(100)
    await rigged.clock.advance(0)
    expect(rigged.to.requests).toEqual([['r0']])
    await warmUp(rigged)
    expect(rigged.to.mostInFlight).toBe(3)
    expect(rigged.shipper.stats()).toMatchObject({ inFlight: 3, limit: 3 })
  })

  it('move the commit over the unbroken prefix alone', async () => {
    const rigged = held(100)
    const { spool, answers, clock, to } = rigged
    const first = await warmUp(rigged)
    const before = spool.committed
    expect(before).toBe(first)
    const [one, two, three] = answers
    three?.()
    two?.()
    await clock.advance(0)
    expect(spool.committed).toBe(first)
    // Nor is more sent than may be sent again after a crash.
    expect(to.requests).toHaveLength(first + 3)
    one?.()
    await clock.advance(0)
    expect(spool.committed).toBe(first + 3)
    expect(to.requests).toHaveLength(first + 6)
  })

  it('are fewer after the destination had too much of them', async () => {
    const rigged = held(100)
    const { answers, clock, shipper, to } = rigged
    await warmUp(rigged)
    to.script.push({ kind: 'retry', reason: '429: slow down' })
    answers.shift()?.()
    // The others are as fast as ever, and so is the next try.
    for (const ms of [10, 500, 10]) {
      await clock.advance(ms)
      for (const answer of answers.splice(0)) answer()
      await clock.advance(0)
      if (shipper.stats().state === 'healthy') break
    }
    expect(shipper.stats()).toMatchObject({ state: 'healthy', limit: 2 })
  })

  it('are one again while the destination fails, and share one pause', async () => {
    const rigged = held(100)
    const { answers, clock, to, shipper } = rigged
    const first = await warmUp(rigged)
    to.always = 'network'
    answers.splice(0)
    // Three time-outs at once count as one failure.
    await clock.advance(30_000)
    expect(shipper.stats()).toMatchObject({ state: 'failing', inFlight: 0, limit: 1 })
    const sent = to.requests.length
    await clock.advance(499)
    expect(to.requests).toHaveLength(sent)
    await clock.advance(1)
    expect(to.requests).toHaveLength(sent + 1)
    expect(to.requests.at(-1)).toEqual([`r${first}`])
  })
})

describe('bounds', () => {
  it('holds two batches at most while a destination that keeps the order is down', async () => {
    const to = scripted()
    to.always = 'network'
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 50_000, { pad: 1000 }))
    void shipper.add(spool)
    await clock.advance(3600_000)
    const MiB = 1024 * 1024
    expect(shipper.stats().heldBytes).toBeLessThanOrEqual(2 * MiB)
    expect(spool.given).toBeLessThanOrEqual(2000)
    expect(clock.timers).toBeLessThan(5)
  })

  it('holds five at most where four may be in flight and none is answered', async () => {
    const to = scripted({ concurrency: 4 })
    const { shipper, clock, source } = rig(to, { batch: { count: 10 }, timeoutMs: 1e9 })
    const spool = source('spool', many('warm', 1000))
    void shipper.add(spool)
    await clock.advance(0)
    expect(shipper.stats().limit).toBe(4)
    to.always = 'hang'
    spool.push(...many('r', 1000))
    await clock.advance(3600_000)
    expect(shipper.stats().inFlight).toBe(4)
    expect(spool.given - spool.committed).toBe(50)
  })
})

describe('poke', () => {
  it('has it look for more at once, and hurries nothing else', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    // Nothing tells it that there is more.
    const spool = Object.assign(source('spool'), { wait: () => new Promise<void>(() => {}) })
    void shipper.add(spool)
    await clock.advance(0)
    spool.push(shipped('new'))
    await clock.advance(10_000)
    expect(spool.given).toBe(0)
    shipper.poke()
    await turn()
    expect(spool.given).toBe(1)
    await clock.advance(999)
    expect(to.requests).toEqual([])
    await clock.advance(1)
    expect(to.requests).toEqual([['new']])
  })
})

it('waits once for a source, however often it is poked', async () => {
  const { shipper, clock, source } = rig(scripted())
  const spool = source('spool')
  let waits = 0
  const reads: number[] = []
  const { read, wait } = spool
  Object.assign(spool, {
    read(bytes: number, count: number) {
      reads.push(clock.monotonic())
      return read(bytes, count)
    },
    async wait(ms: number) {
      waits++
      await wait(ms)
      waits--
    },
  })
  void shipper.add(spool)
  for (let i = 0; i < 10; i++) {
    shipper.poke()
    await turn()
  }
  expect(reads).toHaveLength(11)
  expect(waits).toBe(1)
})

describe('idle', () => {
  it('sends at once what there is, and resolves when it is done with and noted', async () => {
    const to = scripted({ script: [{ kind: 'retry', reason: 'busy' }] })
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 3))
    void shipper.add(spool)
    let idle = false
    void shipper.idle().then(() => {
      idle = true
    })
    await clock.advance(0)
    expect(to.requests).toEqual([['r0', 'r1', 'r2']])
    expect(idle).toBe(false)
    const release = spool.stall()
    await clock.advance(500)
    expect(to.stored).toHaveLength(3)
    expect(idle).toBe(false)
    release()
    await turn()
    expect(idle).toBe(true)
  })

  it('looks once more for what came since the last read', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = Object.assign(source('spool'), { wait: () => new Promise<void>(() => {}) })
    void shipper.add(spool)
    await clock.advance(0)
    spool.push(shipped('new'))
    await shipper.idle()
    expect(to.stored).toEqual(['new'])
  })

  it('looks once more where a read was under way', async () => {
    const { shipper, source } = rig(scripted())
    void shipper.add(Object.assign(source('spool'), { wait: () => new Promise<void>(() => {}) }))
    await shipper.idle()
  })

  it('resolves at once where there is nothing', async () => {
    const { shipper } = rig(scripted())
    await shipper.idle()
  })
})

describe('stop', () => {
  it('delivers what it can in the time given, then closes everything', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 3))
    const ended = shipper.add(spool)
    const stopped = shipper.stop(1000)
    await clock.advance(0)
    await stopped
    await ended
    expect(to.stored).toHaveLength(3)
    expect([spool.committed, spool.closed, to.closed]).toEqual([3, true, true])
  })

  it('waits until what is delivered is noted', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 3))
    const release = spool.stall()
    void shipper.add(spool)
    await clock.advance(1000)
    let stopped = false
    void shipper.stop(0).then(() => {
      stopped = true
    })
    await turn()
    expect([to.stored.length, spool.closed, stopped]).toEqual([3, false, false])
    release()
    await turn()
    expect([spool.committed, spool.closed, stopped]).toEqual([3, true, true])
  })

  it('ends what hangs, and commits nothing of it', async () => {
    const to = scripted()
    to.always = 'hang'
    const { shipper, clock, source, events } = rig(to)
    const spool = source('spool', many('r', 3))
    void shipper.add(spool)
    const idle = shipper.idle()
    const stopped = shipper.stop(5000)
    await clock.advance(5000)
    await stopped
    await idle
    expect(spool.commits).toEqual([])
    expect([spool.closed, to.closed, clock.timers]).toEqual([true, true, 0])
    // That we gave it up is no fault of the destination's.
    expect(events).toEqual([])
    expect(to.requests).toHaveLength(1)
  })

  it('waits for nothing with 0, and takes no source any more', async () => {
    const to = scripted()
    const { shipper, source } = rig(to)
    void shipper.add(source('spool', many('r', 3)))
    await shipper.stop(0)
    const late = source('late', many('late', 3))
    await shipper.add(late)
    shipper.poke()
    await shipper.idle()
    expect(late.closed).toBe(true)
    expect(to.requests).toEqual([])
  })
})

describe('options', () => {
  const deadLetters = { path: '', add: async () => 0, dropped: 0, lastError: undefined, close() {} }

  it.each<[string, object, string]>([
    [
      'no destination',
      { destination: undefined },
      'createShipper({ destination }) is undefined, expected an object',
    ],
    [
      'a wrong bound',
      { batch: { bytes: 0 } },
      'createShipper({ batch: { bytes } }) is 0, expected a whole number from 1',
    ],
    [
      'a wrong time-out',
      { timeoutMs: '1s' },
      'createShipper({ timeoutMs }) is "1s", expected a number from 1',
    ],
    [
      'a name that is none',
      { cuncurrency: 2 },
      'createShipper({ cuncurrency }) is not an option, did you mean',
    ],
  ])('refuses %s', (_, wrong, message) => {
    const options = { destination: scripted(), deadLetters, ...wrong }
    expect(() => createShipper(options)).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.stringContaining(message) }),
    )
  })

  it('lets nothing that onEvent throws get in the way', async () => {
    const to = scripted({ script: ['network'] })
    const { shipper, clock, source } = rig(to, {
      onEvent() {
        throw new Error('in the callback')
      },
    })
    void shipper.add(source('spool', many('r', 3)))
    await clock.advance(2000)
    expect(to.stored).toHaveLength(3)
  })

  it('never has more in flight than it is told', async () => {
    const to = scripted({ concurrency: 4 })
    const { shipper, clock, source } = rig(to, { concurrency: 2, batch: { count: 1 } })
    void shipper.add(source('spool', many('r', 100)))
    await clock.advance(0)
    expect(shipper.stats()).toMatchObject({ limit: 2, delivered: 100 })
  })
})
