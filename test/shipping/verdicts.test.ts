import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../src/shipping/preset.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { START } from './support/fake-clock.ts'
import { many, shipped } from './support/memory-source.ts'
import { rig } from './support/rig.ts'
import { type Act, DELIVERED, type Scripted, scripted } from './support/scripted.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 100)
const reason = 'says the back end'
const MINUTE = 60_000

/** A back end that refuses every request with one of these records in it, and says nothing of which. */
function refusing(bad: ReadonlySet<string>): (records: readonly Shipped[]) => Act {
  return (records) => (records.some(({ id }) => bad.has(id)) ? { kind: 'bisect', reason } : DELIVERED)
}

/** One batch of these records, sent to its end. */
async function deliver(to: Scripted, records: readonly Shipped[], options: Parameters<typeof rig>[1] = {}) {
  const made = rig(to, { batch: { count: 2000, bytes: 100_000_000 }, ...options })
  const spool = made.source('spool', records)
  void made.shipper.add(spool)
  let idle = false
  void made.shipper.idle().then(() => {
    idle = true
  })
  while (!idle && (await made.clock.step()));
  return { ...made, spool, idle }
}

describe('retry', () => {
  it.each<[string, Act]>([
    ['retry', { kind: 'retry', reason }],
    ['a network error', 'network'],
    ['an answer that got lost', 'lost answer'],
  ])('sends the same request again after %s, with ever longer pauses', async (_, act) => {
    const to = scripted({ maxCount: 3 })
    to.always = act
    const { shipper, clock, source } = rig(to)
    const sentAt: number[] = []
    const { send } = to
    to.send = (records, signal) => {
      sentAt.push(clock.monotonic())
      return send(records, signal)
    }
    void shipper.add(source('spool', many('r', 10)))
    await clock.advance(100_000)
    // Half of 1, 2, 4, 8, 16 and 30 s: random() is 0.5.
    expect(sentAt.map((at, i) => at - (sentAt[i - 1] ?? 0))).toEqual(
      [0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000].slice(0, sentAt.length),
    )
    expect(sentAt.length).toBeGreaterThan(8)
    expect(new Set(to.requests.map((ids) => ids.join()))).toEqual(new Set(['r0,r1,r2']))
    to.always = DELIVERED
    await clock.advance(20_000)
    expect(to.stored.slice(-10).join()).toBe('r0,r1,r2,r3,r4,r5,r6,r7,r8,r9')
  })

  it('waits anew from the beginning after one success', async () => {
    const to = scripted({
      maxCount: 1,
      script: ['network', 'network', 'network', DELIVERED, 'network', DELIVERED],
    })
    const { shipper, clock, source } = rig(to)
    const sentAt: number[] = []
    const { send } = to
    to.send = (records, signal) => {
      sentAt.push(clock.monotonic())
      return send(records, signal)
    }
    void shipper.add(source('spool', many('r', 2)))
    await clock.advance(10_000)
    expect(sentAt).toEqual([0, 500, 1500, 3500, 3500, 4000])
  })

  it.each([
    [10_000, 10_000],
    [100, 500],
    [3600_000, 300_000],
    [-5, 500],
    [Number.NaN, 500],
    [Number.POSITIVE_INFINITY, 300_000],
  ])('waits at least what the back end asks for, up to 5 min: %d', async (afterMs, waitedMs) => {
    const to = scripted({ script: [{ kind: 'retry', reason, afterMs }] })
    const { shipper, clock, source } = rig(to)
    void shipper.add(source('spool', many('r', 2)))
    await clock.advance(1000 + waitedMs - 1)
    expect(to.requests).toHaveLength(1)
    await clock.advance(1)
    expect(to.requests).toHaveLength(2)
  })

  it('gives up what is not answered within timeoutMs, and tells the destination so', async () => {
    const to = scripted({ script: ['hang'] })
    let signal: AbortSignal | undefined
    const { send } = to
    to.send = (records, given) => {
      signal ??= given
      return send(records, given)
    }
    const { shipper, clock, source, events } = rig(to, { timeoutMs: 7000 })
    void shipper.add(source('spool', many('r', 2)))
    await clock.advance(1000 + 6999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.aborted).toBe(true)
    await clock.advance(500)
    expect(to.stored).toEqual(['r0', 'r1'])
    expect(events[0]?.message).toContain('there was no answer within 7 s')
  })

  it('tells the first failure, then one a minute, then that it is over', async () => {
    const to = scripted()
    to.always = 'network'
    const { shipper, clock, source, events } = rig(to)
    void shipper.add(source('spool', many('r', 2)))
    await clock.advance(1000)
    expect(events).toEqual([
      {
        code: 'failing',
        message:
          'backend has not taken records: connect ECONNREFUSED. They are kept (136 B, the oldest for 2 s) and sent again by themselves; if this lasts, look whether it runs and can be reached from here.',
      },
    ])
    await clock.advance(MINUTE - 1)
    expect(events).toHaveLength(1)
    await clock.advance(5 * MINUTE)
    expect(events.length).toBeGreaterThanOrEqual(5)
    expect(events.length).toBeLessThanOrEqual(6)
    expect(events[1]?.message).toMatch(/has not taken records for \d+ s: /)
    expect(shipper.stats()).toMatchObject({
      state: 'failing',
      lastError: 'connect ECONNREFUSED',
      delivered: 0,
      retried: to.requests.length * 2 - 2,
    })
    to.always = DELIVERED
    await clock.advance(MINUTE)
    expect(events.at(-1)).toMatchObject({
      code: 'recovered',
      message: expect.stringMatching(/^backend takes records again, after [67] min; /),
    })
    expect(shipper.stats().state).toBe('healthy')
  })
})

