import { createRequire } from 'node:module'
import type { prettyFactory } from 'pino-pretty'
import { parseLevel } from '../config/levels.ts'
import { safeJson } from '../config/safe-json.ts'
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
const IDENTITY = [
  ...['service', 'version', 'env', 'region', 'host', 'pid', 'machine_id', 'worker_id', 'hostname'],
  ...['ecs.version', 'serviceContext', 'logging.googleapis.com/labels'],
]
const HIDDEN: ReadonlySet<string> = new Set([
  ...IDENTITY,
  ...['time', 'level', 'msg', 'err', 'component', 'request_id', 'source'],
])
/** What a completed request's headline says already, or nobody reads on a terminal. */
const REQUEST: ReadonlySet<string> = new Set([
  ...['method', 'path', 'route', 'status', 'duration_ms', 'outcome'],
  ...['request_bytes', 'response_bytes', 'remote_address', 'user_agent'],
])
// A terminal has no use for three more ids where the request's stands on the line.
const TRACE: ReadonlySet<string> = new Set(['trace_id', 'span_id', 'trace_flags'])
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
export function createPretty(
  color: boolean,
  keys: PrettyKeys = {},
  names: ReadonlyMap<string, string> = new Map(),
): (line: string) => string {
  const ours = new Map([...names, ...Object.entries(keys).map(([key, name]) => [name, key] as const)])
  const format = loadPrettyFactory()({
    colorize: color,
    translateTime: 'SYS:HH:MM:ss.l',
    timestampKey: 'time',
    levelKey: 'level',
    messageKey: 'msg',
    include: 'time,level',
    hideObject: true,
    messageFormat: (log, _messageKey, _levelLabel, { colors }) => headline(log, colors as Colors),
  })

  return (line) => {
    const log = parse(line, ours)
    if (log === undefined) return `${shown(line.replace(/\n$/, ''))}\n`
    for (const key of ['time', 'level']) {
      if (key in log && !Number.isInteger(log[key])) log[key] = shown(log[key])
    }
    if (typeof log.level === 'string') log.level = parseLevel(log.level) ?? log.level
    // A record without a message has its fields there all the same.
    log.msg ??= ''
    const head = format(log)
    return (head.endsWith('\n') ? head : `${head}\n`) + (log.err === undefined ? '' : errorText(log.err))
  }
}

function headline(log: Record<string, unknown>, colors: Colors): string {
  const parts: string[] = []
  if (log.component !== undefined) parts.push(colors.magenta(shown(log.component)))
  if (log.request_id !== undefined) parts.push(colors.gray(`[${shown(log.request_id)}]`))
  const request = log.msg === 'request completed' && typeof log.method === 'string'
  parts.push(request ? requestText(log) : shown(log.msg))
  const left = Object.entries(log).filter(([key]) => !isCovered(log, key, request))
  if (left.length > 0) parts.push(colors.gray(safeJson(JSON.stringify(Object.fromEntries(left)))))
  const { file, line } = (log.source ?? {}) as { file?: unknown; line?: unknown }
  if (file !== undefined) parts.push(colors.gray(`(${shown(file)}:${shown(line)})`))
  return parts.join(' ')
}

function isCovered(log: Record<string, unknown>, key: string, request: boolean): boolean {
  return HIDDEN.has(key) || (log.request_id !== undefined && TRACE.has(key)) || (request && REQUEST.has(key))
}

/** `GET /orders/7 200 in 8.3 ms`, and how it ended where it did not end well. */
function requestText(log: Record<string, unknown>): string {
  const { method, path, status, duration_ms: duration, outcome } = log
  const parts = [method, path, status].filter((each) => each !== undefined).map(shown)
  if (duration !== undefined) parts.push(`in ${shown(duration)} ms`)
  if (outcome !== 'completed') parts.push(shown(outcome))
  return parts.join(' ')
}

/** A line's record under the default schema's keys. */
function parse(line: string, ours: ReadonlyMap<string, string>): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    if (ours.size === 0) return value as Record<string, unknown>
    const taken = new Set(ours.values())
    const keyOf = (name: string): string => ours.get(name) ?? (taken.has(name) ? `_${name}` : name)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [keyOf(name), each]))
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
  const { stack_trace: trace, kind, ...rest } = error as Record<string, unknown>
  const { type = kind, message, stack = trace, cause, errors, ...own } = rest
  const head = typeof stack === 'string' ? stack : `${shown(type ?? 'Error')}: ${shown(message ?? '')}`
  let text = indented(label + head)
  if (Object.keys(own).length > 0) text += indented(safeJson(JSON.stringify(own)))
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
