import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Verdict } from '../../src/shipping/preset.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { START } from './support/fake-clock.ts'
import { type MemorySource, shipped } from './support/memory-source.ts'
import { rig } from './support/rig.ts'
import { type Act, scripted } from './support/scripted.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 100)
const HOUR = 3600_000
const BYTES = 2000
// An endless loop of ours is a failure and not a test that hangs.
const MOST_STEPS = 20_000
const LARGEST = 5200
const GLANCE = 64 * 1024

const reason = 'scripted'
const index = fc.nat({ max: 30 })
const partly = fc.record({
  kind: fc.constant('partly' as const),
  reason: fc.constant(reason),
  retry: fc.option(fc.array(index), { nil: undefined }),
  refused: fc.option(fc.array(index.map((at) => ({ index: at, reason }))), { nil: undefined }),
  lost: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
})
const whole = fc.constantFrom<Act>(
  { kind: 'delivered' },
  { kind: 'delivered', warning: 'nearly full' },
  { kind: 'retry', reason },
  { kind: 'retry', reason, afterMs: 10_000 },
  { kind: 'retry', reason, afterMs: Number.NaN },
  { kind: 'hold', reason },
  { kind: 'halve', reason },
  { kind: 'bisect', reason },
  { kind: 'refuse', reason },
  'network',
  'hang',
  'lost answer',
)

const record = fc.record({
  group: fc.constantFrom('a', 'a', 'a', 'b'),
  pad: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 100 }) }, fc.constantFrom(2500, 5000)),
  level: fc.constantFrom('info', 'error', 'what'),
  poison: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  old: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})
const push = fc.record({
  source: fc.nat({ max: 2 }),
  records: fc.array(record, { maxLength: 30 }),
  thenMs: fc.constantFrom(0, 1, 100, 1000, 60_000),
})

/** Every request's records, in one text, to compare requests by. */
const asText = (ids: readonly string[]): string => ids.join(' ')

