import { type Guard, guarded, OPEN_GUARD } from './guard.ts'
import { quote } from './text.ts'

/** What the writing of one field carries along. */
export interface Walk {
  /** The objects that are being written, outermost first: a value among them is a cycle. */
  readonly ancestors: object[]
  /** How many values may still be written: a graph with shared parts would else grow exponentially. */
  left: number
  /** What may be written. */
  readonly guard: Guard
  /** Writes a member of an object or a list, by its key or the list's; undefined where it is left out. */
  readonly write: (value: unknown, walk: Walk, key: string) => string | undefined
}

/** The mark for what threw while it was read. */
export function writeThrown(thrown: unknown, guard: Guard = OPEN_GUARD): string {
  let why = 'unreadable error'
  try {
    const message = (thrown as { message?: unknown } | null | undefined)?.message
    why = typeof message === 'string' ? message : String(thrown)
  } catch {
    // A thrown thing may itself throw when it is read.
  }
  // Cut behind the search for secrets, so that none is cut in two.
  return quote(`[Throws: ${guarded(guard, why.slice(0, 4096), '').slice(0, 200)}]`)
}
