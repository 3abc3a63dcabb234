import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLogger } from '../../../src/logger/create.ts'
import type { LoggerOptions } from '../../../src/logger/options.ts'
import type { Logger } from '../../../src/logger/types.ts'
import { parseLines } from '../../support/strict-json.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

export const KEY = 'a key of at least sixteen characters'

/** A log in a directory of its own. */
export interface Place {
  readonly directory: string
  readonly path: string
  readonly head: string
}

export function place(): Place {
  const directory = temporaryDirectory()
  return { directory, path: join(directory, 'app.audit.log'), head: join(directory, 'head') }
}

/** A logger with nothing but an audit log. */
export function auditor(audit: LoggerOptions['audit'], options: LoggerOptions = {}): Logger {
  return createLogger({ transports: [], env: {}, identity: false, ...options, audit })
}

/** The records of the live file. */
export function recordsOf(path: string): Record<string, unknown>[] {
  return parseLines(readFileSync(path, 'utf8'))
}

/** The files of a log, hidden ones left out. */
export function filesOf({ directory }: Place): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('app.audit'))
    .sort()
}
