import { runInScope, type Scope } from '../context/scope.ts'
import { type Core, voiceSym } from './core.ts'
import { splitPairs, textOfPairs } from './line/pairs.ts'
import { type Prefix, pairsOf } from './line/prefix.ts'
import { copyKey, type Fields, NO_ERROR } from './line/said.ts'
import { outputName } from './line/schema.ts'
import { writeThrown } from './line/walk.ts'
import { writeSym } from './slots.ts'

const TRACE_KEYS = ['trace_id', 'span_id', 'trace_flags'] as const

/** What a record is, beyond what pino's functions have room for. */
export interface Passage {
  /** JSON text of the call's place, or ''. */
  readonly source: string
  /** The record's own error, or NO_ERROR: in pino's object it stands under the error key. */
  readonly err: unknown
  /** The call's own key by the one that it has in pino's object, where the error took its place. */
  readonly renamed: ReadonlyMap<string, string>
  /** Trace keys that an agent's mixin gave the record on its way. */
  agentTrace: Fields | undefined
}

let passing: Passage | undefined

/** The record that is on its way through pino right now. */
export function currentPassage(): Passage | undefined {
  return passing
}

/**
 * The way of a record where others take part: pino's write (mixin, hooks, metadata, the stream that
 * OpenTelemetry wraps) and its asJson, which Datadog wraps and Sentry listens to. Slower, the same line.
 */
export function throughPino(
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  scope: Scope | undefined,
): void {
  const outer = passing
  const renamed = new Map<string, string>()
  const obj = pack(core[voiceSym].pipeline.schema.errorKey, fields, err, renamed)
  // A mixin or a hook may log: the outer record goes on with what it had.
  passing = { source, err, renamed, agentTrace: undefined }
  try {
    const write = (): void => core[writeSym](obj, msg, num)
    if (scope === undefined) write()
    else runInScope(scope, write)
  } finally {
    passing = outer
  }
}

/** The object that pino and the agents see: a copy, because a mixin is merged into it. */
function pack(
  errorKey: string,
  fields: Fields | undefined,
  err: unknown,
  renamed: Map<string, string>,
): Fields {
  const copy: Record<string, unknown> = {}
  const errored = err !== NO_ERROR
  try {
    for (const key of fields === undefined ? [] : Object.keys(fields)) {
      const clashes = errored && (key === errorKey || key === 'err')
      if (clashes && (fields as Fields)[key] === err) continue
      const name = clashes ? freeKey(fields as Fields, renamed, key) : key
      if (clashes) renamed.set(name, key)
      copyKey(copy, name, fields as Fields, key)
    }
  } catch (thrown) {
    copy._unreadable = JSON.parse(writeThrown(thrown))
  }
  if (errored) copy[errorKey] = err
  return copy
}

function freeKey(fields: Fields, renamed: ReadonlyMap<string, string>, key: string): string {
  let free = `_${key}`
  while (Object.hasOwn(fields, free) || renamed.has(free)) free = `_${free}`
  return free
}

/**
 * How a mixin's keys join the call's: the call's win, as in pino, but for the trace keys: a mixin's trace
 * can't be forged by a call. (OpenTelemetry's instrumentation sets its mixin after we are made.)
 */
export function mergeMixin(obj: object, mixin: object): object {
  const merged = {}
  const trace: Record<string, unknown> = {}
  for (const key of Object.keys(mixin ?? {})) {
    const isTrace = passing !== undefined && (TRACE_KEYS as readonly string[]).includes(key)
    copyKey(isTrace ? trace : merged, key, mixin as Fields, key)
  }
  if (passing !== undefined && Object.keys(trace).length > 0) passing.agentTrace = trace
  for (const key of Object.keys(obj)) copyKey(merged, key, obj as Fields, key)
  return merged
}

/** The trace that an agent gave the passing record takes the place of ours. */
export function withAgentTrace(prefix: Prefix): Prefix {
  const given = passing?.agentTrace
  if (given === undefined) return prefix
  const { schema } = prefix.shape
  const names = TRACE_KEYS.map((key) => outputName(schema, key))
  const others = splitPairs(prefix.text).filter(({ name }) => !names.includes(name))
  return { text: textOfPairs([...others, ...pairsOf(schema, given)]), shape: prefix.shape }
}
