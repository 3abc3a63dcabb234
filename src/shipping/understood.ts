import type { Answered } from './outcome.ts'

const KINDS: readonly unknown[] = ['delivered', 'retry', 'hold', 'halve', 'bisect', 'refuse', 'partly']

/** What is no verdict keeps the records until somebody has mended who gave it. */
const NO_VERDICT: Answered = {
  kind: 'hold',
  reason: 'its preset or destination gave no verdict that spoor knows',
}

/**
 * A verdict as the rest may rely on it: presets and destinations are also written by users. Never throws.
 *
 * @param given what one of them gave
 */
export function understood(given: unknown): Answered {
  try {
    return isVerdict(given) ? withTexts(given) : NO_VERDICT
  } catch {
    return NO_VERDICT
  }
}

function isVerdict(given: unknown): given is Answered {
  const verdict = given as Answered | undefined
  if (!KINDS.includes(verdict?.kind)) return false
  if (verdict?.kind !== 'partly') return true
  const { retry = [], refused = [] } = verdict
  return Array.isArray(retry) && Array.isArray(refused) && refused.every((one) => Number.isInteger(one.index))
}

function withTexts(verdict: Answered): Answered {
  if (verdict.kind === 'delivered')
    return typeof verdict.warning === 'string' ? verdict : { ...verdict, warning: undefined }
  const reason = textOf(verdict.reason)
  if (verdict.kind !== 'partly') return { ...verdict, reason }
  return {
    ...verdict,
    reason,
    refused: verdict.refused?.map((one) => ({ ...one, reason: textOf(one.reason) })),
  }
}

function textOf(reason: unknown): string {
  return typeof reason === 'string' && reason !== '' ? reason : 'no reason was given'
}
