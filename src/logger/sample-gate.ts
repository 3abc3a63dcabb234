import type { SampleRules } from '../config/gates.ts'
import { LEVELS } from '../config/levels.ts'
import { currentTrace } from '../context/otel.ts'
import { ratioSampler, type Sampler } from '../context/sampler.ts'
import type { Scope, TraceContext } from '../context/scope.ts'
import { SAMPLED } from '../context/traceparent.ts'
import type { Unit } from '../context/unit.ts'
import { createSampling } from '../policy/sample.ts'

/** No rule is about the record. */
export const NO_RULE = -1
/** The record is not among those that are kept. */
export const LEFT_OUT = 0

/** What a logger keeps of its records. */
export interface SampleGate {
  /**
   * Decides on a record: NO_RULE, LEFT_OUT, or the share that it stands for, up to 1. All records of one trace for
   * which the same rule holds are decided alike, here and in every service that has the rule.
   *
   * @param scope the one that the record belongs to
   * @param running whether that is the scope of the running code, so that an active span says the trace
   */
  decide(num: number, component: string, scope: Scope | undefined, running: boolean): number
  readonly routes: boolean
}

/** @param random 0 to 1, for records that no trace decides on @default Math.random */
export function makeSampleGate(rules: SampleRules, random: () => number = Math.random): SampleGate {
  const sampling = createSampling(rules)
  // Rates stand in the rules: there are no more of them than of those.
  const samplers = new Map<number, Sampler>()

  function samplerOf(rate: number): Sampler {
    let sampler = samplers.get(rate)
    if (sampler === undefined) {
      sampler = ratioSampler(rate)
      samplers.set(rate, sampler)
    }
    return sampler
  }

  function chooses(rate: number, trace: TraceContext | undefined, unit: Unit | undefined): boolean {
    if (trace !== undefined) return samplerOf(rate)(trace.traceId)
    if (unit === undefined) return random() < rate
    if (Number.isNaN(unit.draw)) unit.draw = random()
    return unit.draw < rate
  }

  return {
    routes: sampling.routes,
    decide(num, component, scope, running) {
      const rate = sampling.rateOf(num, component, routeOf(scope))
      const flagged = sampling.traceFlags && (rate !== undefined || num < LEVELS.warn)
      if (rate === undefined && !flagged) return NO_RULE
      const trace = running ? currentTrace(scope) : scope?.trace
      // The share of the traces that have the flag is not known here: such records stand for themselves.
      if (flagged && trace !== undefined) return (trace.flags & SAMPLED) === 0 ? LEFT_OUT : 1
      if (rate === undefined) return NO_RULE
      return chooses(rate, trace, scope?.root?.unit) ? rate : LEFT_OUT
    },
  }
}

function routeOf(scope: Scope | undefined): string | undefined {
  try {
    return scope?.root?.route?.()
  } catch {
    // The application may put what it likes at its request.
    return undefined
  }
}
