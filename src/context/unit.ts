/** A logger's records of one unit of work that wait for its end. */
export interface UnitRing {
  /** Writes them. */
  keep(): void
  /** Writes them or lets them go. @param ms how long the unit took */
  end(failed: boolean, ms: number): void
}

/**
 * What is decided of the records of one unit of work: a request, or an outermost scope. It is kept at the outermost
 * scope, from the first record on of a logger that samples or buffers.
 */
export interface Unit {
  /** True where all of its records are wanted: it failed, or somebody asked. */
  kept: boolean
  ended: boolean
  /** True for records that no rule is for: a service's start and end. */
  readonly exempt: boolean
  /** 0 to 1, by which it is sampled where it has no trace; NaN until that is asked. */
  draw: number
  /** By logger. */
  rings: Map<object, UnitRing> | undefined
}

export function makeUnit(exempt = false): Unit {
  return { kept: false, ended: false, exempt, draw: Number.NaN, rings: undefined }
}

/** Writes what is held of a unit; nothing more of it is held. */
export function keepUnit(unit: Unit): void {
  unit.kept = true
  for (const ring of takeRings(unit)) ring.keep()
}

/** Ends a unit: what is held of it is written where it failed, was slow or was asked for, and let go otherwise. */
export function endUnit(unit: Unit, failed: boolean, ms = 0): void {
  if (unit.ended) return
  unit.ended = true
  if (failed) unit.kept = true
  for (const ring of takeRings(unit)) ring.end(unit.kept, ms)
}

function takeRings(unit: Unit): Iterable<UnitRing> {
  const { rings } = unit
  unit.rings = undefined
  return rings === undefined ? [] : rings.values()
}
