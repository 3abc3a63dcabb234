/** What of undici's request is used; it is the same in undici 5 to 7, but for the form of `headers`. */
export interface UndiciRequest {
  readonly origin: string | URL
  readonly path: string
  readonly method: string
  /** The Host header, where one was given. */
  readonly host?: unknown
  /** Names and values by turns; one text of lines in undici 5. */
  headers: unknown[] | string
  addHeader(name: string, value: string): unknown
}

/** Whether a request has a header, in any case. */
export function undiciHasHeader(request: UndiciRequest, name: string): boolean {
  const wanted = name.toLowerCase()
  const { headers } = request
  if (typeof headers === 'string') return `\r\n${headers.toLowerCase()}`.includes(`\r\n${wanted}:`)
  for (let at = 0; at < headers.length; at += 2) {
    const present = headers[at]
    if (typeof present === 'string' && present.toLowerCase() === wanted) return true
  }
  return false
}

/**
 * Adds headers, and takes them back where somebody adds the same one afterwards. OpenTelemetry's undici
 * instrumentation listens on the same channel and does not look whether a traceparent is there: where it was
 * registered after us, the request would go out with two. Its span is the nearer one, so it wins.
 */
export function addToUndici(request: UndiciRequest, headers: readonly (readonly [string, string])[]): void {
  for (const [name, value] of headers) request.addHeader(name, value)
  const add = request.addHeader
  const ours = new Map(headers)
  const replaceable = function (this: UndiciRequest, name: string, value: string): unknown {
    const lower = String(name).toLowerCase()
    withdraw(request, ours, lower)
    // A tracestate belongs to its traceparent.
    if (lower === 'traceparent') withdraw(request, ours, 'tracestate')
    return add.call(this, name, value)
  }
  Object.defineProperty(request, 'addHeader', { value: replaceable, configurable: true, writable: true })
}

function withdraw(request: UndiciRequest, ours: Map<string, string>, name: string): void {
  const value = ours.get(name)
  if (value === undefined || !ours.delete(name)) return
  const { headers } = request
  if (typeof headers === 'string') {
    request.headers = headers.replace(`${name}: ${value}\r\n`, () => '')
    return
  }
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name && headers[at + 1] === value) {
      headers.splice(at, 2)
      return
    }
  }
}
