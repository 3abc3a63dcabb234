import { selfLog } from '../config/self-log.ts'
import { asJsonSym, setLevelSym, streamSym, timeSym } from '../logger/slots.ts'
import type { Instance } from './instance.ts'

type Method = (this: Guarded, ...args: unknown[]) => void

interface Guarded extends Instance {
  readonly levels: { readonly values: Readonly<Record<string, number>> }
  [streamSym]: { write(line: string): void }
  [timeSym]: () => string
  [setLevelSym]: (this: Guarded, level: unknown) => void
}

/**
 * Keeps a log call from throwing: what a getter, a toString, a mixin, a hook or the stream throws is told on
 * stderr, and the record is written without the part that failed.
 */
export function guard(root: Guarded): void {
  const setLevel = root[setLevelSym]
  guardMethods(root)
  Object.defineProperty(root, setLevelSym, {
    value(this: Guarded, level: unknown) {
      setLevel.call(this, level)
      guardMethods(this)
    },
  })
}

function guardMethods(instance: Guarded): void {
  const methods = instance as unknown as Record<string, Method>
  for (const [name, num] of Object.entries(instance.levels.values)) {
    const method = methods[name]
    if (method === undefined || method.name === 'noop') continue
    methods[name] = guarded(method, num)
  }
}

function guarded(method: Method, num: number): Method {
  return function log(this: Guarded): void {
    try {
      // biome-ignore lint/complexity/noArguments: forwarding does not allocate, a rest parameter would
      Reflect.apply(method, this, arguments)
    } catch (thrown) {
      writeRest(this, num, thrown)
    }
  }
}

function writeRest(instance: Guarded, num: number, thrown: unknown): void {
  try {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    selfLog('pino.threw', `a record could not be written whole, because something in it threw: ${why}`)
    const line = instance[asJsonSym](
      { err: thrown },
      'a record could not be written whole',
      num,
      instance[timeSym](),
    )
    instance[streamSym].write(line)
  } catch {
    // The self-log has told; the stream itself may be what throws.
  }
}
