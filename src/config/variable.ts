import type { Kind } from './kinds.ts'

/** One environment variable, as the docs show it. */
export interface VariableDoc {
  readonly name: string
  /** The code option that it stands for. */
  readonly option: string
  /** What is accepted. */
  readonly accepted: string
  /** The default as the docs show it. */
  readonly default: string
  /** One sentence. */
  readonly doc: string
}

/** A variable that `readEnvironment` reads. */
export interface Variable<T> extends Omit<VariableDoc, 'accepted'> {
  readonly kind: Kind<T>
  /** What is used where it is unset or wrong. */
  readonly fallback: T | undefined
  /** For FORCE_COLOR alone, whose own convention it is; everywhere else empty is unset. */
  readonly emptyCounts?: boolean
}
