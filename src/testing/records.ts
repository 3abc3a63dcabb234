/** A record as a line says it. */
export type LogRecord = Readonly<Record<string, unknown>>

/** Where records are taken from: a memory transport, its lines, a file's text, or records themselves. */
export type RecordSource = { records(): readonly LogRecord[] } | string | Iterable<LogRecord | string>

/** The records and lines of a source, as they are. */
export function itemsOf(source: RecordSource): (LogRecord | string)[] {
  if (typeof source === 'string') return source.split('\n').filter((line) => line !== '')
  if (isTransport(source)) return [...source.records()]
  if (typeof source === 'object' && source !== null && Symbol.iterator in source) return [...source]
  throw new TypeError(
    `records were expected: a memory transport, a list of records or lines, or a log's text; got ${typeof source}.`,
  )
}

function isTransport(source: Exclude<RecordSource, string>): source is { records(): readonly LogRecord[] } {
  return typeof (source as { records?: unknown } | null)?.records === 'function'
}

/** The records of a source. @throws TypeError for a line that is no JSON object */
export function recordsOf(source: RecordSource): LogRecord[] {
  return itemsOf(source).map((item) => (typeof item === 'string' ? parsed(item) : item))
}

function parsed(line: string): LogRecord {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Told below.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as LogRecord
  throw new TypeError(`a record was expected, a JSON object a line; got: ${line.trim().slice(0, 100)}`)
}
