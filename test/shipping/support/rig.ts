import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createDeadLetters, type LetterLine } from '../../../src/shipping/dead-letters.ts'
import type { Destination } from '../../../src/shipping/destination.ts'
import type { ShipperEvent } from '../../../src/shipping/events.ts'
import type { ShipperOptions } from '../../../src/shipping/options.ts'
import { createShipper } from '../../../src/shipping/shipper.ts'
import { parseLines } from '../../support/strict-json.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { fakeClock } from './fake-clock.ts'
import { memorySource } from './memory-source.ts'

/** A shipper to a destination, with a clock that stands still and dead letters of its own. */
export function rig(destination: Destination, options: Partial<ShipperOptions> = {}) {
  const clock = fakeClock()
  const events: ShipperEvent[] = []
  const path = join(temporaryDirectory(), 'dead-letters.ndjson')
  const deadLetters = options.deadLetters ?? createDeadLetters({ path, now: clock.now })
  const shipper = createShipper({
    destination,
    deadLetters,
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(async () => {
    await shipper.stop(0)
    deadLetters.close()
  })
  return {
    shipper,
    clock,
    events,
    codes: () => events.map(({ code }) => code),
    source: (name: string, records: Parameters<typeof memorySource>[2] = []) =>
      memorySource(name, clock, records),
    letters: () =>
      existsSync(path) ? parseLines<LetterLine & Record<string, unknown>>(readFileSync(path, 'utf8')) : [],
  }
}
