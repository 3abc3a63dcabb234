import type { Intake } from './intake.ts'
import type { ShipperSettings } from './options.ts'
import type { Turns } from './turns.ts'

export interface ReadingOptions {
  readonly intakes: readonly Intake[]
  readonly settings: Pick<ShipperSettings, 'bytes' | 'count'>
  readonly turns: Turns
  /** How many batches may be in flight. */
  readonly slots: () => number
  /** Numbers the reads. */
  readonly nextSerial: () => number
}

/** Reads the sources by turns, as far as there is room: for what may be in flight, and one batch more. */
export interface Reading {
  /** Begins all reads that are possible now. */
  read(): void
  /** Whether there is no room for more. */
  readonly isFull: boolean
}

// Reading a few records at a time would cost more than it brings.
const WORTH_READING = 1 / 8
// What is read only to see whether it has to wait for an older source: such reads are not counted into the bound.
const GLANCE_BYTES = 64 * 1024

export function createReading({ intakes, settings, turns, slots, nextSerial }: ReadingOptions): Reading {
  let turn = 0

  function room(): { bytes: number; count: number; isFull: boolean } {
    const batches = slots() + 1
    const room = { bytes: batches * settings.bytes, count: batches * settings.count }
    let held = 0
    for (const intake of intakes) {
      if (turns.isBlocked(intake)) continue
      held += intake.count
      room.bytes -= intake.bytes
      room.count -= intake.count
    }
    const isSmall = room.bytes < settings.bytes * WORTH_READING || room.count < settings.count * WORTH_READING
    return { ...room, isFull: held > 0 && isSmall }
  }

  return {
    read() {
      for (let looked = 0; looked < intakes.length; looked++) {
        const at = (turn + looked) % intakes.length
        const intake = intakes[at] as Intake
        if (!intake.readable || turns.isBlocked(intake)) continue
        const left = room()
        if (left.isFull) return
        const most = turns.firstLeft && !intake.first ? GLANCE_BYTES : settings.bytes
        const bytes = Math.min(Math.max(left.bytes, 1), settings.bytes, most)
        const count = Math.min(Math.max(left.count, 1), settings.count)
        intake.read(bytes, count, nextSerial())
        turn = at + 1
      }
    },
    get isFull() {
      return room().isFull
    },
  }
}
