import type pino from 'pino'
import type { LevelName, LevelOrSilent } from '../config/levels.ts'

export type { Fields } from './line/said.ts'
export type { LevelName, LevelOrSilent }

/** Augment it to give your fields types: `declare module 'spoor' { interface LogFields { order_id?: number } }`. */
// biome-ignore lint/suspicious/noEmptyInterface: an interface is what a user can augment
export interface LogFields {}

type NoFields =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | readonly unknown[]
  | ((...args: never[]) => unknown)

/** An object of fields, or none; neither a primitive, an array nor a function. */
export type FieldsOf<T> = T extends null | undefined ? T : T extends NoFields ? never : T & LogFields

/** An error or none, or the `unknown` of a catch clause; not something that is known to be another thing. */
export type ErrorOf<E> = [unknown] extends [E] ? E : Error | null | undefined

/**
 * What every level method takes. Pino's orders (object, message, printf arguments) are pino's own types.
 * Message first: the fields, or an error and its fields. A wrong order does not compile.
 */
export interface LogFn extends pino.LogFn {
  <E>(msg: string, err: ErrorOf<E>, fields?: { readonly [key: string]: unknown } & LogFields): void
  <T extends object | null | undefined>(msg: string, fields: FieldsOf<T>): void
}

/** Ends a timer: writes one record with duration_ms and returns it, in milliseconds. */
export type EndTimer = (fields?: { readonly [key: string]: unknown }) => number

export interface TimerOptions {
  /** Past this many milliseconds the record is a warning. @default 2000 */
  readonly slowMs?: number
  /** Level of the record while it is not slow. @default 'info' */
  readonly level?: LevelName
}

export interface ChildOptions<C extends string = never> extends pino.ChildLoggerOptions<C> {
  /** How many stack frames between the user's call and the logger belong to a wrapper. @default 0 */
  readonly callerSkip?: number
}

/** A logger: accepted wherever a pino logger is, with message-first calls, components and timers. */
export interface Logger extends Omit<pino.Logger<never, boolean>, 'child' | LevelName> {
  trace: LogFn
  debug: LogFn
  info: LogFn
  warn: LogFn
  error: LogFn
  fatal: LogFn
  /** Another name of fatal. */
  critical: LogFn
  /** A logger with fixed fields. It follows its parent's level until it is given its own. */
  child<C extends string = never>(
    bindings: pino.Bindings,
    options?: ChildOptions<C>,
  ): Logger & pino.Logger<C> & Record<C, LogFn>
  /**
   * Writes a record of what somebody did to the audit log, a file of its own (docs/audit.md): whatever the level is,
   * chained to the records before it, and never sampled or limited.
   *
   * @param action what was done, such as 'role granted'
   * @param fields an error in their place is the record's `err`
   * @returns resolves when the record is durable; rejects with ERR_SPOOR_AUDIT where that can't be had, which never
   *   becomes an unhandled rejection
   */
  audit(action: string, fields?: ({ readonly [key: string]: unknown } & LogFields) | Error): Promise<void>
  /** Starts a timer; the function it returns writes the record. */
  startTimer(msg: string, options?: TimerOptions): EndTimer
  /** Runs `fn` and writes how long it took; a failure is logged as an error and thrown again, unchanged. */
  time<T>(msg: string, fn: () => T, options?: TimerOptions): T
}
