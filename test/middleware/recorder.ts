import type { Transport } from '../../src/transports/transport.ts'
import { parseStrict } from '../support/strict-json.ts'

export type Line = Record<string, unknown> & { msg: string; level: string }

/** A transport that parses strictly what it gets, and lets a test wait for the record that it needs. */
export function recorder() {
  const records: Line[] = []
  let waiting: { test: (line: Line) => boolean; found: (line: Line) => void }[] = []
  const transport: Transport = {
    name: 'recorder',
    write(line) {
      const parsed = parseStrict<Line>(line)
      records.push(parsed)
      for (const each of waiting.filter(({ test }) => test(parsed))) each.found(parsed)
      waiting = waiting.filter(({ test }) => !test(parsed))
    },
    stats: () => ({ records: records.length, bytes: 0, dropped: 0, buffered: 0 }),
  }
  return {
    transport,
    records,
    /** The first record, made or to come, that fits. */
    find(test: (line: Line) => boolean): Promise<Line> {
      const present = records.find(test)
      if (present !== undefined) return Promise.resolve(present)
      return new Promise((found) => waiting.push({ test, found }))
    },
    /** The completion record of a path. */
    completed(path: string): Promise<Line> {
      return this.find((line) => line.msg === 'request completed' && line.path === path)
    },
    clear() {
      records.length = 0
    },
  }
}
