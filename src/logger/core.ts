import type { Scope } from '../context/scope.ts'
import type { RecordSink } from '../transports/fanout.ts'
import type { GateStats } from './gate-stats.ts'
import type { LevelCell, LevelTree } from './levels.ts'
import type { Serializers } from './line/fields.ts'
import type { Head } from './line/head.ts'
import type { LoggerPrefix, Prefix } from './line/prefix.ts'
import type { Schema } from './line/schema.ts'
import type {
  asJsonSym,
  chindingsSym,
  formattersSym,
  mixinSym,
  serializersSym,
  streamSym,
  stringifiersSym,
  writeSym,
} from './slots.ts'
import type { Fields, Logger } from './types.ts'

/** The threshold, on the logger that has one of its own; children find it through their prototype. */
export const cellSym: unique symbol = Symbol.for('spoor.v0.level.1')
/** What is a logger's own and not pino's. */
export const voiceSym: unique symbol = Symbol.for('spoor.v0.voice.1')
/** The scope that a logger is bound to: logger/bound.ts. */
export const scopeSym: unique symbol = Symbol.for('spoor.v0.bound.1')

/** Where lines go: transports/fanout.ts. */
export interface Sink {
  writeLine(line: string, level: number): void
  flushSync(): void
  /** Where objects go besides, or instead; undefined where all transports take lines. */
  readonly records?: RecordSink | undefined
}

/** Writes one record: what logger/record.ts does with it where nobody else has a say. */
export type WriteRecord = (
  core: Core,
  num: number,
  msg: string,
  fields: Fields | undefined,
  err: unknown,
  source: string,
  given: Scope | undefined,
) => void

/** Stands between a record and its line: logger/gates.ts. */
export interface Gates {
  /** Writes the record, now or later, or counts it as one that is not written. */
  readonly record: (...args: [...Parameters<WriteRecord>, write: WriteRecord]) => void
  /** True where a rule asks for the route of a request. */
  readonly routes: boolean
  /** Writes what is held, and tells what was held back; nothing is held any more. */
  close(): void
  stats(): GateStats
}

/** What all loggers of one configuration share; `configure` replaces its members in place. */
export interface Pipeline {
  schema: Schema
  /** Reserved names and identity: what every prefix starts with. */
  ground: Prefix
  /** The same in the default schema, whose keys objects have; the ground itself where lines have them too. */
  recordGround: Prefix
  /** How a line of each level begins, by level number. */
  heads: Record<number, Head>
  sink: Sink
  levels: LevelTree
  /** Level number from which records say where they were made. */
  sourceFrom: number
  /** Milliseconds past which a timer's record is a warning. */
  slowMs: number
  /** The serializers that the configuration gave. */
  serializers: Serializers | undefined
  /** True where pino's own asJson writes the lines, because only it knows the paths of pino's `redact`. */
  redacts: boolean
  /** False where records have to pass through pino: a mixin, a streamWrite hook, an agent that wrapped a part. */
  unhooked: boolean
  /** True where a record is written as a line and nothing else: unhooked, and no transport takes objects. */
  direct: boolean
  /** True where OpenTelemetry's instrumentation of pino sends the lines to its SDK. */
  instrumented: boolean
  /** The asJson that an agent had wrapped before we came. */
  foreignAsJson: AsJson | undefined
  now(): number
  /** Decides what becomes of each record; undefined where nothing is limited, sampled or buffered. */
  gates: Gates | undefined
  /** Makes a logger ready that was exported before it was configured; undefined once that is done. */
  prepare: (() => void) | undefined
  /** Told of a failure inside the logger itself. */
  fail(what: string, thrown: unknown): void
}

/** One logger's own share. */
export interface Voice {
  readonly pipeline: Pipeline
  /** Undefined until the first record, and whenever bindings or ground have changed. */
  prefix: LoggerPrefix | undefined
  /** A child's own serializers, with those that it inherits; undefined where the pipeline's hold. */
  serializers: Serializers | undefined
  msgPrefix: string | undefined
  /** Stack frames of a wrapper, left out of `source`. */
  callerSkip: number
  /** The component whose cell `level` sets; undefined for a child, which gets a cell of its own. */
  component: string | undefined
  /** False where this logger alone has to pass through pino: it redacts, or a function of its own forms lines. */
  direct: boolean
  /** True where this logger was given paths of its own to redact. */
  redacts: boolean
}

export type AsJson = (this: Core, obj: Fields, msg: string | undefined, num: number, time: string) => string

/** A pino instance with our slots. */
export interface Core extends Omit<Logger, 'levels'> {
  readonly levels: { readonly values: Record<string, number>; readonly labels: Record<number, string> }
  [cellSym]: LevelCell
  [voiceSym]: Voice
  [scopeSym]: Scope | undefined
  [chindingsSym]: string
  [serializersSym]: Serializers
  [formattersSym]: {
    readonly log?: (fields: Fields) => Fields
    readonly bindings?: (bindings: object) => object
  }
  [asJsonSym]: AsJson
  [mixinSym]: unknown
  [streamSym]: unknown
  [stringifiersSym]: object
  [writeSym](obj: Fields | null, msg: string | undefined, num: number): void
}

/** The serializers of a logger: a child's own, else the configuration's. */
export function serializersOf(core: Core): Serializers | undefined {
  const { pipeline, serializers } = core[voiceSym]
  return serializers ?? pipeline.serializers
}
