import type { Fields } from './types.ts'

/** What a call said, before it is a line. */
export interface Said {
  readonly msg: string
  readonly fields: Fields | undefined
  /** The record's error; `NO_ERROR` where it has none, because anything at all can be thrown. */
  readonly err: unknown
}

export const NO_ERROR: unique symbol = Symbol.for('spoor.v0.no-error.1')