describe('hold', () => {
  it('keeps all, tells it once, and tries from every 30 s to every 5 min', async () => {
    const to = scripted()
    to.always = { kind: 'hold', reason: '401: who are you' }
    const { shipper, clock, source, events, letters } = rig(to)
    const sentAt: number[] = []
    const { send } = to
    to.send = (records, signal) => {
      sentAt.push(clock.monotonic())
      return send(records, signal)
    }
    const spool = source('spool', many('r', 5))
    void shipper.add(spool)
    await clock.advance(3600_000)
    expect(sentAt.map((at, i) => at - (sentAt[i - 1] ?? 0)).slice(0, 7)).toEqual([
      1000, 33_750, 67_500, 135_000, 270_000, 300_000, 300_000,
    ])
    expect(events).toEqual([
      {
        code: 'held',
        message:
          'backend takes no records until somebody mends it: 401: who are you. They are kept (340 B, the oldest for 2 s) and tried again every 30 s to 5 min; correct its address, its token or what else it complains of.',
      },
    ])
    expect(shipper.stats().state).toBe('held')
    expect([spool.commits, letters()]).toEqual([[], []])
    to.always = DELIVERED
    await clock.advance(300_000)
    expect(to.stored).toHaveLength(5)
    expect(events.at(-1)).toMatchObject({ code: 'recovered' })
    expect(shipper.stats()).toMatchObject({ state: 'healthy', queueBytes: 0, oldestMs: undefined })
  })
})

describe('halve', () => {
  it('sends halves, in order, and goes on with what was small enough', async () => {
    const to = scripted()
    to.always = (records) => (records.length > 3 ? { kind: 'halve', reason } : DELIVERED)
    const { spool } = await deliver(to, many('r', 10))
    expect(to.requests.map(({ length }) => length)).toEqual([10, 5, 2, 2, 2, 2, 2])
    expect(to.stored).toEqual(spool.commits.length > 0 ? many('r', 10).map(({ id }) => id) : [])
  })

  it('remembers for the rest of the batch what was too large, over a search too', async () => {
    const bad = refusing(new Set(['r1']))
    const to = scripted()
    to.always = (records) => (records.length > 3 ? { kind: 'halve', reason } : bad(records))
    const { letters } = await deliver(to, many('r', 12))
    expect(letters().map(({ id }) => id)).toEqual(['r1'])
    expect(to.requests.map(({ length }) => length)).toEqual([12, 6, 3, 1, 1, 3, 3, 3, 1])
  })

  it('refuses one record that is too large alone', async () => {
    const to = scripted()
    to.always = (records) =>
      records.some(({ id }) => id === 'r5') ? { kind: 'halve', reason: '413: too large' } : DELIVERED
    const { letters, idle } = await deliver(to, many('r', 10))
    expect(idle).toBe(true)
    expect(letters()).toMatchObject([{ id: 'r5', reason: '413: too large' }])
    expect(to.stored).toHaveLength(9)
  })
})

