import { activeSpan, spanTrace } from '../../context/otel.ts'
import { type ContextFields, currentScope, type Scope, type TraceContext } from '../../context/scope.ts'
import { formatFlags } from '../../context/traceparent.ts'
import { CUT_KEY, endCuts, hasCuts, startCuts } from './cuts.ts'
import { hidesKey, OPEN_GUARD } from './guard.ts'
import { writeHiddenMember } from './hidden.ts'
import { type Pair, splitPairs } from './pairs.ts'
import { outputName, outputValue, type Schema, TRACE_KEYS } from './schema.ts'
import { makeShape, type Shape, withNames } from './shape.ts'
import { flat } from './text.ts'
import { startWalk, writeValue } from './value.ts'
import { writeThrown } from './walk.ts'

/**
 * What stands on every line of a logger, or of a logger in a scope: already serialised, so that a record pays
 * two loads and a compare for its context instead of reading, merging and serialising it again.
 */
export interface Prefix {
  /** `,"service":"shop","request_id":"…"` */
  readonly text: string
  readonly shape: Shape
}

/** A logger's own prefix: the ground (identity) and its bindings. */
export interface LoggerPrefix extends Prefix {
  readonly ground: Prefix
  /** The bindings' text as pino keeps it: when that is another string, this prefix is out of date. */
  readonly raw: string
}

/** A session's id is a secret in what a client sends, and the trail in a scope. */
const SCOPE_IDS = ['session_id', 'user_id'] as const
const RESERVED_KEYS = [...TRACE_KEYS, 'source'] as const

/** The prefix that all loggers of one configuration start from. */
export function groundPrefix(schema: Schema, reserved: readonly string[], identity: ContextFields): Prefix {
  const taken = [...reserved, ...RESERVED_KEYS.map((key) => outputName(schema, key))]
  return startPrefix(schema, taken, identity)
}

/** A ground with just these names taken. */
export function startPrefix(schema: Schema, taken: readonly string[], identity: ContextFields): Prefix {
  const ground: Prefix = { text: '', shape: makeShape(schema, taken) }
  return append(ground, pairsOf(schema, { ...schema.constant, ...schema.identity(identity) }))
}

/**
 * Serialises fields to pairs under their output names; what can't be written is left out.
 *
 * @param shown keys that hide elsewhere and do not here
 */
export function pairsOf(schema: Schema, fields: ContextFields, shown: readonly string[] = []): Pair[] {
  const outer = startCuts()
  const pairs: Pair[] = []
  for (const key of Object.keys(fields)) {
    const hidden = hidesKey(schema.guard, key) && !shown.includes(key)
    const value = textOf(schema, fields, key, hidden)
    if (value !== undefined) pairs.push({ name: outputName(schema, key), value })
  }
  if (hasCuts()) pairs.push({ name: CUT_KEY, value: 'true' })
  endCuts(outer)
  return pairs
}

function textOf(schema: Schema, fields: ContextFields, key: string, hidden: boolean): string | undefined {
  const { guard } = schema
  try {
    const value = fields[key]
    return hidden
      ? writeHiddenMember(value, startWalk(guard), key)
      : writeValue(outputValue(schema, key, value), guard, key)
  } catch (thrown) {
    return writeThrown(thrown, guard)
  }
}

/** With more pairs than this, names are looked up in a set instead of a list. */
const FEW = 32

/**
 * Adds pairs; a name that is taken steps aside to `_name`, an equal value is not written again.
 *
 * @param context true for a scope's pairs: the trace keys are reserved for just these
 */
function append(prefix: Prefix, pairs: readonly Pair[], context = false): Prefix {
  const { shape } = prefix
  const names: string[] = []
  const many = pairs.length > FEW ? new Set<string>() : undefined
  const isTaken = (name: string): boolean =>
    (many === undefined ? names.includes(name) : many.has(name)) ||
    (shape.taken.has(name) && !(context && isTrace(shape.schema, name)))
  let { text } = prefix
  for (const { name, value } of pairs) {
    const free = isTaken(name) ? freeName(text, isTaken, name, value) : name
    if (free === undefined) continue
    text += `,${shape.schema.quoteKey(free)}${value}`
    names.push(free)
    many?.add(free)
  }
  return { text, shape: withNames(shape, names) }
}

function freeName(
  text: string,
  isTaken: (name: string) => boolean,
  name: string,
  value: string,
): string | undefined {
  if (splitPairs(text).some((pair) => pair.name === name && pair.value === value)) return undefined
  let free = `_${name}`
  while (isTaken(free)) free = `_${free}`
  return free
}

/** Brings a logger's prefix up to date with its ground and pino's text of its bindings. */
export function renewLoggerPrefix(old: LoggerPrefix | undefined, ground: Prefix, raw: string): LoggerPrefix {
  const grown = old !== undefined && old.ground === ground && isContinued(old.raw, raw)
  const from: Prefix = grown ? old : ground
  const { schema } = ground.shape
  const added = outputPairs(schema, grown ? raw.slice(old.raw.length) : raw)
  const clash = grown && added.some(({ name }) => old.shape.taken.has(name))
  const { text, shape } = clash ? append(ground, outputPairs(schema, raw)) : append(from, added)
  return { text: flat(text), shape, ground, raw }
}

/** True where `raw` is `old` with more pairs: `,"n":42` is not a continuation of `,"n":4`. */
function isContinued(old: string, raw: string): boolean {
  if (!raw.startsWith(old)) return false
  return old === '' || raw.length === old.length || raw[old.length] === ','
}

function outputPairs(schema: Schema, raw: string): readonly Pair[] {
  const pairs = lastOfEach(splitPairs(raw))
  if (schema.names.size === 0) return pairs
  return pairs.map(({ name, value }) => ({ name: outputName(schema, name), value }))
}

