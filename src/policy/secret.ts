const SHOWN = '[secret]'
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** A value that no log shows: `reveal()` gives it back. */
export interface Secret<T> {
  /** The value itself. */
  reveal(): T
  toJSON(): string
  toString(): string
}

/**
 * Wraps a value so that it is `[secret]` wherever it is printed: in JSON, in template texts, by console.log and
 * util.inspect, in any logger. Only `reveal()` gives it back.
 *
 * ```ts
 * const config = { url, apiKey: secret(process.env.API_KEY) }
 * ```
 */
export function secret<T>(value: T): Secret<T> {
  const shown = (): string => SHOWN
  const wrapped = Object.create(null) as Secret<T>
  // Not enumerable, and the value in none of them: what copies or lists an object's fields finds nothing.
  const members = { reveal: () => value, toJSON: shown, toString: shown, valueOf: shown }
  for (const [name, member] of Object.entries(members))
    Object.defineProperty(wrapped, name, { value: member })
  Object.defineProperty(wrapped, Symbol.toPrimitive, { value: shown })
  Object.defineProperty(wrapped, INSPECT, { value: shown })
  Object.defineProperty(wrapped, Symbol.toStringTag, { value: 'secret' })
  return Object.freeze(wrapped)
}
