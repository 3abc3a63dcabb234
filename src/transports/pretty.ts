import { createRequire } from 'node:module'
import type { prettyFactory } from 'pino-pretty'
import { visible } from '../config/visible.ts'

/** Where the line has what; the names of the default schema where they are left out. */
export interface PrettyKeys {
  time?: string | undefined
  level?: string | undefined
  msg?: string | undefined
  err?: string | undefined
}

type Colors = Readonly<Record<'gray' | 'magenta', (text: string) => string>>

// The same on every line of a service, so they say nothing to who sits before its terminal.
const IDENTITY = ['service', 'version', 'env', 'region', 'host', 'pid', 'machine_id', 'worker_id', 'hostname']
// A terminal has no use for three more ids where the request's stands on the line.
const TRACE: ReadonlySet<string> = new Set(['trace_id', 'span_id', 'trace_flags'])
const NOTHING: ReadonlySet<string> = new Set()
const INDENT = '    '
const DEEPEST_CAUSE = 10

/** Loads pino-pretty, which takes longer than all of spoor: only where something is to be made pretty. */
function loadPrettyFactory(): typeof prettyFactory {
  // In the CommonJS build import.meta is empty.
  const here = typeof __filename === 'string' ? __filename : import.meta.url
  return createRequire(here)('pino-pretty').prettyFactory
}

/**
 * Makes the function that turns a line of JSON into what a person reads: time, level, component, request id,
 * message and fields on one line; below it, indented, the stack of an error and of its causes. No control
 * character of a value reaches the terminal, and nothing but the first line of a record begins at its left edge.
 */
export function createPretty(color: boolean, keys: PrettyKeys = {}): (line: string) => string {
  const { time = 'time', level = 'level', msg = 'msg', err = 'err' } = keys
  const hidden = new Set([...IDENTITY, time, level, msg, err, 'component', 'request_id'])

  function headline(log: Record<string, unknown>, colors: Colors): string {
    const parts: string[] = []
    if (log.component !== undefined) parts.push(colors.magenta(shown(log.component)))
    if (log.request_id !== undefined) parts.push(colors.gray(`[${shown(log.request_id)}]`))
    if (log[msg] !== undefined) parts.push(shown(log[msg]))
    const covered = log.request_id === undefined ? NOTHING : TRACE
    const fields = Object.entries(log).filter(([key]) => !hidden.has(key) && !covered.has(key))
    if (fields.length > 0) parts.push(colors.gray(visible(JSON.stringify(Object.fromEntries(fields)))))
    return parts.join(' ')
  }

  const format = loadPrettyFactory()({
    colorize: color,
    translateTime: 'SYS:HH:MM:ss.l',
    timestampKey: time,
    levelKey: level,
    messageKey: msg,
    include: `${time},${level}`,
    hideObject: true,
    messageFormat: (log, _messageKey, _levelLabel, { colors }) => headline(log, colors as Colors),
  })

  return (line) => {
    const log = parse(line)
    if (log === undefined) return `${shown(line.replace(/\n$/, ''))}\n`
    for (const key of [time, level]) {
      if (key in log && !Number.isInteger(log[key])) log[key] = shown(log[key])
    }
    // A record without a message has its fields there all the same.
    log[msg] ??= ''
    const head = format(log)
    return (head.endsWith('\n') ? head : `${head}\n`) + (log[err] === undefined ? '' : errorText(log[err]))
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** A value on one line, its line breaks and tabs as people write them. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return visible(text.replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t'))
}

function errorText(error: unknown, label = '', depth = 0): string {
  if (typeof error !== 'object' || error === null) return indented(label + shown(error))
  const { type, message, stack, cause, errors, ...own } = error as Record<string, unknown>
  const head = typeof stack === 'string' ? stack : `${shown(type ?? 'Error')}: ${shown(message ?? '')}`
  let text = indented(label + head)
  if (Object.keys(own).length > 0) text += indented(visible(JSON.stringify(own)))
  if (depth >= DEEPEST_CAUSE) return text
  if (cause !== undefined) text += errorText(cause, 'caused by: ', depth + 1)
  if (Array.isArray(errors)) for (const each of errors) text += errorText(each, 'one of: ', depth + 1)
  return text
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `${INDENT}${visible(line.replace(/\t/g, INDENT))}\n`)
    .join('')
}
