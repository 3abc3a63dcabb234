import { selfLog } from '../config/self-log.ts'
import type { FileStats } from './file-options.ts'
import type { HttpStats } from './http-options.ts'
import type { OtelStats } from './otel.ts'
import type { Transport, TransportHost, TransportStats } from './transport.ts'

/** What any transport counts, and what some count besides. */
type AnyStats = TransportStats & Partial<FileStats> & Partial<HttpStats> & Partial<OtelStats>

/** The counts of every transport. */
export interface FanoutStats {
  /** By the transport's name; a second one of the same name is `name_2`. */
  readonly transports: Readonly<Record<string, AnyStats>>
  /** Exceptions that transports threw in spite of the contract. */
  readonly failures: number
}

type LogRecord = Readonly<Record<string, unknown>>

/** The transports that take objects. */
export interface RecordSink {
  /** False where there are no others: nobody takes lines. */
  readonly lines: boolean
  /**
   * Hands a record to each of them that takes its level and wants it. Never throws.
   *
   * @param common what all records of this logger in this scope carry
   * @param make makes the record, at most once; not called where nobody wants it
   */
  write(common: LogRecord, level: number, make: () => LogRecord): void
}

/** What the logger gives its transports. */
export interface FanoutHost extends TransportHost {
  /** As `line`, for transports that take objects. */
  record?(level: number, msg: string, fields: LogRecord): LogRecord
}

/** Where all records of a logger go: the destination that is handed to pino, in front of the transports. */
export interface Fanout {
  readonly transports: readonly Transport[]
  /** Pino's own way in, for all transports; the level is what pino left in `lastLevel`. */
  write(line: string): void
  /** Writes a line to each transport that takes lines and its level. Never throws. */
  writeLine(line: string, level: number): void
  /** Undefined where all transports take lines. */
  readonly records: RecordSink | undefined
  flushSync(): void
  /** Pino's way to flush; `done` gets no error, since a transport counts and tells its own. */
  flush(done?: (error?: Error) => void): void
  /** Has every transport open its files anew. */
  reopen(): void
  /** Flushes and closes every transport. Never rejects. */
  close(): Promise<void>
  stats(): FanoutStats
  /** Set by pino before each write, because of the symbol below. */
  lastLevel: number
}

const METADATA = Symbol.for('pino.metadata')
const DEFAULT_LEVEL = 30

/**
 * Puts several transports, or one, or none, behind one destination. A transport that throws is caught, counted
 * and told once a minute; the others get the line all the same.
 */
export function createFanout(transports: readonly Transport[], host: FanoutHost = stderr): Fanout {
  let failures = 0

  function failed(transport: Transport, error: unknown): void {
    failures++
    try {
      const reason = error instanceof Error ? error.message : 'something that is no Error'
      const message = `the transport '${transport.name}' threw: ${reason}. The record may be missing there.`
      host.report({ code: `${transport.name}.threw`, message })
    } catch {
      // A host that throws too: it is counted, and there is nobody else to tell.
    }
  }

  function guarded(transport: Transport, action: (transport: Transport) => void): void {
    try {
      action(transport)
    } catch (error) {
      failed(transport, error)
    }
  }

  async function settled(transport: Transport, action: 'flush' | 'close'): Promise<void> {
    try {
      await transport[action]?.()
    } catch (error) {
      failed(transport, error)
    }
  }

  function writerOf(transport: Transport): (line: string, level: number) => void {
    const lowest = transport.level ?? 0
    return (line, level) => {
      if (level < lowest) return
      try {
        transport.write(line, level)
      } catch (error) {
        failed(transport, error)
      }
    }
  }

  /** Hands over what `made` gives: the record is made for the first that wants it. */
  function recorderOf(
    transport: Transport,
  ): (common: LogRecord, level: number, made: () => LogRecord) => void {
    const lowest = transport.level ?? 0
    return (common, level, made) => {
      if (level < lowest) return
      try {
        if (transport.wantsRecord?.(common, level) === false) return
        transport.writeRecord?.(made(), level)
      } catch (error) {
        failed(transport, error)
      }
    }
  }

  const all = transports.map(writerOf)
  const writeAll = together(all)
  const takesObjects = transports.map((transport) => transport.writeRecord !== undefined)
  const writeLine = together(all.filter((_, i) => takesObjects[i] === false))
  const recorders = transports.map((transport, i) => (takesObjects[i] ? recorderOf(transport) : undefined))
  const records = takesObjects.includes(true)
    ? recordSink(
        recorders.filter((recorder) => recorder !== undefined),
        takesObjects.includes(false),
      )
    : undefined

  /** What a transport has to tell goes to the others alone. */
  function hostOf(own: number): TransportHost {
    const { line, record } = host
    if (line === undefined) return host
    return {
      ...host,
      tell(level, msg, fields) {
        const text = line.call(host, level, msg, fields)
        const object = record?.call(host, level, msg, fields)
        all.forEach((write, i) => {
          if (i === own) return
          const recorder = recorders[i]
          if (recorder === undefined || object === undefined) write(text, level)
          else recorder(object, level, () => object)
        })
      },
    }
  }

  transports.forEach((transport, i) => {
    guarded(transport, (each) => each.attach?.(hostOf(i)))
  })

  const fanout: Fanout & { [METADATA]: true } = {
    [METADATA]: true,
    lastLevel: DEFAULT_LEVEL,
    transports,
    writeLine,
    records,
    write(line) {
      writeAll(line, fanout.lastLevel)
    },
    flushSync() {
      for (const transport of transports) guarded(transport, (each) => each.flushSync?.())
    },
    flush(done) {
      void Promise.all(transports.map((each) => settled(each, 'flush'))).then(() => done?.())
    },
    reopen() {
      for (const transport of transports) guarded(transport, (each) => each.reopen?.())
    },
    async close() {
      await Promise.all(transports.map((each) => settled(each, 'close')))
    },
    stats: () => ({ transports: statsOf(transports, failed), failures }),
  }
  return fanout
}

type Writer = (line: string, level: number) => void

/** Most loggers have one transport, which is then called without a loop. */
function together(writers: readonly Writer[]): Writer {
  const [only, ...more] = writers
  if (only === undefined) return () => {}
  if (more.length === 0) return only
  return (line, level) => {
    for (let i = 0; i < writers.length; i++) (writers[i] as Writer)(line, level)
  }
}

function recordSink(recorders: readonly RecordSink['write'][], lines: boolean): RecordSink {
  return {
    lines,
    write(common, level, make) {
      let record: LogRecord | undefined
      const once = (): LogRecord => {
        record ??= make()
        return record
      }
      for (const recorder of recorders) recorder(common, level, once)
    },
  }
}

const stderr: TransportHost = { report: (event) => selfLog(event.code, event.message) }

function statsOf(
  transports: readonly Transport[],
  failed: (transport: Transport, error: unknown) => void,
): Record<string, TransportStats> {
  const stats: Record<string, TransportStats> = {}
  for (const transport of transports) {
    let name = transport.name
    for (let i = 2; Object.hasOwn(stats, name); i++) name = `${transport.name}_${i}`
    try {
      stats[name] = transport.stats()
    } catch (error) {
      failed(transport, error)
    }
  }
  return stats
}
