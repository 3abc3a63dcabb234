import { selfLog } from '../config/self-log.ts'
import type { FileStats } from './file-options.ts'
import type { Transport, TransportHost, TransportStats } from './transport.ts'

/** The counts of every transport. */
export interface FanoutStats {
  /** By the transport's name; a second one of the same name is `name_2`. */
  readonly transports: Readonly<Record<string, TransportStats & Partial<FileStats>>>
  /** Exceptions that transports threw in spite of the contract. */
  readonly failures: number
}

/** Where all lines of a logger go: the destination that is handed to pino, in front of the transports. */
export interface Fanout {
  readonly transports: readonly Transport[]
  /** Pino's own way in; the level is what pino left in `lastLevel`. */
  write(line: string): void
  /** Writes a line to each transport that takes its level. Never throws. */
  writeLine(line: string, level: number): void
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
export function createFanout(transports: readonly Transport[], host: TransportHost = stderr): Fanout {
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

  const writers = transports.map(writerOf)
  const [only, ...more] = writers
  let writeLine: Fanout['writeLine'] = () => {}
  if (only !== undefined) writeLine = only
  if (only !== undefined && more.length > 0) {
    writeLine = (line, level) => {
      for (let i = 0; i < writers.length; i++) (writers[i] as Fanout['writeLine'])(line, level)
    }
  }

  /** What a transport has to tell goes to the others alone. */
  function hostOf(own: number): TransportHost {
    const { line } = host
    if (line === undefined) return host
    return {
      ...host,
      tell(level, msg, fields) {
        const text = line.call(host, level, msg, fields)
        writers.forEach((write, i) => {
          if (i !== own) write(text, level)
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
    write(line) {
      writeLine(line, fanout.lastLevel)
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