describe('bisect', () => {
  it.each([1, 2, 3, 5, 8, 100, 1000])('finds the record at fault among %i, wherever it is', async (count) => {
    const most = 1 + Math.ceil(Math.log2(count)) + 1
    const step = count < 200 ? 1 : 83
    for (let at = 0; at < count; at += step) {
      const to = scripted()
      to.always = refusing(new Set([`r${at}`]))
      const { letters } = await deliver(to, many('r', count))
      expect(letters().map(({ id }) => id)).toEqual([`r${at}`])
      expect(to.stored).toEqual(
        many('r', count)
          .map(({ id }) => id)
          .filter((id) => id !== `r${at}`),
      )
      expect(to.requests.length).toBeLessThanOrEqual(most)
    }
  })

  it('finds all that are at fault, with at most log2(n) + 1 requests each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (count, picks) => {
          const bad = new Set(picks.map((pick) => `r${pick % count}`))
          const to = scripted()
          to.always = refusing(bad)
          const { letters } = await deliver(to, many('r', count))
          const buried = letters().map(({ id }) => id)
          const fruitless = buried.length > bad.size
          // Where the first three were at fault all of it is taken for bad.
          if (fruitless) expect(['r0', 'r1', 'r2'].every((id) => bad.has(id))).toBe(true)
          else expect(new Set(buried)).toEqual(bad)
          expect(to.stored.length + buried.length).toBe(count)
          expect(to.requests.length).toBeLessThanOrEqual(
            1 + buried.length * (Math.ceil(Math.log2(count)) + 1),
          )
        },
      ),
      { numRuns },
    )
  })

  it('sends a record alone before it is refused, where nothing else says that it is at fault', async () => {
    const to = scripted({ script: [{ kind: 'bisect', reason }] })
    const { letters } = await deliver(to, many('r', 8))
    expect(letters()).toEqual([])
    expect(to.stored).toHaveLength(8)
  })

  it('goes on where it was when an answer is missing', async () => {
    const bad = refusing(new Set(['r5']))
    const to = scripted({ script: [bad, 'network', bad, 'hang', bad, { kind: 'hold', reason }] })
    to.always = bad
    const { letters } = await deliver(to, many('r', 8))
    expect(letters().map(({ id }) => id)).toEqual(['r5'])
    expect(to.requests.map((ids) => ids.join())).toEqual([
      'r0,r1,r2,r3,r4,r5,r6,r7',
      'r0,r1,r2,r3',
      'r0,r1,r2,r3',
      'r4,r5',
      'r4,r5',
      'r4',
      'r4',
      'r6,r7',
    ])
  })

  it('does not search a batch that is all bad, nor let the next ones cost more', async () => {
    const to = scripted()
    to.always = { kind: 'bisect', reason }
    const { letters, events, idle, shipper } = await deliver(to, many('r', 2000), { batch: { count: 1000 } })
    expect(idle).toBe(true)
    expect(letters()).toHaveLength(2000)
    // Three found, one after the other, and the rest in one more.
    expect(to.requests.length).toBeLessThanOrEqual(2 * (3 * 11 + 2))
    expect(letters().at(-1)?.reason).toBe(`${reason} (one of 997 that were sent together)`)
    await shipper.stop(0)
    expect(
      events.filter(({ code }) => code === 'refused').reduce((sum, { records = 0 }) => sum + records, 0),
    ).toBe(2000)
  })

  it('searches once a minute where there is something to find in every batch', async () => {
    const to = scripted()
    to.always = (records) =>
      refusing(new Set(records.map(({ id }) => id).filter((id) => id.endsWith('50'))))(records)
    const { shipper, clock, source, letters } = rig(to, { batch: { count: 100 } })
    const spool = source('spool')
    void shipper.add(spool)
    let searched = 0
    for (let i = 0; i < 120; i++) {
      const before = letters().length
      spool.push(...many(`b${i}r`, 100))
      await clock.advance(i < 45 ? 0 : 30_000)
      // Found: one. Not searched for: all hundred.
      if (letters().length === before + 1) searched++
    }
    expect(searched).toBe(30 + 37)
    expect(to.stored.length + letters().length).toBe(12_000)
  })
})

