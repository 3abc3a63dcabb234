import { quote } from './text.ts'

/** What the writing of one field carries along. */
export interface Walk {
  /** The objects that are being written, outermost first: a value among them is a cycle. */
  readonly ancestors: object[]
  /** How many values may still be written: a graph with shared parts would else grow exponentially. */
  left: number
  /** Writes a member of an object or a list; undefined where it is left out. */
  readonly write: (value: unknown, walk: Walk) => string | undefined
}

/** The mark for what threw while it was read. */
export function writeThrown(thrown: unknown): string {
  let why = 'unreadable error'
  try {
    const message = (thrown as { message?: unknown } | null | undefined)?.message
    why = typeof message === 'string' ? message : String(thrown)
  } catch {
    // A thrown thing may itself throw when it is read.
  }
  return quote(`[Throws: ${why.slice(0, 200)}]`)
}
