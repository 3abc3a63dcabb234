type Headers = Readonly<Record<string, string>>

/**
 * Where the requests go: the URL as it is, with `path` where it has none of its own, so that
 * `https://splunk.internal:8088` is enough.
 */
export function endpoint(url: URL, path: string): string {
  const whole = new URL(url)
  if (whole.pathname === '/') whole.pathname = path
  whole.hash = ''
  return whole.href
}

/** The preset's headers and the user's, which win, by lower-case names. What is undefined is left out. */
export function headersWith(own: Readonly<Record<string, string | undefined>>, more: Headers = {}): Headers {
  const headers: Record<string, string> = {}
  for (const [name, value] of [...Object.entries(own), ...Object.entries(more)])
    if (value !== undefined) headers[name.toLowerCase()] = value
  return headers
}
