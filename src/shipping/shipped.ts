/** A record on its way out of the machine. */
export interface Shipped {
  /** The line as it was written, without its newline. */
  readonly line: string
  /** UTF-8 bytes of `line`. */
  readonly bytes: number
  /**
   * The line read, with the default schema's keys (docs/record.md) whatever LOG_SCHEMA has made of them; `level` is
   * a level's name in lower case.
   */
  readonly record: Readonly<Record<string, unknown>>
  /** When it was made: epoch ms, of its `time`; when it was read where it has none that can be understood. */
  readonly timeMs: number
  /**
   * Tells records of one millisecond apart, rising in the order of writing: 0 to 999,999. `timeMs * 1e6 + nth` is its
   * time in ns (beyond what a number holds: use BigInt or join the digits). The same at each try, over restarts too.
   */
  readonly nth: number
  /**
   * Unique, and the same at each try, over restarts and adoption, since it is made of the record's place in the spool.
   * Letters, digits, '_' and '-', at most 64.
   */
  readonly id: string
}
