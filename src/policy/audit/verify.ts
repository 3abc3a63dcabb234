import { resolve } from 'node:path'
import { checkOptions, isEither, isListOf, isString, type OptionsSpec } from '../../config/check.ts'
import { optionError } from '../../config/errors.ts'
import { createExamination } from './examination.ts'
import { type Head, readHead } from './head.ts'
import { type AuditFault, type AuditNote, readLog } from './reading.ts'

export type { AuditFault, AuditFaultCode, AuditNote } from './reading.ts'

export interface VerifyOptions {
  /** The live file of the audit log; rotated and compressed ones are found beside it. */
  readonly path: string
  /** The head file, where the log has one. @default none: a cut at the end is not seen */
  readonly head?: string | undefined
  /** The secret that records are hashed with, or all that were used, in any order. @default none */
  readonly key?: string | readonly string[] | undefined
}

/** What `verify` found. */
export interface AuditReport {
  /** Whether every record is there, in its place and as it was written. */
  readonly ok: boolean
  /** What is wrong, the first in the order of the log; undefined where nothing is. */
  readonly fault: AuditFault | undefined
  /** What is no fault and worth a look. */
  readonly notes: readonly AuditNote[]
  /** Records read. */
  readonly records: number
  /** Files read. */
  readonly files: number
  /** Writers: one for each process, thread and logger that wrote. */
  readonly chains: number
  /** The number of the first record and of the last; undefined without one. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** Whether the records were checked with a key. */
  readonly keyed: boolean
  /** Whether the end was checked against a head file. */
  readonly headed: boolean
}

const SPEC: OptionsSpec<VerifyOptions> = {
  path: isString,
  head: isString,
  key: isEither(isString, isListOf(isString)),
}

/**
 * Goes through an audit log, all of its files, and names the first record that was changed, removed, put in, moved or
 * cut off. What is written while it reads is no fault. Nothing is changed.
 *
 * What it can't see: without a key, what was done by somebody who made the hashes anew; without a head file, a cut at
 * the end; in any case what was done by somebody who writes the log and the head file and holds the key, and that both
 * were put back to an earlier state.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; an errno error where the directory or the head file
 *   can't be read
 */
export async function verify(options: VerifyOptions): Promise<AuditReport> {
  checkOptions(options, SPEC, 'verify')
  if (options?.path === undefined) {
    throw optionError({ option: 'verify({ path })', value: undefined, expected: 'the path of an audit log' })
  }
  const path = resolve(options.path)
  const given = options.key ?? []
  const keys = typeof given === 'string' ? [given] : given
  // Before the log: what is written meanwhile is behind it.
  const head = options.head === undefined ? undefined : headOf(options.head, keys)
  const examination = createExamination({ keys, head, headFile: options.head ?? '' })
  const files = await readLog(path, examination)
  const found = examination.result()
  const fault = found.fault ?? (found.records === 0 ? nothing(path) : undefined)
  return {
    ...found,
    ok: fault === undefined,
    fault,
    files,
    keyed: keys.length > 0,
    headed: head !== undefined,
  }
}

function nothing(path: string): AuditFault {
  return {
    code: 'missing',
    file: '',
    line: 0,
    seq: undefined,
    message: `there is no audit record in ${path} or beside it`,
  }
}

function headOf(file: string, keys: readonly string[]): Head | 'none' | 'invalid' {
  return readHead(file, ...(keys.length === 0 ? [undefined] : keys))
}
