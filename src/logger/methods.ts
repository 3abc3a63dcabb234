import { isPlain, type Reading, readCall } from './call/calls.ts'
import { sourceOf } from './call/source.ts'
import { type Core, cellSym, voiceSym } from './core.ts'
import { NO_ERROR, type Said } from './line/said.ts'
import { record } from './record.ts'
import { redacts, redactWhole } from './redaction.ts'

/** A level method as it stands on a logger. */
export type Method = (this: Core, ...args: unknown[]) => void

/** pino's `hooks.logMethod`: called with the arguments in place of the method, which it may call or not. */
export type LogMethodHook = (this: Core, args: unknown[], method: Method, level: number) => void

/**
 * The method of one level. Below the threshold it costs a load and a compare; a message with plain fields goes
 * straight to the record; every other form is read by `readCall`. It never throws.
 *
 * @param root writes for a method that was taken off its logger: `promise.catch(logger.error)`
 */
export function makeMethod(num: number, hook: LogMethodHook | undefined, root: Core): Method {
  const write = makeWrite(num, () => method)
  const act = hook === undefined ? write : hooked(num, write, hook)
  const method = function log(this: Core | undefined): void {
    // Small enough to be inlined: a call below the threshold then costs no more than an empty function.
    const core = this?.[cellSym] === undefined ? root : (this as Core)
    if (num < core[cellSym].value) return
    // biome-ignore lint/complexity/noArguments: a rest parameter would allocate, forwarding does not
    Reflect.apply(act, core, arguments)
  } as Method
  return method
}

/** @param entry the function that the user called: what lies above it on the stack is the record's source */
function makeWrite(num: number, entry: () => Method): Method {
  return function write(this: Core, first?: unknown, second?: unknown): void {
    try {
      const voice = this[voiceSym]
      const { pipeline } = voice
      if (pipeline.prepare !== undefined) {
        pipeline.prepare()
        if (num < this[cellSym].value) return
      }
      const source = num >= pipeline.sourceFrom ? sourceOf(entry(), voice.callerSkip) : ''
      if (typeof first === 'string' && voice.msgPrefix === undefined) {
        // biome-ignore lint/complexity/noArguments: a rest parameter would allocate on every call
        const count = arguments.length
        if (count === 1) {
          record(this, num, first, undefined, NO_ERROR, source)
          return
        }
        if (count === 2 && isPlain(second) && !first.includes('%')) {
          record(this, num, first, second, NO_ERROR, source)
          return
        }
      }
      // biome-ignore lint/complexity/noArguments: as above
      const said = readCall(Array.from(arguments), readingOf(this))
      record(this, num, said.msg, said.fields, said.err, source)
    } catch (thrown) {
      writeFailed(this, num, thrown)
    }
  } as Method
}

function readingOf(core: Core): Reading {
  const { msgPrefix, pipeline } = core[voiceSym]
  const { guard } = pipeline.schema
  return redacts(core)
    ? { msgPrefix, guard, stringify: (value) => redactWhole(core, value) }
    : { msgPrefix, guard }
}

function hooked(num: number, write: Method, hook: LogMethodHook): Method {
  return function hookedMethod(this: Core, ...args: unknown[]): void {
    let written = false
    const once: Method = function method(this: Core, ...given) {
      written = true
      write.apply(this, given)
    }
    try {
      hook.call(this, args, once, num)
    } catch (thrown) {
      this[voiceSym].pipeline.fail('hooks.logMethod threw; the record is written all the same', thrown)
      if (!written) write.apply(this, args)
    }
  }
}

/** What a call can't say is still told: a record without the part that failed. */
function writeFailed(core: Core, num: number, thrown: unknown): void {
  const { pipeline } = core[voiceSym]
  try {
    pipeline.fail('a record could not be written whole', thrown)
    const said: Said = { msg: 'a record could not be written whole', fields: undefined, err: thrown }
    record(core, num, said.msg, said.fields, said.err, '')
  } catch {
    // The self-log has told; a logger must not take its caller down.
  }
}
