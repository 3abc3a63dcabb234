import { builtin } from '../config/builtin.ts'
import type { IncomingHeaders } from './inbound.ts'

/** What a request id from outside must look like. UUIDs, ULIDs, and what load balancers send all fit. */
export const REQUEST_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,127}$/

/** The headers that are looked at, in this order. */
export const REQUEST_ID_HEADERS: readonly string[] = ['x-request-id', 'x-correlation-id']

/** A header that is not taken: its length is told, never its content. */
export interface RejectedRequestId {
  readonly header: string
  /** Characters of all values together. */
  readonly length: number
}

/**
 * The request id that came with a request. The first of `names` that is present decides: it is taken only if it
 * came once and fits {@link REQUEST_ID_PATTERN}; else it is rejected, to be replaced by a new one and never
 * trimmed, since an altered id matches nothing. Undefined where no header is present.
 *
 * @param headers as node:http gives them: lower-case names, repeated ones joined by a comma or as an array
 * @param names lower-case header names @default x-request-id, x-correlation-id
 */
export function readRequestId(
  headers: IncomingHeaders,
  names: readonly string[] = REQUEST_ID_HEADERS,
): { id: string } | { rejected: RejectedRequestId } | undefined {
  for (const header of names) {
    const value = headers[header]
    if (typeof value === 'string') {
      return REQUEST_ID_PATTERN.test(value) ? { id: value } : { rejected: { header, length: value.length } }
    }
    if (Array.isArray(value)) return { rejected: { header, length: value.join('').length } }
  }
  return undefined
}

const UUID_BYTES = 16
const pool = Buffer.allocUnsafeSlow(UUID_BYTES * 256)
let used = pool.length

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
const DASH = 0x2d
const text = Buffer.allocUnsafeSlow(36)

/** A new request id: a random UUID (version 4, RFC 9562). */
export function newRequestId(): string {
  if (used === pool.length) {
    builtin('node:crypto').randomFillSync(pool)
    used = 0
  }
  pool[used + 6] = ((pool[used + 6] as number) & 0x0f) | 0x40
  pool[used + 8] = ((pool[used + 8] as number) & 0x3f) | 0x80
  for (let byte = 0, at = 0; byte < UUID_BYTES; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text[at++] = DASH
    const value = pool[used + byte] as number
    text[at++] = HEX[value >> 4] as number
    text[at++] = HEX[value & 15] as number
  }
  used += UUID_BYTES
  return text.toString('latin1')
}
