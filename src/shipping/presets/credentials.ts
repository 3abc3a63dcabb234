import { Buffer } from 'node:buffer'
import { optionError } from '../../config/errors.ts'
import type { Answer, PresetOptions } from '../preset.ts'
import { endpoint, headersWith } from './request-parts.ts'

/** Where a preset's requests go and with what, and what of it must be seen by nobody. */
export interface Access {
  /** Without credentials. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** The answer without what is secret of ours: a proxy's error page may repeat the request's headers. */
  hide(answer: Answer): Answer
}

export interface AccessRules {
  /** The path that stands where the URL has none. */
  readonly path: string
  /** The preset's own headers. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** How the token is said. @default `Bearer <token>` */
  readonly authorization?: ((token: string) => string) | undefined
}

/**
 * What requests are made with. A user and password in the URL become Basic authorisation (RFC 7617) and are taken out
 * of it; a token beats them, and the user's own headers beat both.
 *
 * @throws TypeError ERR_SPOOR_OPTION for a token or a header that HTTP can't carry: fetch would say so at each
 * request, with the value in its message
 */
export function accessOf(preset: string, options: PresetOptions, rules: AccessRules): Access {
  const url = new URL(endpoint(options.url, rules.path))
  const basic = basicOf(url)
  url.username = ''
  url.password = ''
  const token = options.token?.trim() || undefined
  if (token !== undefined && !isHeaderValue(token)) {
    throw optionError({ option: `${preset}Preset({ token })`, value: token, expected: 'printable ASCII' })
  }
  const say = rules.authorization ?? ((said: string) => `Bearer ${said}`)
  const authorization = token === undefined ? basic : say(token)
  const headers = headersWith({ ...rules.headers, authorization }, options.headers)
  for (const [name, value] of Object.entries(headers)) assertHeader(preset, name, value)
  const secrets = secretsOf([token, options.url.password, decoded(options.url.password)], headers)
  return { url, headers, hide: (answer) => hidden(answer, secrets) }
}

function basicOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
}

/** Percent-decoded where it is well-formed, as it was written where it is not. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function isHeaderValue(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value)
}

function assertHeader(preset: string, name: string, value: string): void {
  const option = `${preset}Preset({ headers })`
  if (!TOKEN.test(name)) throw optionError({ option, value: name, expected: "a header's name" })
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw optionError({ option, value, expected: `a text without control characters at ${name}` })
  }
}

const SECRET_NAME = /auth|token|key|secret|cookie|session|pass/i
/** Shorter ones would blank innocent words. */
const SHORTEST_SECRET = 4

/** Longest first, so that none is left in parts. A header's value counts without its scheme too. */
function secretsOf(texts: readonly (string | undefined)[], headers: Access['headers']): readonly string[] {
  const values = Object.entries(headers)
    .filter(([name]) => SECRET_NAME.test(name))
    .flatMap(([, value]) => [value, value.slice(value.indexOf(' ') + 1)])
  const all = [...texts, ...values].filter((text) => text !== undefined && text.length >= SHORTEST_SECRET)
  return [...new Set((all as string[]).flatMap(spellings))].sort((a, b) => b.length - a.length)
}

/** How a secret may stand in an answer that repeats it: a reason is cut, and half of one would be known by nobody. */
function spellings(secret: string): string[] {
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
}

function hidden(answer: Answer, secrets: readonly string[]): Answer {
  const { location } = answer.headers
  const safe = (text: string): string =>
    secrets.reduce((left, secret) => left.replaceAll(secret, '[hidden]'), text)
  return {
    ...answer,
    body: safe(answer.body),
    headers: location === undefined ? answer.headers : { ...answer.headers, location: safe(location) },
  }
}
