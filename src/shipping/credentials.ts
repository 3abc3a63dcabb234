import { Buffer } from 'node:buffer'
import type { PresetRequest } from './preset.ts'

const HIDDEN = '[hidden]'
// Shorter ones are no secrets, and would make any text unreadable.
const SHORTEST = 4

/** Headers whose values say nothing that is not to be read. */
const PUBLIC_HEADERS = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'user-agent',
  'x-scope-orgid',
  'x-amz-target',
  'x-amz-date',
])
const SECRET_PARAMETER = /key|token|secret|pass|auth|sig|credential/i

/** Everything in a request that must not be read in a message: what its headers hold, and its address's credentials. */
export function secretsOf({ url, headers }: PresetRequest): string[] {
  const secrets = new Set<string>()
  for (const [name, value] of Object.entries(headers)) {
    if (PUBLIC_HEADERS.has(name)) continue
    for (const secret of partsOf(value)) secrets.add(secret)
  }
  for (const secret of secretsOfUrl(url)) secrets.add(secret)
  const long = [...secrets].filter((secret) => secret.length >= SHORTEST)
  // The longest first, so that no part of one is left when another that is in it was taken out.
  return long.flatMap(spellings).sort((a, b) => b.length - a.length)
}

/** The value, and what it holds behind the name of its scheme: 'Bearer …', 'Basic …' with what that stands for. */
function partsOf(value: string): string[] {
  const [scheme = '', ...rest] = value.trim().split(/\s+/)
  if (rest.length === 0) return [value]
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(rest[0] ?? '', 'base64').toString() : ''
  const password = decoded.slice(decoded.indexOf(':') + 1)
  return [value, ...rest, decoded, password]
}

function secretsOfUrl(text: string): string[] {
  if (!URL.canParse(text)) return []
  const url = new URL(text)
  const parameters = [...url.searchParams]
    .filter(([name]) => SECRET_PARAMETER.test(name))
    .map(([, value]) => value)
  const { username, password } = url
  const userinfo = username === '' && password === '' ? [] : [password, username, `${username}:${password}`]
  return [...userinfo, ...userinfo.map(decoded), ...parameters]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** How a secret may stand in an answer that repeats it. */
function spellings(secret: string): string[] {
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
}

/** The text without any of the secrets. */
export function redacted(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text)
}

/** An address as a message may show it: without credentials, parameters and fragment. */
export function shownAddress(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}
