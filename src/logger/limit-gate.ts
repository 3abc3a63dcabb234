import type { RateLimit } from '../config/gates.ts'
import { LEVELS } from '../config/levels.ts'
import { exemptScope } from '../context/scope.ts'
import { createLimiter, shapeOf } from '../policy/rate-limit.ts'
import { createFloods, type FloodSummary } from '../policy/rate-limit-summary.ts'
import { type Core, voiceSym } from './core.ts'
import type { LimitStats } from './gate-stats.ts'
import { NO_ERROR } from './line/said.ts'
import type { Made } from './outlet.ts'
import { record } from './record.ts'
import type { Fields } from './types.ts'

/** What a logger does about floods. */
export interface LimitGate {
  /**
   * False where the record is held back.
   *
   * @param source JSON text of the call's place; where that is '', the message's shape tells the place
   * @param make makes the record, for the summary to show
   */
  admits(component: string, num: number, msg: string, source: string, make: () => Made | undefined): boolean
  /** The same for a record that was made before. */
  admitsMade(component: string, made: Made): boolean
  /** Tells what was not told yet. */
  finish(): void
  stats(): LimitStats
}

/** What tells of a flood must not be one. */
const LEAST_PERIOD_MS = 1000

/** @param root the logger that tells of it */
export function makeLimitGate(root: Core, rules: RateLimit): LimitGate {
  // A clock that nobody sets.
  const now = (): number => performance.now()
  const limiter = createLimiter(rules)
  const floods = createFloods({
    periodMs: Math.max(rules.rate.periodMs, LEAST_PERIOD_MS),
    tell: (summary) => tell(root, summary),
    now,
  })

  return {
    admits(component, num, msg, source, make) {
      const at = now()
      const site = source === '' ? shapeOf(component, num, msg) : source
      if (limiter.take(component, num, site, at)) return true
      floods.heldBack(num, at, () => exampleOf(root, make()))
      return false
    },
    admitsMade(component, made) {
      const at = now()
      if (limiter.takeAgain(component, made.level, at)) return true
      floods.heldBack(made.level, at, () => exampleOf(root, made))
      return false
    },
    finish: () => floods.finish(now()),
    stats() {
      const { heldBack, byLevel, summaries } = floods.stats
      return { heldBack, byLevel: named(root, byLevel), summaries, buckets: limiter.buckets }
    },
  }
}

function named({ levels }: Core, byLevel: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries([...byLevel].map(([num, count]) => [levels.labels[num] ?? String(num), count]))
}

function tell(root: Core, { byLevel, total, durationMs, over, example }: FloodSummary): void {
  const worst = Math.max(...byLevel.keys())
  const fields = {
    held_back: total,
    held_back_by_level: named(root, byLevel),
    duration_ms: Math.round(durationMs),
    ...(example === undefined ? {} : { example }),
  }
  try {
    record(
      root,
      worst >= LEVELS.error ? LEVELS.error : LEVELS.warn,
      over ? 'records are no longer held back' : 'records were held back: too many came',
      fields,
      NO_ERROR,
      '',
      exemptScope(),
    )
  } catch (thrown) {
    root[voiceSym].pipeline.fail('the record of what was held back could not be written', thrown)
  }
}

/** A record as its line has it, redacted, without what stands on every record. */
function exampleOf(root: Core, made: Made | undefined): Fields | undefined {
  if (made === undefined) return undefined
  const { ground, recordGround } = root[voiceSym].pipeline
  const record = made.record ?? (JSON.parse(made.line as string) as Fields)
  const everywhere: Fields = JSON.parse(
    `{${(made.record === undefined ? ground : recordGround).text.slice(1)}}`,
  )
  const own = Object.entries(record).filter(
    ([key, value]) => JSON.stringify(everywhere[key]) !== JSON.stringify(value),
  )
  return Object.fromEntries(own)
}
