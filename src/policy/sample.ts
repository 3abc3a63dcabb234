import type { SampleRules } from '../config/gates.ts'
import { LEVELS } from '../config/levels.ts'

/** Which share of which records is kept. */
export interface Sampling {
  /**
   * The share of records of this kind that is kept; undefined where no rule is about them. Of the rules for one
   * record the route's counts, else that of its component or the nearest name above, else its level's, else the rest's.
   * From warn on, only a rule for the level counts.
   *
   * @returns 0 to 1
   */
  rateOf(level: number, component: string, route: string | undefined): number | undefined
  /** True where a rule is about a route. */
  readonly routes: boolean
  /** True where the sampled flag of a trace decides in place of its id. */
  readonly traceFlags: boolean
}

const MAX_REMEMBERED = 1024

export function createSampling({ rates, traceFlags }: SampleRules): Sampling {
  const byLevel = new Map<number, number>()
  const byRoute = new Map<string, number>()
  const byComponent = new Map<string, number>()
  for (const [name, rate] of Object.entries(rates)) {
    if (Object.hasOwn(LEVELS, name)) byLevel.set(LEVELS[name as keyof typeof LEVELS], rate)
    else if (name.startsWith('/')) byRoute.set(name, rate)
    else byComponent.set(name, rate)
  }
  const rest = byComponent.get('')
  byComponent.delete('')
  const remembered = new Map<string, number | undefined>()

  function ofComponent(component: string): number | undefined {
    if (byComponent.size === 0 || component === '') return undefined
    if (remembered.has(component)) return remembered.get(component)
    const rate = nearestRate(byComponent, component)
    if (remembered.size < MAX_REMEMBERED) remembered.set(component, rate)
    return rate
  }

  return {
    rateOf(level, component, route) {
      if (level >= LEVELS.warn) return byLevel.get(level)
      return (
        (route === undefined ? undefined : byRoute.get(route)) ??
        ofComponent(component) ??
        byLevel.get(level) ??
        rest
      )
    },
    routes: byRoute.size > 0,
    traceFlags,
  }
}

function nearestRate(rates: ReadonlyMap<string, number>, component: string): number | undefined {
  for (let name = component; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    const rate = rates.get(name)
    if (rate !== undefined) return rate
  }
  return undefined
}
