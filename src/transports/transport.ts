/**
 * Where lines go. The one seam between the logger and the world.
 *
 * What a transport promises, and spoor/testing's conformance kit checks:
 * - `write` never throws and never blocks on a network; `line` is one whole record ending in `\n`, `level` its
 *   number (10 trace … 60 fatal). Lines leave in the order in which they were written.
 * - What `write` took is handed to the operating system at the end of the event-loop turn at the latest, and
 *   before `write` returns where level >= 50 (error) and the transport is local.
 * - `flushSync` returns with nothing of its own left in memory, or having counted what it had to drop.
 * - Memory is bounded; what is dropped is counted in `stats().dropped` and told through the host's `report`.
 * - After `close`, `write` does nothing but count.
 */
export interface Transport {
  /** Short and unique within a logger: 'console', 'file', …; it names the transport in stats and on stderr. */
  readonly name: string
  /** Lowest level number that it wants. @default 0 (all) */
  readonly level?: number | undefined
  /** Called once, before the first write. */
  attach?(host: TransportHost): void
  write(line: string, level: number): void
  /**
   * Where a transport has it, each record comes here as an object, and its line is not made for it; `write` is for
   * callers that have nothing but lines. The object has the keys of the default schema, whatever names lines have
   * (docs/record.md), in the order of a line, `time`, `level` and `msg` first; its values are texts, numbers, booleans,
   * null, lists and plain objects, which share nothing with what the caller logged. Other transports get the same
   * object: it must not be changed. The promises of `write` hold here too.
   */
  writeRecord?(record: Readonly<Record<string, unknown>>, level: number): void
  /**
   * Asked before each record: false spares the logger the making of an object that nobody wants. It must be fast.
   *
   * @param common what all records of this logger in this scope carry: identity, labels, component, the scope's
   * fields, trace ids
   * @default every record of the transport's level is wanted
   */
  wantsRecord?(common: Readonly<Record<string, unknown>>, level: number): boolean
  /** Synchronous: called on process exit and by fatal. */
  flushSync?(): void
  /** Resolves when everything written before the call is with the operating system. Never rejects. */
  flush?(): Promise<void>
  /** Synchronous: leaves its files, which somebody has moved, and opens them anew. Never throws. */
  reopen?(): void
  /** Flushes and releases what it holds. Never rejects. */
  close?(): Promise<void>
  stats(): TransportStats
}

/** What the logger gives a transport. */
export interface TransportHost {
  /** Tells what went wrong or was lost; never throws, rate-limited, goes to stderr and not through the pipeline. */
  report(event: TransportEvent): void
  /**
   * Writes a record of spoor's own into the logger's other transports: for what a transport that is failing has to
   * say. Without it stderr alone is told.
   */
  tell?(level: number, msg: string, fields: Readonly<Record<string, unknown>>): void
  /**
   * Makes a line of the logger's format for a record that the transport itself has to write, such as what it
   * lost. Without it the transport writes a plain JSON line.
   */
  line?(level: number, msg: string, fields: Readonly<Record<string, unknown>>): string
  /** The names that keys leave with, and the default schema's key of each: for who reads lines again. */
  readonly names?: ReadonlyMap<string, string> | undefined
  /** What the logger knows of the service (`service`, `pid`, …), as it stands on its records. */
  readonly identity?: Readonly<Record<string, unknown>> | undefined
  /** True where OpenTelemetry's instrumentation of pino hands the logger's lines to its SDK by itself. */
  readonly instrumented?: boolean | undefined
}

export interface TransportEvent {
  /** A stable code such as 'ENOSPC', 'EPIPE', 'dropped', 'recovered'. */
  readonly code: string
  /** One sentence: what happened, what spoor does now, what the operator can do. */
  readonly message: string
  /** Records lost, where any were. */
  readonly dropped?: number
}

export interface TransportStats {
  /** Records accepted by `write`. */
  readonly records: number
  /** UTF-8 bytes handed to the operating system. */
  readonly bytes: number
  /** Records that were given up. */
  readonly dropped: number
  /** UTF-16 units waiting in memory. */
  readonly buffered: number
  /** The last error's message. */
  readonly lastError?: string | undefined
}
