/** Which part of a batch is sent next. It is always its beginning, so that the order stays. */
export interface Part {
  /** Records to send. */
  readonly send: number
  /** One of so many, from the beginning, is at fault; 0 while that is not known of any. */
  readonly suspects: number
  /** Whether fewer than the first suspects were refused too. */
  readonly narrowed: boolean
  /** Most records to send, since more were too large together. */
  readonly most: number
}

/** What follows from an answer. */
export interface Step {
  /** How the rest goes on; of what was not taken. */
  readonly part: Part
  /** Whether the first of what was not taken is known to be at fault. */
  readonly refuseFirst: boolean
}

/** All at once. */
export function wholeOf(count: number): Part {
  return { send: count, suspects: 0, narrowed: false, most: Number.POSITIVE_INFINITY }
}

/** All that is left, nothing being known of it but what was too large. */
export function restOf(count: number, { most }: Part): Part {
  return { send: Math.min(count, most), suspects: 0, narrowed: false, most }
}

/**
 * What was sent was taken.
 *
 * The search for the record at fault is a binary one for the first of them, with at most ceil(log2(n)) requests;
 * what lies behind it is then sent in one more. A record that is left over as the only suspect is refused unsent,
 * unless all that was ever refused is the whole batch: the back end may have come to its senses meanwhile, so it is
 * sent alone (and nothing lies behind it then, so that the sum is the same).
 *
 * @param count records of the batch before the answer
 */
export function afterTaken(part: Part, count: number): Step {
  const rest = count - part.send
  const suspects = part.suspects - part.send
  if (suspects <= 0) return { part: restOf(rest, part), refuseFirst: false }
  if (suspects === 1 && part.narrowed) return { part: restOf(rest - 1, part), refuseFirst: true }
  const send = Math.min(Math.max(1, suspects >> 1), part.most)
  return { part: { ...part, send, suspects }, refuseFirst: false }
}

/** What was sent was refused because of some of it, nobody says which. */
export function afterRefusal(part: Part, count: number): Step {
  if (part.send === 1) return { part: restOf(count - 1, part), refuseFirst: true }
  const next = { ...part, send: part.send >> 1, suspects: part.send, narrowed: part.suspects > 0 }
  return { part: next, refuseFirst: false }
}

/** What was sent was too large, or too much. */
export function afterTooLarge(part: Part, count: number): Step {
  if (part.send === 1) return { part: restOf(count - 1, part), refuseFirst: true }
  const half = part.send >> 1
  return { part: { ...part, send: half, most: half }, refuseFirst: false }
}
