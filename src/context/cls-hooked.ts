import { type ContextFields, withContext } from './scope.ts'

/** What of a cls-hooked (or continuation-local-storage) namespace is used. */
export interface Namespace {
  get(key: string): unknown
  set(key: string, value: unknown): unknown
  runAndReturn<T>(fn: (context: unknown) => T): T
}

/**
 * Bridges a legacy namespace into records: a mixin for `createLogger({ mixin })` or `configure({ mixin })` that
 * puts `keys` of the namespace on every record. They are asked for at each record, because a namespace's values
 * change; records take the slower way through pino. Outside of the namespace it adds nothing.
 */
export function fromNamespace(
  namespace: Pick<Namespace, 'get'>,
  keys: readonly string[],
): () => ContextFields {
  return () => {
    const fields: ContextFields = {}
    for (const key of keys) {
      const value = namespace.get(key)
      if (value !== undefined) fields[key] = value
    }
    return fields
  }
}

/** Runs `fn` in a new context of the namespace and in a new scope, both with `fields`. Returns what it returns. */
export function runWithNamespace<T>(namespace: Namespace, fields: ContextFields, fn: () => T): T {
  return namespace.runAndReturn(() => {
    for (const key of Object.keys(fields)) namespace.set(key, fields[key])
    return withContext(fields, fn)
  })
}