/** A later binding overrides an earlier one of the same name, in the earlier one's place. */
function lastOfEach(pairs: readonly Pair[]): readonly Pair[] {
  if (pairs.length < 2) return pairs
  const last = new Map<string, Pair>()
  for (const pair of pairs) last.set(pair.name, pair)
  return last.size === pairs.length ? pairs : [...last.values()]
}

interface ScopeCache {
  /** The logger prefix and the span for which `line` was made. */
  prefix: LoggerPrefix
  readonly span: object | undefined
  line: Prefix
  readonly pairs: readonly Pair[]
  /** Lines for other loggers that wrote in this scope. */
  others: Map<LoggerPrefix, Prefix> | undefined
}

const MAX_OTHERS = 32
/** Stands in a scope whose prefix is being made. */
const MAKING = {} as ScopeCache

/** The prefix of a record that is made now by a logger whose own prefix is `prefix`. */
export function prefixHere(prefix: LoggerPrefix): Prefix {
  const span = activeSpan()
  const scope = currentScope()
  if (scope === undefined) return span === undefined ? prefix : prefixIn(scopeOfSpan(span), prefix, span)
  return prefixIn(scope, prefix, span)
}

/** The prefix of a record in a scope that is at hand: handlers of a response's end run outside of it. */
export function prefixIn(scope: Scope, prefix: LoggerPrefix, span: object | undefined): Prefix {
  const cache = scope.cache as ScopeCache | undefined
  if (cache !== undefined && cache.prefix === prefix && cache.span === span) return cache.line
  // A field of the scope that logs while it is written: that record goes without the scope.
  if (cache === MAKING) return prefix
  return renew(scope, prefix, span, cache)
}

/**
 * The same without the scope's cache, which belongs to lines: for a prefix of another schema, beside theirs.
 *
 * @param given the scope that the record belongs to, where it is not the running one
 */
export function prefixBeside(prefix: LoggerPrefix, given: Scope | undefined): Prefix {
  const span = given === undefined ? activeSpan() : undefined
  const scope = given ?? currentScope() ?? (span === undefined ? undefined : scopeOfSpan(span))
  return scope === undefined ? prefix : join(prefix, scopePairs(prefix.shape.schema, scope, span))
}

function renew(
  scope: Scope,
  prefix: LoggerPrefix,
  span: object | undefined,
  cache: ScopeCache | undefined,
): Prefix {
  if (cache === undefined || cache.span !== span || cache.prefix.shape.schema !== prefix.shape.schema) {
    scope.cache = MAKING
    const pairs = scopePairs(prefix.shape.schema, scope, span)
    const line = join(prefix, pairs)
    // A field may have changed the scope while it was written: then the next record has to look again.
    if (scope.cache === MAKING) scope.cache = { prefix, span, line, pairs, others: undefined }
    return line
  }
  cache.others ??= new Map()
  const line = cache.others.get(prefix) ?? join(prefix, cache.pairs)
  if (cache.others.size < MAX_OTHERS) cache.others.set(cache.prefix, cache.line)
  cache.prefix = prefix
  cache.line = line
  return line
}

/** A scope stands in for a span that runs outside any, so that its records carry the trace too. */
const spanScopes = new WeakMap<object, Scope>()

function scopeOfSpan(span: object): Scope {
  let scope = spanScopes.get(span)
  if (scope === undefined) {
    scope = { fields: {}, trace: undefined, propagate: undefined, suppressed: false, cache: undefined }
    spanScopes.set(span, scope)
  }
  return scope
}

function scopePairs(schema: Schema, scope: Scope, span: object | undefined): Pair[] {
  const trace: TraceContext | undefined = (span === undefined ? undefined : spanTrace(span)) ?? scope.trace
  const pairs = pairsOf(schema, scope.fields, schema.guard.redactor?.hashesIds === true ? [] : SCOPE_IDS)
  if (trace === undefined) return pairs
  const others = pairs.some(({ name }) => isTrace(schema, name))
    ? pairs.filter(({ name }) => !isTrace(schema, name))
    : pairs
  addTrace(others, schema, trace)
  return others
}

/** Ids are random and were checked when they came: they are not searched for secrets. */
function addTrace(pairs: Pair[], schema: Schema, { traceId, spanId, flags }: TraceContext): void {
  const values = [traceId, spanId, formatFlags(flags)]
  for (let i = 0; i < TRACE_KEYS.length; i++) {
    const key = TRACE_KEYS[i] as string
    const value = hidesKey(schema.guard, key)
      ? writeHiddenMember(values[i], startWalk(schema.guard), key)
      : schema.convert.has(key)
        ? writeValue(outputValue(schema, key, values[i]), OPEN_GUARD, key)
        : `"${values[i]}"`
    if (value !== undefined) pairs.push({ name: schema.traceNames[i] as string, value })
  }
}

function join(prefix: LoggerPrefix, pairs: readonly Pair[]): Prefix {
  const { text, shape } = joined(prefix, pairs)
  return { text: flat(text), shape }
}

/** Context wins over a logger's bindings, identity and reserved names win over context. */
function joined(prefix: LoggerPrefix, pairs: readonly Pair[]): Prefix {
  const { shape } = prefix
  const clash = pairs.some(({ name }) => shape.taken.has(name) && !isTrace(shape.schema, name))
  if (!clash) return append(prefix, pairs, true)
  const bindings = splitPairs(prefix.text.slice(prefix.ground.text.length))
  const context = append(prefix.ground, pairs, true)
  return append(context, bindings)
}

function isTrace(schema: Schema, name: string): boolean {
  return schema.traceNames.includes(name)
}
