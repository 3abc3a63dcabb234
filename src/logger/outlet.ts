import type { RecordSink } from '../transports/fanout.ts'
import type { Sink } from './core.ts'

type LogRecord = Readonly<Record<string, unknown>>

/** A record that was made and has not gone to the transports: as a line, as an object, or as both. */
export interface Made {
  level: number
  line: string | undefined
  record: LogRecord | undefined
  /** What the object's transports are asked with. */
  common: LogRecord
}

/** The way from a record to the transports, with a side where what was made can be kept. */
export interface Outlet {
  /** Stands in the pipeline in place of the transports. */
  readonly sink: Sink
  /** Has what `act` makes go on, with its rate where that is below 1. */
  pass(rate: number | undefined, act: () => void): void
  /** Keeps what `act` makes; undefined where it made nothing. */
  collect(level: number, act: () => void): Made | undefined
  /** Hands on what was kept, with its rate where that is below 1. */
  emit(made: Made, rate: number | undefined): void
}

interface Passage {
  readonly rate: number | undefined
  /** Where it is kept; undefined where it goes on. */
  readonly made: Made | undefined
}

const NO_FIELDS: LogRecord = {}
const LINE_END = '}\n'
/** The field's name in the default schema. */
export const RATE_KEY = 'sample_rate'

/**
 * Puts an outlet before the transports.
 *
 * @param rateKey JSON text of the name that the rate leaves with, and its colon: no line has it already
 */
export function makeOutlet(transports: Sink, rateKey: string): Outlet {
  const { records } = transports
  // The record that is being made right now; one that is made within it has a passage of its own.
  let passing: Passage | undefined

  function during(passage: Passage | undefined, act: () => void): void {
    const outer = passing
    passing = passage
    try {
      act()
    } finally {
      passing = outer
    }
  }

  function writeLine(line: string, level: number): void {
    const { made, rate } = passing ?? {}
    if (made !== undefined) made.line = line
    else transports.writeLine(rate === undefined ? line : withRate(line, rate), level)
  }

  function withRate(line: string, rate: number): string {
    return line.endsWith(LINE_END) ? `${line.slice(0, -LINE_END.length)},${rateKey}${rate}}\n` : line
  }

  const writeRecord: RecordSink['write'] = (common, level, make) => {
    const { made, rate } = passing ?? {}
    if (made !== undefined) {
      made.record = make()
      made.common = common
    } else if (rate === undefined) records?.write(common, level, make)
    else records?.write(common, level, () => ({ ...make(), [RATE_KEY]: rate }))
  }

  return {
    sink: {
      writeLine,
      flushSync: () => transports.flushSync(),
      records: records === undefined ? undefined : { lines: records.lines, write: writeRecord },
    },
    pass: (rate, act) => during(rate === undefined || rate >= 1 ? undefined : { rate, made: undefined }, act),
    collect(level, act) {
      const made: Made = { level, line: undefined, record: undefined, common: NO_FIELDS }
      during({ rate: undefined, made }, act)
      return made.line === undefined && made.record === undefined ? undefined : made
    },
    emit({ level, line, record, common }, rate) {
      during(rate === undefined || rate >= 1 ? undefined : { rate, made: undefined }, () => {
        if (record !== undefined) writeRecord(common, level, () => record)
        if (line !== undefined) writeLine(line, level)
      })
    },
  }
}

// Measured: the three objects and the places in lists that a record takes besides its line.
const OVERHEAD = 192
const WIDE = /[^\0-\xff]/
/** An object takes about twice the room of its text (measured). */
const OBJECT_FACTOR = 2

/** About how many bytes of memory a kept record takes. Makes its line one piece, so that it is no tree of pieces. */
export function memoryOf({ line, record }: Made): number {
  let bytes = OVERHEAD
  // The search flattens the line too.
  if (line !== undefined) bytes += WIDE.test(line) ? 2 * line.length : line.length
  if (record !== undefined) bytes += OBJECT_FACTOR * JSON.stringify(record).length
  return bytes
}