it.each([1, 3])(
  'delivers, buries or counts every record, whatever is answered (%i in flight)',
  async (concurrency) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(push, { minLength: 1, maxLength: 8 }),
        fc.array(fc.oneof({ weight: 3, arbitrary: whole }, partly as fc.Arbitrary<Act>), { maxLength: 30 }),
        fc.array(fc.constantFrom('first', 'later', 'ends'), { minLength: 3, maxLength: 3 }),
        async (pushes, script, kinds) => {
          const poisoned = new Set<string>()
          const groups = new Map<string, string>()
          // Which requests are to be made again, by their number.
          const failed: number[] = []
          const judge = (records: readonly Shipped[], act: Act): Act => {
            if (act === 'network' || act === 'hang' || act === 'lost answer') {
              failed.push(to.requests.length - 1)
              return act
            }
            const taken = act.kind === 'delivered' || act.kind === 'partly'
            if (taken && records.some(({ id }) => poisoned.has(id)))
              return { kind: 'bisect', reason: 'poison' }
            if (act.kind === 'retry' || act.kind === 'hold') failed.push(to.requests.length - 1)
            return act
          }
          const to = scripted({
            concurrency,
            maxBytes: 4000,
            maxCount: 20,
            oldestMs: HOUR,
            group: (one) => String(one.record.group),
            script: script.map((act) => (records) => {
              check()
              return judge(records, act)
            }),
          })
          to.always = (records) => {
            check()
            return judge(records, { kind: 'delivered' })
          }
          const { shipper, clock, source, letters } = rig(to, { batch: { bytes: BYTES } })
          const sources: MemorySource[] = []
          const all: Shipped[][] = [[], [], []]

          // Noted and not thrown, which would be one more failure of the network.
          let mostHeld = 0
          function check() {
            mostHeld = Math.max(mostHeld, shipper.stats().heldBytes)
          }

          /** Nothing that is committed is missing. */
          const missed: string[] = []
          function checkCommits() {
            const buried = new Set(letters().map(({ id }) => id))
            const stored = new Set(to.stored)
            for (const [at, one] of sources.entries()) {
              const missing = (all[at] ?? [])
                .slice(0, one.committed)
                .filter(({ id, timeMs }) => !stored.has(id) && !buried.has(id) && timeMs >= START - HOUR)
              expect(missing.map(({ id }) => id)).toEqual([])
            }
          }

          for (const [at, kind] of kinds.entries()) {
            const one = source(`s${at}`)
            const commit = one.commit
            sources.push(
              Object.assign(one, {
                commit: async (last: Shipped) => {
                  await commit(last)
                  checkCommits()
                },
              }),
            )
            void shipper.add(one, { first: kind === 'first' })
          }
          for (const { source: at, records, thenMs } of pushes) {
            const made = records.map((of) => {
              const id = `s${at}r${all[at]?.length}n${Math.random()}`
              if (of.poison) poisoned.add(id)
              groups.set(id, of.group)
              const one = shipped(id, { ...of, timeMs: of.old ? START - 2 * HOUR : START })
              all[at]?.push(one)
              return one
            })
            sources[at]?.push(...made)
            await clock.advance(thenMs)
          }
          for (const [at, kind] of kinds.entries()) if (kind !== 'later') sources[at]?.end()
          let idle = false
          void shipper.idle().then(() => {
            idle = true
          })
          for (let steps = 0; !idle && steps < MOST_STEPS && (await clock.step()); steps++);
          expect(idle).toBe(true)
          expect(missed).toEqual([])

          const every = all.flat()
          const buried = letters().map(({ id }) => id)
          const stored = new Set(to.stored)
          const expired = every.filter(({ timeMs }) => timeMs < START - HOUR)
          const missing = every.filter(
            (one) => !stored.has(one.id) && !buried.includes(one.id) && !expired.includes(one),
          )
          expect(missing.map(({ id }) => id)).toEqual([])
          expect(new Set(buried).size).toBe(buried.length)
          for (const [at, one] of sources.entries()) expect(one.committed).toBe(all[at]?.length)
          for (const [at, one] of sources.entries()) expect(one.closed).toBe(kinds[at] !== 'later')

          const stats = shipper.stats()
          expect(stats).toMatchObject({
            records: every.length,
            refused: buried.length,
            expired: expired.length,
            inFlight: 0,
            heldBytes: 0,
            queueBytes: 0,
          })
          expect(stats.delivered + stats.refused + stats.lost + stats.expired).toBe(every.length)

          // A glance at each where there is a source to be emptied first, and a record larger than all bounds from each.
          const glances = concurrency === 1 ? 2 * GLANCE : 0
          expect(mostHeld).toBeLessThanOrEqual((concurrency + 1) * BYTES + 3 * LARGEST + glances)
          const requests = to.requests.map(asText)
          for (const at of failed) {
            const later = requests.slice(at + 1, concurrency === 1 ? at + 2 : undefined)
            expect(later).toContain(requests[at])
          }
          for (const ids of to.requests) {
            expect(new Set(ids.map((id) => groups.get(id))).size).toBe(1)
            expect(new Set(ids.map((id) => id.slice(0, 2))).size).toBe(1)
            const bytes = ids.map((id) => every.find((one) => one.id === id)?.bytes ?? 0)
            expect(Math.max(...bytes)).toBeLessThanOrEqual(4000)
            if (ids.length > 1) expect(bytes.reduce((a, b) => a + b)).toBeLessThanOrEqual(BYTES)
            expect(ids.length).toBeLessThanOrEqual(20)
          }
          expect(to.mostInFlight).toBeLessThanOrEqual(concurrency)
          // The order in which records are first sent is that in which they were read, within their source and group.
          if (concurrency === 1) {
            const seen = [...new Set(to.requests.flat())]
            for (const at of [0, 1, 2]) {
              for (const group of ['a', 'b']) {
                const mine = seen.filter((id) => id.startsWith(`s${at}`) && groups.get(id) === group)
                const wanted = (all[at] ?? []).map(({ id }) => id).filter((id) => mine.includes(id))
                expect(mine).toEqual(wanted)
              }
            }
          }
          await shipper.stop(0)
        },
      ),
      { numRuns },
    )
  },
)

// What a destination says is judged as it comes; users write their own.
it.each<[string, unknown]>([
  ['undefined', undefined],
  ['no kind', {}],
  ['an unknown kind', { kind: 'perhaps' }],
  ['indexes that are none', { kind: 'partly', retry: 7, refused: [null], reason }],
])('keeps everything where the verdict is %s', async (_, verdict) => {
  const to = scripted({ script: [verdict as Verdict] })
  const { shipper, clock, source, events } = rig(to)
  const spool = source('spool', [shipped('a')])
  void shipper.add(spool)
  await clock.advance(1000)
  expect(spool.commits).toEqual([])
  expect(events.map(({ code }) => code)).toEqual(['held'])
  await clock.advance(300_000)
  expect(to.stored).toEqual(['a'])
})
