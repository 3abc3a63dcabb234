import { AsyncLocalStorage } from 'node:async_hooks'
import { optionError } from '../config/errors.ts'
import { shared } from '../config/shared.ts'
import { endUnit, makeUnit, type Unit } from './unit.ts'

/** What a scope puts on every record made inside it. Keys are snake_case; values are anything a field may be. */
export type ContextFields = Record<string, unknown>

/** The W3C trace context of a scope (https://www.w3.org/TR/trace-context-2/), already checked. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero: the caller's parent-id, or our own where we started the trace. */
  readonly spanId: string
  /** Flags masked to what level 2 defines: 0x01 sampled, 0x02 random. */
  readonly flags: number
  /** The bounded, checked tracestate, or undefined. */
  readonly tracestate?: string | undefined
  /** True where the context came with a request, false where spoor started it. */
  readonly remote: boolean
}

/**
 * One request, job or other unit of work. Records made inside carry `fields` and `trace`.
 *
 * A nested scope starts with a copy of its parent's fields: what is added to the parent later is not seen by
 * scopes already begun, and nothing that a nested scope adds leaks out.
 */
export interface Scope {
  fields: ContextFields
  trace: TraceContext | undefined
  /** Names of fields that travel with outbound requests as W3C baggage. */
  propagate: readonly string[] | undefined
  /** True inside spoor's own deliveries, so that they are neither traced nor given headers. */
  suppressed: boolean
  /** The request or other unit of work that the scope belongs to: the outermost scope, in all those nested in it. */
  root?: Scope | undefined
  /** What is decided of the records of all of it; at the outermost scope only, once a logger asks. */
  unit?: Unit | undefined
  /** The pattern that the request matched, once that is known; at the outermost scope, where a rule asks for it. */
  route?: (() => string | undefined) | undefined
  /** The serialised prefix of the last logger that wrote here; owned by logger/line/prefix.ts, reset on each change. */
  cache: unknown
}

interface ContextState {
  readonly storage: AsyncLocalStorage<Scope>
  warnedOutside: boolean
  /** How many loggers want to know when an outermost scope ends. */
  watchers: number
}

// One instance for the whole process: on Node 24+ every instance makes each run() dearer (measured: 1 costs 140 ns, 6 cost 396 ns).
const state = shared<ContextState>('context', 2, () => ({
  storage: new AsyncLocalStorage<Scope>(),
  warnedOutside: false,
  watchers: 0,
}))

const storage = state.storage

// Assigning it would replace the prototype of the fields; JSON.parse makes it an own key.
const PROTO = '__proto__'

/** The scope of the running code, or undefined outside any. */
export function currentScope(): Scope | undefined {
  return storage.getStore()
}

/** Makes a scope that is not entered yet; fields are copied, undefined values left out. */
export function createScope(fields: ContextFields, trace?: TraceContext, parent?: Scope): Scope {
  const copy: ContextFields = parent === undefined ? {} : { ...parent.fields }
  for (const key of keysOf(fields)) {
    const value = read(fields, key)
    if (value !== undefined && key !== PROTO) copy[key] = value
  }
  const scope: Scope = {
    fields: copy,
    trace: trace ?? parent?.trace,
    propagate: parent?.propagate,
    suppressed: parent?.suppressed ?? false,
    root: parent?.root,
    unit: undefined,
    cache: undefined,
  }
  scope.root ??= parent ?? scope
  return scope
}

/** An empty scope for what spoor says of itself: it belongs to nobody's work, and no rule is for it. */
export function exemptScope(): Scope {
  const scope = createScope({})
  scope.unit = makeUnit(true)
  return scope
}

/** What is decided of the records of the unit of work that `scope` belongs to. */
export function unitOf(scope: Scope): Unit {
  const root = scope.root ?? scope
  root.unit ??= makeUnit()
  return root.unit
}

/** Has withContext and continueContext say when an outermost scope ends. Returns a function that takes it back. */
export function watchUnits(): () => void {
  let watching = true
  state.watchers++
  return () => {
    if (watching) state.watchers--
    watching = false
  }
}

/** Runs `fn` in an outermost scope; where a logger wants to know, it is told how `fn` ended. */
export function runOutermost<T>(scope: Scope, fn: () => T): T {
  const start = state.watchers === 0 ? Number.NaN : performance.now()
  let result: T
  try {
    result = storage.run(scope, fn)
  } catch (thrown) {
    ended(scope, true, start)
    throw thrown
  }
  // Asked again: the logger may have been made in there.
  return state.watchers === 0 ? result : endedWith(scope, result, start)
}

function ended({ unit }: Scope, failed: boolean, start: number): void {
  // Without a record there is nothing to decide.
  if (unit !== undefined) endUnit(unit, failed, performance.now() - start)
}

function endedWith<T>(scope: Scope, result: T, start: number): T {
  // Another thenable may begin its work when it is asked for its end, as a query builder does.
  if (!(result instanceof Promise)) {
    ended(scope, false, start)
    return result
  }
  return result.then(
    (value: unknown) => {
      ended(scope, false, start)
      return value
    },
    (thrown: unknown) => {
      ended(scope, true, start)
      throw thrown
    },
  ) as T
}

// What can't be read must not keep the service's own function from running.
function keysOf(fields: ContextFields): readonly string[] {
  try {
    return Object.keys(fields)
  } catch {
    return []
  }
}

function read(fields: ContextFields, key: string): unknown {
  try {
    return fields[key]
  } catch {
    return '[Throws]'
  }
}

function notAFunction(option: string, value: unknown): TypeError {
  return optionError({ option, value, expected: 'a function' })
}

/** Runs `fn` inside `scope`. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return storage.run(scope, fn)
}

/**
 * Runs `fn` in a new scope nested in the current one; every record made inside, across awaits, timers and
 * promises, carries `fields`. Returns what `fn` returns. It invents no ids.
 *
 * @throws TypeError ERR_SPOOR_OPTION where `fn` is no function
 */
export function withContext<T>(fields: object, fn: () => T): T {
  if (typeof fn !== 'function') throw notAFunction('withContext(fields, fn)', fn)
  const parent = storage.getStore()
  const scope = createScope(fields as ContextFields, undefined, parent)
  return parent === undefined ? runOutermost(scope, fn) : storage.run(scope, fn)
}

/**
 * Adds fields to the current scope, for the records that follow in it. A value of undefined removes the field.
 * Outside a scope it does nothing and returns false; `onOutside` is then called once per process.
 */
export function addContext(fields: ContextFields, onOutside?: () => void): boolean {
  const scope = storage.getStore()
  if (scope === undefined) {
    if (!state.warnedOutside && onOutside !== undefined) {
      state.warnedOutside = true
      onOutside()
    }
    return false
  }
  addToScope(scope, fields)
  return true
}

/** Adds fields to a scope that is at hand; a value of undefined removes the field. */
export function addToScope(scope: Scope, fields: ContextFields): void {
  for (const key of keysOf(fields)) {
    const value = read(fields, key)
    if (value === undefined) delete scope.fields[key]
    else if (key !== PROTO) scope.fields[key] = value
  }
  scope.cache = undefined
}

/**
 * Binds `fn` to the scope in which bindContext is called. Needed wherever a callback runs in somebody else's
 * scope: EventEmitter and AbortSignal listeners, pools, batchers (each sees its emitter's scope otherwise).
 */
export function bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  if (typeof fn !== 'function') throw notAFunction('bindContext(fn)', fn)
  const scope = storage.getStore()
  if (scope === undefined) return fn
  return function bound(this: unknown, ...args: A): R {
    return storage.run(scope, () => fn.apply(this, args))
  }
}
