/** Headers that carry secrets: on a record only where they are named. */
const SECRETS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-amz-security-token',
])

const MAX_HEADER = 1024

/** Headers for a record: all but secrets, or those that are named. */
export function headerField(
  headers: Readonly<Record<string, unknown>>,
  wanted: boolean | readonly string[],
): Record<string, unknown> {
  const field: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    const taken = typeof wanted === 'boolean' ? !SECRETS.has(lower) : wanted.includes(lower)
    if (taken && value !== undefined) field[lower] = boundedHeader(value)
  }
  return field
}

function boundedHeader(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(boundedHeader)
  return typeof value === 'string' && value.length > MAX_HEADER ? `${value.slice(0, MAX_HEADER)}…` : value
}

/** A body for a record: as it is where its JSON is at most `max` characters, else the beginning of that JSON. */
export function bodyField(body: unknown, max: number): unknown {
  if (body === undefined) return undefined
  if (ArrayBuffer.isView(body)) return `[${body.byteLength} bytes]`
  let text: string | undefined
  try {
    text = typeof body === 'string' ? body : JSON.stringify(body)
  } catch {
    // The line writer can say what JSON can't; it is no parsed body then, so no client chose its size.
    return body
  }
  return text === undefined || text.length <= max ? body : `${text.slice(0, max)}…`
}
