import { afterEach, describe, expect, it, vi } from 'vitest'
import { fileSettings } from '../../src/transports/file-options.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { createUpkeep } from '../../src/transports/upkeep.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const MODULE = '../../src/segments/upkeep/maintenance.ts'

afterEach(() => {
  vi.doUnmock(MODULE)
  vi.resetModules()
})

describe('upkeep of a file transport', () => {
  it.each(['begin', 'rotated'] as const)(
    'that could not be loaded is loaded at the next %s',
    async (call) => {
      const events: TransportEvent[] = []
      const settings = fileSettings({ path: `${temporaryDirectory()}/app.log` })
      const upkeep = createUpkeep(settings, undefined, (event) => events.push(event))
      let started = 0
      let broken = true
      vi.doMock(MODULE, () => ({
        createMaintenance() {
          if (broken) throw new Error('EMFILE: too many open files')
          const nothing = { age: 0, count: 2, size: 0, free: 0 }
          return {
            start: () => started++,
            rotated() {},
            close: async () => {},
            stats: () => ({ compressed: 1, deleted: nothing, unreadLines: 0 }),
          }
        },
      }))
      upkeep.begin()
      await vi.waitFor(() => expect(events.map(({ code }) => code)).toEqual(['maintenance']))
      expect(events[0]?.message).toContain('EMFILE')
      upkeep[call]()
      await vi.waitFor(() => expect(events).toHaveLength(2))
      broken = false
      upkeep[call]()
      upkeep[call]()
      await vi.waitFor(() => expect(started).toBe(1))
      expect(upkeep.counts()).toEqual({ compressed: 1, deleted: 2, deletedUnread: 0 })
      await upkeep.end()
      expect([events.length, started]).toEqual([2, 1])
    },
  )
})
