import type { ServerResponse } from 'node:http'
import { exchangeOf } from './exchange.ts'

type WriteHead = (this: ServerResponse, ...args: unknown[]) => ServerResponse

/**
 * Makes a response take the headers of writeHead as an array as if we had set none. Once any header is set, and
 * ours is, node:http reads such an array through setHeader: of two cookies the last one stays, and pairs throw.
 */
export function keepArrayHeaders(res: ServerResponse): void {
  const inherited = res.writeHead as WriteHead
  ;(res as { writeHead: unknown }).writeHead = function (this: ServerResponse, ...args: unknown[]) {
    return inherited.apply(this, withoutArray(this, args))
  }
}

/** The same for all responses of an Express app, whose prototype is there to be extended. */
export function keepArrayHeadersOf(prototype: object): void {
  const own = Object.getOwnPropertyDescriptor(prototype, 'writeHead')?.value as WriteHead | undefined
  Object.defineProperty(prototype, 'writeHead', {
    configurable: true,
    enumerable: true,
    writable: true,
    value(this: ServerResponse, ...args: unknown[]) {
      // Looked up now: a tracer may have wrapped node's since.
      const inherited = own ?? (Object.getPrototypeOf(prototype) as { writeHead: WriteHead }).writeHead
      return inherited.apply(this, withoutArray(this, args))
    },
  })
}

function withoutArray(res: ServerResponse, args: unknown[]): unknown[] {
  const last = args.length - 1
  const headers = args[last]
  if (last < 1 || !Array.isArray(headers) || !isOursAlone(res)) return args
  const grouped = group(headers)
  return grouped === undefined ? args : [...args.slice(0, last), grouped]
}

/** Where the application has set headers too, node:http would have treated its array so without us. */
function isOursAlone(res: ServerResponse): boolean {
  const header = res.req === undefined ? undefined : exchangeOf(res.req)?.log.responseHeader
  if (header === undefined || header === false || res.headersSent) return false
  const names = res.getHeaderNames()
  return names.length === 1 && names[0] === header.toLowerCase()
}

/** All values of a name together, in the array's order; undefined for an array that node:http is to refuse. */
function group(headers: readonly unknown[]): Record<string, unknown> | undefined {
  const pairs = Array.isArray(headers[0])
  if (!pairs && headers.length % 2 !== 0) return undefined
  const names = new Map<string, string>()
  const grouped: Record<string, unknown> = Object.create(null)
  const add = (name: unknown, value: unknown): boolean => {
    if (typeof name !== 'string') return false
    const first = names.get(name.toLowerCase())
    if (first === undefined) {
      names.set(name.toLowerCase(), name)
      grouped[name] = value
    } else grouped[first] = [grouped[first], value].flat()
    return true
  }
  for (let at = 0; at < headers.length; at += pairs ? 1 : 2) {
    const pair = pairs ? headers[at] : [headers[at], headers[at + 1]]
    if (!Array.isArray(pair) || !add(pair[0], pair[1])) return undefined
  }
  return grouped
}
