/** Decides by its trace id whether a trace that spoor starts is sampled. */
export type Sampler = (traceId: string) => boolean

/** Samples all. */
export const alwaysOn: Sampler = () => true

/** Samples none. */
export const alwaysOff: Sampler = () => false

// 52 of the 56 random bits: as many whole hex digits as a double holds exactly.
const RATIO_DIGITS_START = 18
const RATIO_DIGITS_END = 31
const RATIO_RANGE = 2 ** 52

/**
 * Samples a share of all traces by the random rightmost digits of the id, so that every service that uses this
 * rule with the same ratio decides alike.
 *
 * @param ratio 0 to 1
 */
export function ratioSampler(ratio: number): Sampler {
  if (ratio >= 1) return alwaysOn
  if (ratio <= 0) return alwaysOff
  const rejected = Math.round((1 - ratio) * RATIO_RANGE)
  return (traceId) => Number.parseInt(traceId.slice(RATIO_DIGITS_START, RATIO_DIGITS_END), 16) >= rejected
}

/** What was wrong with a sampler variable and what is used instead. */
export interface SamplerWarning {
  readonly variable: 'OTEL_TRACES_SAMPLER' | 'OTEL_TRACES_SAMPLER_ARG'
  readonly value: string
  readonly expected: string
  readonly used: string
}

const NAMES = 'always_on, always_off, traceidratio, each also with parentbased_ before it'

/**
 * The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name (OpenTelemetry's SDK variables). It is
 * asked only for traces without a parent, so the parentbased_ forms are their roots.
 *
 * @default parentbased_always_on; an argument that is missing or wrong is 1
 */
export function samplerFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  onWarning?: (warning: SamplerWarning) => void,
): Sampler {
  const value = env.OTEL_TRACES_SAMPLER
  if (value === undefined || value === '') return alwaysOn
  switch (
    value
      .trim()
      .toLowerCase()
      .replace(/^parentbased_/, '')
  ) {
    case 'always_on':
      return alwaysOn
    case 'always_off':
      return alwaysOff
    case 'traceidratio':
      return ratioSampler(ratioArgument(env.OTEL_TRACES_SAMPLER_ARG, onWarning))
    default:
      onWarning?.({ variable: 'OTEL_TRACES_SAMPLER', value, expected: NAMES, used: 'parentbased_always_on' })
      return alwaysOn
  }
}

function ratioArgument(value: string | undefined, onWarning?: (warning: SamplerWarning) => void): number {
  if (value === undefined || value === '') return 1
  const ratio = value.trim() === '' ? Number.NaN : Number(value)
  if (ratio >= 0 && ratio <= 1) return ratio
  onWarning?.({ variable: 'OTEL_TRACES_SAMPLER_ARG', value, expected: 'a number from 0 to 1', used: '1' })
  return 1
}

let current: Sampler | undefined

/** The sampler of the traces that spoor starts: what useSampler set, else what the environment says. */
export function currentSampler(): Sampler {
  current ??= samplerFromEnvironment(process.env)
  return current
}

/** Sets the sampler of the traces that spoor starts; undefined goes back to the environment's. */
export function useSampler(sampler: Sampler | undefined): void {
  current = sampler
}
