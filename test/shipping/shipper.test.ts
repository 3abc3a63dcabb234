import { describe, expect, it } from 'vitest'
import { many, shipped } from './support/memory-source.ts'
import { rig } from './support/rig.ts'
import { scripted } from './support/scripted.ts'

describe('batches', () => {
  it('are sent when their oldest record has waited ageMs, not before', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to)
    const spool = source('spool', many('r', 3))
    void shipper.add(spool)
    await clock.advance(900)
    spool.push(shipped('late'))
    expect(to.requests).toEqual([])
    await clock.advance(99)
    expect(to.requests).toEqual([])
    await clock.advance(1)
    expect(to.requests).toEqual([['r0', 'r1', 'r2', 'late']])
    expect(spool.committed).toBe(4)
  })

  it('are sent at once when they are full, by count', async () => {
    const to = scripted()
    const { shipper, clock, source } = rig(to, { batch: { count: 2 } })
    void shipper.add(source('spool', many('r', 5)))
    await clock.advance(0)
    expect(to.requests).toEqual([
      ['r0', 'r1'],
      ['r2', 'r3'],
    ])
    await clock.advance(1000)
    expect(to.requests.at(-1)).toEqual(['r4'])
  })
})
