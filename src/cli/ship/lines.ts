import { type Fields, withKnownNames } from './known-names.ts'
import { parseTime } from './times.ts'

/** A line that somebody else wrote. */
export interface ForeignLine {
  /** Without what is no part of it: a carriage return, the NULs of a hole in the file. */
  readonly line: string
  /** With the default schema's keys, as far as its own are known. */
  readonly record: Fields
  /** The object as it stands in the line; undefined where the line is none. */
  readonly fields: Fields | undefined
  /** Epoch ms; undefined where it says none that can be understood. */
  readonly timeMs: number | undefined
  /** Whether it is text of which nothing is known: what a pattern does not fit, or where there is none. */
  readonly plain: boolean
}

export interface ForeignOptions {
  /** What lines of text are made of: its named groups become the record's fields. @default the line is the message */
  readonly pattern?: RegExp | undefined
  /** Epoch ms, for times without a year. @default Date.now */
  readonly now?: (() => number) | undefined
}

// What is written at the old place after a truncation leaves a hole before it.
const HOLE = /^\0+/
const NUL = 0
const CARRIAGE_RETURN = 13

/**
 * Makes what reads lines of any logger's: a JSON object by what its keys are known to mean, other text by the pattern.
 * Undefined for a line with nothing in it.
 */
export function foreignLines(options: ForeignOptions = {}): (text: string) => ForeignLine | undefined {
  const { pattern, now = Date.now } = options

  return (text) => {
    const line = withoutEnd(text.replace(HOLE, ''))
    if (line.trim() === '') return undefined
    const fields = objectOf(line)
    if (fields !== undefined) {
      const record = withKnownNames(fields)
      return { line, record, fields, timeMs: parseTime(record.time, now()), plain: false }
    }
    const groups = pattern?.exec(line)?.groups
    const record = withKnownNames(groupsOf(groups ?? {}))
    record.msg ??= line
    const timeMs = parseTime(record.time, now())
    return { line, record, fields, timeMs, plain: groups === undefined }
  }
}

/** Not by a pattern, which would look for the end from each NUL of a hole in the middle: minutes for a megabyte. */
function withoutEnd(text: string): string {
  let end = text.length
  while (end > 0 && isNothing(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

function isNothing(code: number): boolean {
  return code === NUL || code === CARRIAGE_RETURN
}

function objectOf(line: string): Fields | undefined {
  if (!line.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Fields
  } catch {
    return undefined
  }
}

/** Those that took part in the match. */
function groupsOf(groups: Readonly<Record<string, string | undefined>>): Fields {
  return Object.fromEntries(Object.entries(groups).filter(([, value]) => value !== undefined))
}

/** The same, a record made of text with its time: a JSON object says its own, or says none. */
export function withTime(foreign: ForeignLine, timeMs: number): ForeignLine {
  if (foreign.fields !== undefined) return foreign
  const time = new Date(timeMs).toISOString()
  const { level, msg } = foreign.record
  const record = Object.assign(Object.create(null), { time, level, msg }, foreign.record, { time })
  return { ...foreign, record }
}
