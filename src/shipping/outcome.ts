import type { Entry } from './batches.ts'
import { afterRefusal, afterTaken, afterTooLarge, type Part, restOf, type Step } from './bisect.ts'
import type { Verdict } from './preset.ts'

/** A verdict, and the HTTP status that it was made of where there is one: dead letters show it. */
export type Answered = Verdict & { readonly status?: number | undefined }

/** What an answer means for the records of one batch. */
export interface Outcome {
  /** Those that the destination has. */
  readonly taken: readonly Entry[]
  /** Those that it will never take. */
  readonly refused: readonly Refused[]
  /** How many of `taken` the destination threw away without saying which. */
  readonly lost: number
  /** What is left to send, in order. */
  readonly left: readonly Entry[]
  readonly part: Part
  /** Whether the destination is to be left alone for a while. */
  readonly pause: 'none' | 'retry' | 'hold'
  readonly reason: string | undefined
  readonly afterMs: number | undefined
}

export interface Refused {
  readonly entry: Entry
  readonly reason: string
}

/** A batch on its way. */
export interface Sent {
  /** What is left of it, in order; the first `part.send` were sent. */
  readonly entries: readonly Entry[]
  readonly part: Part
  /** Why the suspects were refused together. */
  readonly why: string | undefined
}

/**
 * @param maySearch asked before a search for the record at fault is begun; without it all that was sent is refused
 */
export function outcomeOf(sent: Sent, verdict: Verdict, maySearch: () => boolean): Outcome {
  const { entries, part } = sent
  switch (verdict.kind) {
    case 'delivered':
      return stepped(sent, afterTaken(part, entries.length), part.send, sent.why ?? '')
    case 'retry':
    case 'hold':
      return {
        ...nothing(sent),
        pause: verdict.kind,
        reason: verdict.reason,
        afterMs: verdict.kind === 'retry' ? verdict.afterMs : undefined,
      }
    case 'halve':
      return stepped(sent, afterTooLarge(part, entries.length), 0, verdict.reason)
    case 'bisect':
      if (part.suspects === 0 && part.send > 1 && !maySearch())
        return refuseAll(sent, `${verdict.reason} (one of ${part.send} that were sent together)`)
      return stepped(sent, afterRefusal(part, entries.length), 0, verdict.reason)
    case 'refuse':
      return refuseAll(sent, verdict.reason)
    case 'partly':
      return partlyTaken(sent, verdict)
  }
}

function nothing({ entries, part }: Sent): Outcome {
  return {
    taken: [],
    refused: [],
    lost: 0,
    left: entries,
    part,
    pause: 'none',
    reason: undefined,
    afterMs: undefined,
  }
}

function stepped(sent: Sent, step: Step, takenCount: number, reason: string): Outcome {
  const taken = sent.entries.slice(0, takenCount)
  const rest = sent.entries.slice(takenCount)
  const first = step.refuseFirst ? rest[0] : undefined
  return {
    ...nothing(sent),
    taken,
    refused: first === undefined ? [] : [{ entry: first, reason }],
    left: first === undefined ? rest : rest.slice(1),
    part: step.part,
    reason: takenCount > 0 ? undefined : reason,
  }
}

function refuseAll(sent: Sent, reason: string): Outcome {
  const { entries, part } = sent
  const left = entries.slice(part.send)
  return {
    ...nothing(sent),
    refused: entries.slice(0, part.send).map((entry) => ({ entry, reason })),
    left,
    part: restOf(left.length, part),
    reason,
  }
}

function partlyTaken(sent: Sent, verdict: Verdict & { kind: 'partly' }): Outcome {
  const { entries, part } = sent
  // Indexes are a back end's word: what is out of range or named twice is not believed.
  const reasons = new Map((verdict.refused ?? []).map(({ index, reason }) => [index, reason]))
  const again = new Set(verdict.retry ?? [])
  const taken: Entry[] = []
  const refused: Refused[] = []
  const retried: Entry[] = []
  for (const [index, entry] of entries.slice(0, part.send).entries()) {
    const reason = reasons.get(index)
    if (reason !== undefined) refused.push({ entry, reason })
    else if (again.has(index)) retried.push(entry)
    else taken.push(entry)
  }
  const left = [...retried, ...entries.slice(part.send)]
  return {
    taken,
    refused,
    lost: Math.min(Math.max(verdict.lost ?? 0, 0) || 0, taken.length),
    left,
    part: restOf(left.length, part),
    pause: retried.length > 0 ? 'retry' : 'none',
    reason: verdict.reason,
    afterMs: verdict.afterMs,
  }
}
