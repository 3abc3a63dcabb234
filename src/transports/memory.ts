import { checkOptions, isLevel, isNumber, isString, type OptionsSpec } from '../config/check.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { levelNumber } from './host.ts'
import type { Transport } from './transport.ts'

export interface MemoryTransportOptions {
  /** Lines kept; the oldest go first. @default 10000 */
  limit?: number | undefined
  /** Lowest level kept. @default all */
  level?: LevelOrSilent | undefined
  /** The transport's name in stats. @default 'memory' */
  name?: string | undefined
}

/** A transport that keeps its lines, for tests. */
export interface MemoryTransport extends Transport {
  /** The lines kept, oldest first, each with its newline. The same array for the transport's life. */
  readonly lines: readonly string[]
  /** The lines kept, parsed. @throws SyntaxError for a line that is no JSON */
  records(): Record<string, unknown>[]
  /** Forgets the lines; the counts stay. */
  clear(): void
}

const SPEC: OptionsSpec<MemoryTransportOptions> = {
  limit: isNumber({ min: 1, integer: true }),
  level: isLevel,
  name: isString,
}
const LIMIT = 10_000

/** Keeps lines in memory. @throws TypeError ERR_SPOOR_OPTION for an option that is wrong */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  checkOptions(options, SPEC, 'memoryTransport')
  const limit = options.limit ?? LIMIT
  const lines: string[] = []
  let records = 0
  let bytes = 0
  let dropped = 0
  let closed = false

  return {
    name: options.name ?? 'memory',
    level: levelNumber(options.level),
    lines,
    records: () => lines.map((line) => JSON.parse(line)),
    clear() {
      lines.length = 0
    },
    write(line) {
      records++
      if (closed) {
        dropped++
        return
      }
      bytes += Buffer.byteLength(line)
      if (lines.push(line) > limit) {
        lines.shift()
        dropped++
      }
    },
    async close() {
      closed = true
    },
    stats: () => ({ records, bytes, dropped, buffered: 0 }),
  }
}
