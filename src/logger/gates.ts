import { firstAtExit } from '../config/exit.ts'
import type { BufferRules, RateLimit, SampleRules } from '../config/gates.ts'
import { LEVELS } from '../config/levels.ts'
import { selfLog } from '../config/self-log.ts'
import { currentScope, type Scope, unitOf, watchUnits } from '../context/scope.ts'
import { keepUnit, type Unit, type UnitRing } from '../context/unit.ts'
import { createTail, type TailRing } from '../policy/tail.ts'
import { strayScope } from './bound.ts'
import { componentOf } from './component.ts'
import { type Core, cellSym, type Gates, type Sink, scopeSym, voiceSym } from './core.ts'
import { makeLimitGate } from './limit-gate.ts'
import { type Made, makeOutlet, memoryOf } from './outlet.ts'
import { LEFT_OUT, makeSampleGate, NO_RULE } from './sample-gate.ts'

/** What a logger is told about its records; false is nothing. */
export interface GateRules {
  readonly rateLimit: RateLimit | false
  readonly sample: SampleRules | false
  readonly buffer: BufferRules | false
}

/** A record that waits for the end of its unit of work. */
interface Waiting {
  readonly made: Made
  readonly component: string
  /** What it stands for, where it is written though nothing went wrong. */
  readonly rate: number | undefined
}

/** Where a record belongs. */
interface Whereabouts {
  readonly scope: Scope | undefined
  /** True where that is the scope of the running code. */
  readonly running: boolean
  readonly unit: Unit | undefined
}

function whereabouts(core: Core, given: Scope | undefined): Whereabouts {
  const other = given ?? (core[scopeSym] === undefined ? undefined : strayScope(core))
  const scope = other ?? currentScope()
  const unit = scope === undefined ? undefined : unitOf(scope)
  return { scope, running: other === undefined, unit }
}

export interface MadeGates {
  readonly gates: Gates
  /** Stands before the transports. */
  readonly sink: Sink
}

function tellEvicted(): void {
  selfLog(
    'buffer.evicted',
    'LOG_BUFFER: the scopes that are open hold more than they may together; the records of the oldest were let go. ' +
      'Give it more room (total=128MB), hold less (size=16KB), or open scopes that end.',
  )
}

/**
 * What stands between a record and the transports: rules by which some are left out, held back or wait.
 *
 * @param root the logger whose records these are, with all its components and children
 * @param rateKey JSON text of the name that a sampled record's rate leaves with, and its colon
 */
export function makeGates(root: Core, rules: GateRules, transports: Sink, rateKey: string): MadeGates {
  const { pipeline } = root[voiceSym]
  const outlet = makeOutlet(transports, rateKey)
  const limit = rules.rateLimit === false ? undefined : makeLimitGate(root, rules.rateLimit)
  const sample = rules.sample === false ? undefined : makeSampleGate(rules.sample)
  const { buffer } = rules
  const sampled = { kept: 0, dropped: 0 }
  let closed = false
  const tail =
    buffer === false
      ? undefined
      : createTail<Waiting>({
          ...buffer,
          slowMs: () => pipeline.slowMs,
          write: writeWaiting,
          onEvicted: tellEvicted,
        })
  const upTo = buffer === false ? Number.NEGATIVE_INFINITY : LEVELS[buffer.upTo]

  function writeWaiting({ made, component, rate }: Waiting, kept: boolean): void {
    if (limit !== undefined && !limit.admitsMade(component, made)) return
    outlet.emit(made, kept ? undefined : rate)
  }

  function ringOf(unit: Unit): TailRing<Waiting> {
    unit.rings ??= new Map()
    let ring = unit.rings.get(gates) as (TailRing<Waiting> & UnitRing) | undefined
    if (ring === undefined) {
      ring = (tail as NonNullable<typeof tail>).open()
      unit.rings.set(gates, ring)
    }
    return ring
  }

  /** The share that a record stands for: NO_RULE, LEFT_OUT or more. */
  function shareOf(core: Core, num: number, at: Whereabouts): number {
    return sample === undefined ? NO_RULE : sample.decide(num, componentOf(core), at.scope, at.running)
  }

  /** Keeps a record until its unit of work has ended. */
  function hold(core: Core, num: number, at: Whereabouts, unit: Unit, act: () => void): void {
    const made = outlet.collect(num, act)
    if (made === undefined) return
    // What is below the level that was set is not written while all goes well.
    const rate = num < core[cellSym].level ? NO_RULE : shareOf(core, num, at)
    const chosen = rate > LEFT_OUT
    const waiting = { made, component: componentOf(core), rate: chosen ? rate : undefined }
    // While it was made, one within it may have decided.
    if (unit.kept) writeWaiting(waiting, true)
    else ringOf(unit).add(waiting, memoryOf(made), chosen)
  }

  /** Writes a record unless it is left out or held back. */
  function pass(
    core: Core,
    num: number,
    at: Whereabouts,
    [msg, source]: readonly [string, string],
    act: () => void,
  ): void {
    const rate = at.unit?.kept === true ? NO_RULE : shareOf(core, num, at)
    if (rate !== NO_RULE) sampled[rate === LEFT_OUT ? 'dropped' : 'kept']++
    if (rate === LEFT_OUT) return
    // Once it is closed nobody would tell of it.
    if (limit !== undefined && !closed) {
      const make = (): Made | undefined => outlet.collect(num, act)
      if (!limit.admits(componentOf(core), num, msg, source, make)) return
    }
    outlet.pass(rate === NO_RULE ? undefined : rate, act)
  }

  const gates: Gates = {
    routes: sample?.routes === true,
    record(core, num, msg, fields, err, source, given, write) {
      const act = (): void => write(core, num, msg, fields, err, source, given)
      const at = whereabouts(core, given)
      const { unit } = at
      if (unit?.exempt === true) {
        outlet.pass(undefined, act)
        return
      }
      if (tail !== undefined && unit !== undefined) {
        if (num >= LEVELS.error) keepUnit(unit)
        if (!unit.kept && !unit.ended && num <= upTo && !tail.closed) {
          hold(core, num, at, unit, act)
          return
        }
      }
      // A buffer lets more come this far than is to be written.
      const wanted = num >= core[cellSym].level || (tail !== undefined && unit?.kept === true)
      if (wanted) pass(core, num, at, [msg, source], act)
    },
    close() {
      forget()
      unwatch?.()
      tail?.close()
      limit?.finish()
      closed = true
    },
    stats: () => ({
      ...(limit === undefined ? {} : { limit: limit.stats() }),
      ...(sample === undefined ? {} : { sample: { ...sampled } }),
      ...(tail === undefined ? {} : { buffer: tail.stats() }),
    }),
  }
  const unwatch = tail === undefined ? undefined : watchUnits()
  const forget = firstAtExit(() => gates.close())
  return { gates, sink: outlet.sink }
}
