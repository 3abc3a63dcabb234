import { describeValue, visible } from './visible.ts'

/** Every code that an error of spoor's may have, and what it means. */
export const ERROR_CODES = {
  ERR_SPOOR_OPTION: 'A code option has a wrong name, type or value; the message says what to write instead.',
  ERR_SPOOR_AUDIT: 'An audit record could not be made durable; only who awaits audit() sees it.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export type AuditError = Error & { code: 'ERR_SPOOR_AUDIT' }

/** The error of an audit record that is not known to be durable. @param cause what the file system said */
export function auditError(message: string, cause?: unknown): AuditError {
  const error = new Error(`spoor: ${message}`, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code: 'ERR_SPOOR_AUDIT' as const })
}

/** What is wrong with an option. */
export interface OptionProblem {
  /** The option's full name, such as `fileTransport({ maxSize })`. */
  readonly option: string
  readonly value: unknown
  /** What may stand there: 'a size such as 100MB'. */
  readonly expected: string
  /** What to do about it, where more can be said than what is expected. */
  readonly instead?: string | undefined
}

export type OptionError = TypeError & { code: 'ERR_SPOOR_OPTION' }

function coded(message: string): OptionError {
  return Object.assign(new TypeError(message), { code: 'ERR_SPOOR_OPTION' as const })
}

/** A TypeError for a wrong option at set-up. The value is shown short, and not where its name looks secret. */
export function optionError(problem: OptionProblem): OptionError {
  const { option, value, expected, instead } = problem
  const advice = instead === undefined ? '' : ` ${instead}`
  const shown = describeValue(option, value)
  return coded(`spoor: ${option} is ${shown}, expected ${expected}.${advice}`)
}

/** A TypeError for an option that does not exist; `near` is the one that was probably meant. */
export function unknownOptionError(
  option: string,
  known: readonly string[],
  near: string | undefined,
): OptionError {
  const advice = near === undefined ? '.' : `, did you mean ${near}?`
  return coded(
    `spoor: ${visible(option)} is not an option${advice} The options here are ${known.join(', ')}.`,
  )
}
