import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeProblem, readEnvironment } from '../config/environment.ts'
import { nearest } from '../config/nearest.ts'
import { visible } from '../config/visible.ts'
import { readKey } from '../policy/audit/key.ts'
import { auditSettings } from '../policy/audit/settings.ts'
import {
  type AuditFault,
  type AuditNote,
  type AuditReport,
  type VerifyOptions,
  verify as verifyLog,
} from '../policy/audit/verify.ts'
import { complain } from './ship/say.ts'
import { usageError } from './ship/usage.ts'

const FAULTY = 1
const UNVERIFIED = 2

const HELP = `spoor verify [<file>] [options]

Goes through an audit log, rotated and compressed files too, and names the first record that was changed, removed, put
in, moved or cut off. <file> is the log's own name: rotated files are found by it. Without <file> it is the one of
LOG_AUDIT_FILE, or the one beside LOG_FILE.

  --head <file>      the head file: shows what was cut off at the end (else LOG_AUDIT_HEAD)
  --key-file <file>  a file with the secret that records are hashed with; again for each secret that was used
                     (else LOG_AUDIT_KEY_FILE)
  --key-env <name>   the environment variable with the secret (else LOG_AUDIT_KEY)
  --json             the report as one line of JSON
  --quiet            the exit code alone
  --help

Exit code: 0 all is as it was written, 1 something is not, 2 it could not be verified.
`

const OPTIONS = {
  head: { type: 'string' },
  'key-file': { type: 'string', multiple: true },
  'key-env': { type: 'string', multiple: true },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/**
 * `spoor verify`: tells on stdout whether an audit log is what was written.
 *
 * @param args what stands behind `verify`
 * @returns the exit code
 * @throws a usage error for what has to be written otherwise, and for what can't be read; ERR_SPOOR_AUDIT for a key
 */
export async function verify(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args)
  if (values.help === true) return print(HELP, 0)
  if (positionals.length > 1)
    throw usageError(
      `${positionals.length} audit logs were named, expected one. spoor verify --help says more.`,
    )
  const { path, head, keys } = askedFor(values, positionals[0], process.env)
  const report = await reportOf({ path, head, key: keys })
  const isKeyMissing = report.fault?.code === 'key' && keys.length === 0
  if (values.quiet !== true)
    print(values.json === true ? `${JSON.stringify(report)}\n` : textOf(report, path), 0)
  if (isKeyMissing) complain('give the secret: --key-file <file> or --key-env <name>.')
  if (isKeyMissing) return UNVERIFIED
  return report.ok ? 0 : FAULTY
}

async function reportOf(options: VerifyOptions): Promise<AuditReport> {
  try {
    return await verifyLog(options)
  } catch (error) {
    // What the file system says needs no stack.
    throw (error as NodeJS.ErrnoException).syscall === undefined
      ? error
      : usageError((error as Error).message)
  }
}

type Values = ReturnType<typeof readArguments>['values']

function readArguments(args: readonly string[]) {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(OPTIONS, token.name)) throw unknown(token.name, token.rawName)
    const { type } = OPTIONS[token.name as keyof typeof OPTIONS]
    if (type === 'string' && (token.value === undefined || token.value === ''))
      throw usageError(`--${token.name} has no value. spoor verify --help says more.`)
  }
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
}

function unknown(name: string, rawName: string): Error {
  if (name === 'key')
    return usageError(
      '--key is not taken, since everybody on this machine can read it in the process list. Put the secret into a file and name that: --key-file <file>.',
    )
  const near = nearest(name, Object.keys(OPTIONS))
  const advice = near === undefined ? '' : ` Did you mean --${near}?`
  return usageError(`${visible(rawName)} is not an option.${advice} spoor verify --help lists them.`)
}

interface Asked {
  readonly path: string
  readonly head: string | undefined
  readonly keys: readonly string[]
}

function askedFor(values: Values, named: string | undefined, env: NodeJS.ProcessEnv): Asked {
  const settings = readEnvironment(env, (problem) => {
    if (problem.variable.startsWith('LOG_AUDIT') || problem.variable === 'LOG_FILE')
      complain(describeProblem(problem))
  })
  const { head } = values
  const found = auditSettings(
    { ...(named === undefined ? {} : { path: named }), ...(head === undefined ? {} : { head }) },
    settings,
    env,
    Date.now,
  )
  if (found === undefined)
    throw usageError('no audit log is named, expected spoor verify <file>, or LOG_AUDIT_FILE or LOG_FILE.')
  if (statSync(found.path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw usageError(`${found.path} is a directory, expected an audit log in it: spoor verify <file>.`)
  return { path: found.path, head: found.head, keys: keysOf(values, found, env) }
}

function keysOf(
  values: Values,
  found: { key?: string | undefined; keyFile?: string | undefined },
  env: NodeJS.ProcessEnv,
): string[] {
  const files = values['key-file'] ?? []
  const names = values['key-env'] ?? []
  const keys = [
    ...files.map((keyFile) => readKey({ keyFile })),
    ...names.map((name) => {
      const key = env[name]
      if (key === undefined || key === '') throw usageError(`--key-env names a variable that is not set.`)
      return readKey({ key })
    }),
  ]
  if (keys.length === 0) keys.push(readKey(found))
  return keys.filter((key) => key !== undefined)
}

function textOf(report: AuditReport, path: string): string {
  const { fault, notes, records, files, chains, first, last, keyed, headed } = report
  const lines = notes.map((note) => `note: ${placeOf(note)}: ${note.message}`)
  if (fault !== undefined) lines.push(`fault: ${placeOf(fault)}: ${fault.message} (${fault.code})`)
  else {
    const range = first === undefined ? '' : ` (${first} to ${last})`
    lines.push(
      `ok: ${path}: ${count(records, 'record')}${range} by ${count(chains, 'writer')} in ${count(files, 'file')}; ` +
        `${keyed ? 'checked with a key' : 'no key: shows accidents, no forgery'}; ` +
        (headed ? 'the end is as the head file says' : 'no head file: a cut at the end would not be seen'),
    )
  }
  return lines.map((line) => `${visible(line)}\n`).join('')
}

function placeOf({ file, line }: AuditFault | AuditNote): string {
  if (file === '') return 'no file'
  return line === 0 ? file : `${file}:${line}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function print(text: string, code: number): number {
  process.stdout.write(text)
  return code
}
