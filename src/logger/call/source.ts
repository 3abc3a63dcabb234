import { findSourceMap } from 'node:module'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeValue } from '../line/value.ts'

/** Where a record was made. */
export interface Source {
  /** Relative to the working directory where it lies inside, else absolute. */
  readonly file: string
  readonly line: number
  readonly function?: string
}

const MAX_KNOWN = 2000
const known = new Map<string, string>()

interface Holder {
  stack?: unknown
}

/** Function type of what captureStackTrace leaves out, with all that was called by it. */
type AnyFunction = (...args: never[]) => unknown

/**
 * JSON text of the place that called `callee`, or '' where it can't be told (native code, no stack).
 *
 * @param skip frames above it that belong to a wrapper
 */
export function sourceOf(callee: AnyFunction, skip: number): string {
  const { stackTraceLimit, prepareStackTrace } = Error
  const holder: Holder = {}
  try {
    Error.stackTraceLimit = skip + 1
    Error.prepareStackTrace = (_error, frames) => frames
    Error.captureStackTrace(holder, callee)
    const frames = holder.stack
    const frame = Array.isArray(frames) ? (frames[skip] as NodeJS.CallSite | undefined) : undefined
    return frame === undefined ? '' : textOf(frame)
  } catch {
    return ''
  } finally {
    restore(stackTraceLimit, prepareStackTrace)
  }
}

function restore(limit: number, prepare: typeof Error.prepareStackTrace): void {
  try {
    Error.stackTraceLimit = limit
    // Assigning undefined would leave a property behind that Node takes for a user's own.
    if (prepare === undefined) delete (Error as Partial<ErrorConstructor>).prepareStackTrace
    else Error.prepareStackTrace = prepare
  } catch {
    // A frozen Error could not be changed above either.
  }
}

function textOf(frame: NodeJS.CallSite): string {
  const place = placeOf(frame)
  if (place === undefined) return ''
  const { url, line, column } = place
  const name = functionName(frame)
  const id = `${url}:${line}:${column}:${name}`
  let text = known.get(id)
  if (text === undefined) {
    text = writeValue(locate(url, line, column, name)) as string
    if (known.size < MAX_KNOWN) known.set(id, text)
  }
  return text
}

interface Place {
  readonly url: string
  readonly line: number
  readonly column: number
}

// Innermost: `eval at f (eval at g (file:///a.js:3:5))`.
const EVAL_ORIGIN = /\(([^()]+):(\d+):(\d+)\)+$/

/** Code made by eval or new Function stands where that was called. */
function placeOf(frame: NodeJS.CallSite): Place | undefined {
  const url = frame.getFileName()
  if (url) return { url, line: frame.getLineNumber() ?? 0, column: frame.getColumnNumber() ?? 0 }
  const [, file, line, column] = EVAL_ORIGIN.exec(frame.getEvalOrigin() ?? '') ?? []
  return file === undefined ? undefined : { url: file, line: Number(line), column: Number(column) }
}

function functionName(frame: NodeJS.CallSite): string {
  const name = frame.getFunctionName()
  if (name === null || name === '') return ''
  const owner = frame.isConstructor() || frame.isToplevel() ? null : frame.getTypeName()
  return owner === null || owner === 'Object' || owner === 'Function' || name.includes('.')
    ? name
    : `${owner}.${name}`
}

function locate(url: string, line: number, column: number, name: string): Source {
  const origin = sourceMapsOn() ? original(url, line, column) : undefined
  const file = shorten(toPath(origin?.file ?? url))
  return { file, line: origin?.line ?? line, ...(name === '' ? {} : { function: name }) }
}

/** Node's own answer where it has one (20.?+), else what it was started with. */
function sourceMapsOn(): boolean {
  const { sourceMapsEnabled } = process as { sourceMapsEnabled?: boolean }
  if (sourceMapsEnabled !== undefined) return sourceMapsEnabled
  const flags = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
  return flags.includes('--enable-source-maps')
}

function original(url: string, line: number, column: number): { file: string; line: number } | undefined {
  const map = findSourceMap(url)
  const entry = map?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry)) return undefined
  return { file: entry.originalSource, line: entry.originalLine + 1 }
}

function toPath(url: string): string {
  if (!url.startsWith('file:')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}

function shorten(path: string): string {
  const inside = relative(process.cwd(), path)
  return inside === '' || inside.startsWith('..') || inside.startsWith(sep) ? path : inside
}
