/** The call's own fields. Values may be anything: what JSON lacks is written by the rules of docs/record.md. */
export type Fields = { readonly [key: string]: unknown }

/** What a call said, before it is a line. */
export interface Said {
  readonly msg: string
  readonly fields: Fields | undefined
  /** The record's error; `NO_ERROR` where it has none, because anything at all can be thrown. */
  readonly err: unknown
}

export const NO_ERROR: unique symbol = Symbol.for('spoor.v0.no-error.1')

/** Copies one key, `__proto__` too; a getter that throws goes on throwing, for the line writer to mark it. */
export function copyKey(to: object, name: string, from: Fields, key: string): void {
  try {
    const value = from[key]
    Object.defineProperty(to, name, { value, enumerable: true, configurable: true, writable: true })
  } catch (thrown) {
    const get = (): never => {
      throw thrown
    }
    Object.defineProperty(to, name, { get, enumerable: true, configurable: true })
  }
}
