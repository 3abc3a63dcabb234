/** An answer of a server that was asked with fetch. */
export interface Answered<T> {
  readonly status: number
  readonly body: T
}

/** Asks with JSON and reads JSON, or text if that is what comes; `undefined` as body where the answer has none. */
export async function ask<T>(
  url: string,
  init: { method?: string; headers?: Record<string, string>; json?: unknown; body?: string } = {},
): Promise<Answered<T>> {
  const { json, body = json === undefined ? undefined : JSON.stringify(json), ...rest } = init
  const headers = { 'content-type': 'application/json', ...rest.headers }
  const answer = await fetch(url, { ...rest, headers, ...(body !== undefined && { body }) })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') === true
  const read = text === '' ? undefined : isJson ? JSON.parse(text) : text
  return { status: answer.status, body: read as T }
}

/** The same, and anything but a 2xx is an error that says what was answered. */
export async function askWell<T>(...args: Parameters<typeof ask>): Promise<T> {
  const { status, body } = await ask<T>(...args)
  if (status < 200 || status > 299) throw new Error(`${args[0]} answered ${status}: ${JSON.stringify(body)}`)
  return body
}
