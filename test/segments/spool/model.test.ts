import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../../support/temporary.ts'
import { createWorld, type World } from './world.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 30)

const pick = fc.nat({ max: 9 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      who: pick,
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      who: pick,
      which: pick,
      maxBytes: fc.integer({ min: 1, max: 600 }),
      maxCount: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('commit' as const), who: pick, which: pick, index: pick }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('tick' as const),
      who: pick,
      ms: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('start' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt' as const), who: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), who: pick, tears: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), who: pick }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('enforce' as const),
      who: pick,
      bytes: fc.integer({ min: 100, max: 1500 }),
    }),
  },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function take(world: World, one: Step): Promise<void> {
  const process = world.processes['who' in one ? one.who % world.processes.length : 0]
  if (one.do === 'start' || process === undefined) {
    if (world.processes.length < 3) world.start()
    return
  }
  const read = 'which' in one ? process.reads[one.which % process.reads.length] : undefined
  if (one.do === 'append') world.append(process, one.count)
  else if (one.do === 'read' && read !== undefined) await world.read(read, one.maxBytes, one.maxCount)
  else if (one.do === 'commit' && read !== undefined) await world.commit(read, one.index)
  else if (one.do === 'tick') process.clock += one.ms
  else if (one.do === 'adopt') await world.adopt(process)
  else if (one.do === 'kill') await world.kill(process, one.tears)
  else if (one.do === 'stop') await world.stop(process)
  else if (one.do === 'enforce') await world.enforce(process, one.bytes)
}

it('loses nothing but what it says, and repeats nothing that was committed, whatever happens', async () => {
  const root = temporaryDirectory()
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const directory = join(root, String(run++))
      mkdirSync(directory)
      const world = createWorld(directory)
      world.start()
      for (const one of steps) await take(world, one)
      await world.drain()
      expect(world.missing()).toEqual([])
    }),
    { numRuns },
  )
})