describe('refuse', () => {
  it('puts all of the batch into the dead letters, and goes on', async () => {
    const to = scripted({
      script: [Object.assign({ kind: 'refuse', reason: '404: no such index' } as Verdict, { status: 404 })],
    })
    const { letters, events, shipper } = await deliver(to, [
      ...many('r', 2),
      shipped('e', { level: 'error' }),
    ])
    expect(letters()).toMatchObject([
      {
        time: new Date(START).toISOString(),
        destination: 'backend',
        reason: '404: no such index',
        status: 404,
        id: 'r0',
        nth: 0,
      },
      { id: 'r1' },
      { id: 'e', record: shipped('e', { level: 'error' }).line },
    ])
    expect(events).toEqual([
      {
        code: 'refused',
        records: 3,
        byLevel: { info: 2, error: 1 },
        message: expect.stringMatching(
          /^backend refused 3 records \(1 error, 2 info\): 404: no such index\. See the dead letters, .*dead-letters\.ndjson: mend what it complains of, then send them again with 'spoor ship --dead-letter'\.$/,
        ),
      },
    ])
    expect(shipper.stats()).toMatchObject({ refused: 3, delivered: 0, lost: 0, state: 'healthy' })
  })

  it('is tried slowly once 3,000 in a row were refused, so that the rest stays in the spool', async () => {
    const to = scripted()
    to.always = { kind: 'refuse', reason: '400: what is that' }
    const { shipper, clock, source, letters, codes, events } = rig(to)
    const spool = source('spool', many('r', 20_000))
    void shipper.add(spool)
    await clock.advance(20_000)
    expect(letters()).toHaveLength(3000)
    expect(shipper.stats()).toMatchObject({ state: 'held', refused: 3000 })
    expect(codes()).toEqual(['refused', 'held'])
    expect(events[1]?.message).toContain('it has refused all of the last 3,000 records, 400: what is that')
    // It is not stuck either: one batch each time.
    await clock.advance(20_000)
    expect(letters()).toHaveLength(4000)
    to.always = DELIVERED
    await clock.advance(300_000)
    expect(spool.committed).toBe(20_000)
    expect(letters()).toHaveLength(4000)
    expect(codes().at(-1)).toBe('recovered')
  })

  it('loses what can not be put into the dead letters, says so, and goes on', async () => {
    const to = scripted({ script: [{ kind: 'refuse', reason }] })
    const { shipper, events, spool } = await deliver(to, many('r', 3), {
      deadLetters: {
        path: '/x/dead',
        add: async (letters) => letters.length - 2,
        dropped: 0,
        lastError: 'ENOSPC: no space',
        close() {},
      },
    })
    expect(spool.committed).toBe(3)
    expect(shipper.stats()).toMatchObject({ refused: 1, lost: 2 })
    expect(events.find(({ code }) => code === 'lost')).toEqual({
      code: 'lost',
      records: 2,
      byLevel: { info: 2 },
      message:
        'lost on the way to backend: 2 records (2 info). It refused this, and the dead letters could not be written, /x/dead: ENOSPC: no space; make room there, or let this process write it.',
    })
  })

  it('is added up, and told once a minute', async () => {
    const to = scripted({ maxCount: 1 })
    to.always = { kind: 'refuse', reason }
    const { shipper, clock, source, events } = rig(to)
    const spool = source('spool', many('r', 5))
    void shipper.add(spool)
    await clock.advance(0)
    expect(events.map(({ records }) => records)).toEqual([1])
    await clock.advance(MINUTE - 1)
    expect(events).toHaveLength(1)
    await clock.advance(1)
    expect(events.map(({ records }) => records)).toEqual([1, 4])
    spool.push(shipped('last'))
    await clock.advance(0)
    await shipper.stop(0)
    expect(events.map(({ records }) => records)).toEqual([1, 4, 1])
  })
})

