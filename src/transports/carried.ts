import type { ShipOrder } from '../shipping/orders.ts'

/** Lines that could not be written to the spool and went to the shipper as they are, until they are delivered. */
export interface Carried {
  /** Takes them if there is room. @returns the order that brings them to the shipper; undefined if there is none */
  add(lines: string): ShipOrder | undefined
  /** They are delivered, or refused and told. */
  done(id: number): void
  /** For a shipper that comes after one that died. */
  orders(): ShipOrder[]
  /** UTF-16 units. */
  readonly units: number
  /** All that are not delivered, which are then nobody's. */
  take(): string
}

/** 1 Mi: as much as a batch, so that what the shipper makes of them stays small. */
const MOST_UNITS = 1024 * 1024

export function createCarried(): Carried {
  const held = new Map<number, string>()
  let units = 0
  let ids = 0
  return {
    add(lines) {
      if (units > 0 && units + lines.length > MOST_UNITS) return undefined
      const id = ids++
      held.set(id, lines)
      units += lines.length
      return { kind: 'carry', id, lines }
    },
    done(id) {
      units -= held.get(id)?.length ?? 0
      held.delete(id)
    },
    orders: () => [...held].map(([id, lines]) => ({ kind: 'carry', id, lines })),
    get units() {
      return units
    },
    take() {
      const all = [...held.values()].join('')
      held.clear()
      units = 0
      return all
    },
  }
}