describe('partly', () => {
  it('sends again what is asked for, buries what is refused, counts what is lost', async () => {
    const to = scripted({
      script: [
        {
          kind: 'partly',
          reason,
          retry: [1, 4],
          refused: [{ index: 2, reason: 'too long' }],
          lost: 1,
          afterMs: 2000,
        },
      ],
    })
    const { letters, spool, events, shipper, clock } = await deliver(to, many('r', 6))
    expect(to.requests).toEqual([
      ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'],
      ['r1', 'r4'],
    ])
    expect(letters()).toMatchObject([{ id: 'r2', reason: 'too long' }])
    expect(spool.commits.map(({ id }) => id)).toEqual(['r0', 'r5'])
    expect(clock.monotonic()).toBe(2000)
    expect(shipper.stats()).toMatchObject({ delivered: 4, retried: 2, refused: 1, lost: 1 })
    expect(events.find(({ code }) => code === 'lost')).toMatchObject({
      records: 1,
      message: `lost on the way to backend: 1 record. It took this and threw it away: ${reason}.`,
    })
  })

  it.each<[string, Partial<Verdict & { kind: 'partly' }>, string[]]>([
    ['are out of range', { retry: [7, -1, 1.5, Number.NaN], refused: [{ index: 3, reason }] }, []],
    [
      'stand twice',
      {
        retry: [0, 0, 1],
        refused: [
          { index: 0, reason },
          { index: 0, reason },
        ],
      },
      ['r0'],
    ],
  ])('believes no indexes that %s', async (_, wrong, buried) => {
    const to = scripted({ script: [{ kind: 'partly', reason, ...wrong } as Verdict] })
    const { letters, idle, shipper } = await deliver(to, many('r', 3))
    expect(idle).toBe(true)
    expect(letters().map(({ id }) => id)).toEqual(buried)
    expect(shipper.stats().delivered).toBe(3 - buried.length)
  })

  it.each([
    [Number.NaN, 0],
    [-3, 0],
    [2, 2],
    [100, 3],
    [undefined, 0],
  ])('counts %d as lost of 3 as %d', async (lost, counted) => {
    const to = scripted({ script: [{ kind: 'partly', reason, lost }] })
    const { shipper } = await deliver(to, many('r', 3))
    expect(shipper.stats()).toMatchObject({ lost: counted, delivered: 3 - counted })
  })

  it('is the same request again where none was taken', async () => {
    const to = scripted({ script: [{ kind: 'partly', reason, retry: [2, 1, 0] }] })
    await deliver(to, many('r', 3))
    expect(to.requests[1]).toEqual(to.requests[0])
  })

  it('tells no failure and no recovery of every other request', async () => {
    const to = scripted({ maxCount: 2 })
    to.always = (records) => (records.length > 1 ? { kind: 'partly', reason, retry: [1] } : DELIVERED)
    const { codes } = await deliver(to, many('r', 40))
    expect(codes()).toEqual(['failing', 'recovered'])
  })
})

describe('delivered', () => {
  it('tells what the back end warns of, once a minute', async () => {
    const to = scripted({ maxCount: 1 })
    to.always = { kind: 'delivered', warning: 'the queue is nearly full' }
    const { events } = await deliver(to, many('r', 5))
    expect(events).toEqual([
      { code: 'warning', message: 'backend took records and complains: the queue is nearly full.' },
    ])
  })
})

describe('records that are too old', () => {
  it('are not sent, but counted by level and told', async () => {
    const to = scripted({ oldestMs: 7 * 86_400_000 })
    const old = START - 7 * 86_400_000
    const records = [
      shipped('old', { timeMs: old - 1 }),
      shipped('just', { timeMs: old }),
      shipped('older', { timeMs: old - 1e9, level: 'error' }),
      shipped('odd', { timeMs: 0, level: 'loud' }),
      shipped('new'),
    ]
    const { spool, events, shipper } = await deliver(to, records)
    expect(to.requests).toEqual([['just', 'new']])
    expect(spool.committed).toBe(5)
    expect(shipper.stats()).toMatchObject({
      expired: 3,
      delivered: 2,
      expiredByLevel: { info: 1, error: 1, other: 1 },
    })
    expect(events).toEqual([
      {
        code: 'expired',
        records: 3,
        byLevel: { info: 1, error: 1, other: 1 },
        message:
          'not sent to backend: 3 records (1 error, 1 info, 1 other). It takes nothing older than 7 d, and would refuse this; look since when it could not be reached.',
      },
    ])
  })

  it('are judged when they are to be sent, and not when they were read', async () => {
    const to = scripted({ oldestMs: 3600_000, maxCount: 1, script: [] })
    to.always = 'network'
    const { shipper, clock, source } = rig(to)
    void shipper.add(source('spool', many('r', 2, { timeMs: START })))
    await clock.advance(2 * 3600_000)
    to.always = DELIVERED
    await clock.advance(MINUTE)
    // The first one is the same request again, whatever its age.
    expect(to.stored).toEqual(['r0'])
    expect(shipper.stats()).toMatchObject({ expired: 1, delivered: 1 })
  })
})
