import { type Asked, type Found, isOwnMark } from './found.ts'

const AUTHORITY = /:(?:\\*\/){2}/y
// Bounded: a text of nothing but `://` must not be read to its end from each.
const RUN = /(?:(?!'(?:[\s,;)\]}]|$))[^\s"`<>\\]){0,2048}/y
const PORT = /^\d*$/

/**
 * The credentials in a URL whose scheme ends at `at` (RFC 3986, 3.2.1): the password of `user:password@host`, or all of
 * `token@host`. Passwords with a slash are found too, where what stands before it is no port.
 */
export function userinfoAt(text: string, at: number, asked: Asked): Found | undefined {
  AUTHORITY.lastIndex = at
  const slashes = AUTHORITY.exec(text)
  if (slashes === null) return undefined
  const start = at + slashes[0].length
  RUN.lastIndex = start
  const run = RUN.exec(text)?.[0] ?? ''
  const end = endOfUserinfo(run)
  if (end <= 0) return undefined
  const colon = run.indexOf(':')
  const from = colon !== -1 && colon < end ? colon + 1 : 0
  const secret = run.slice(from, end)
  if (secret === '' || isOwnMark(secret)) return undefined
  return { from: start + from, to: start + end, shown: asked.replace(secret) }
}

/** Where the `@` stands that ends the credentials, or -1. */
function endOfUserinfo(run: string): number {
  const path = run.search(/[/?#]/)
  const authority = path === -1 ? run : run.slice(0, path)
  const at = authority.lastIndexOf('@')
  if (at !== -1) return at
  const colon = authority.indexOf(':')
  if (colon === -1 || PORT.test(authority.slice(colon + 1))) return -1
  return run.lastIndexOf('@')
}

// A host with a port or a path behind it, or slashes before the user, tell `user:password@host` from an address of mail.
const BARE =
  /[^\s"'`<>@/\\:?#[\]{}(),;=&]{2,256}@(?=[\d.]*[A-Za-z]|(?:\d{1,3}\.){3})[\w.-]{1,253}(?::\d{2,5}(?!\w)|\/)/y
const NO_USER = /^(?:mailto|sips?|xmpp|acct|npm|workspace|git|\d*)$/i
const MAX_USER = 64

/** The password of `user:password@host:port` that has no scheme; `at` is the colon. */
export function bareUserinfoAt(text: string, at: number, from: number, asked: Asked): Found | undefined {
  BARE.lastIndex = at + 1
  const authority = BARE.exec(text)?.[0]
  if (authority === undefined) return undefined
  let user = at
  while (user > from && at - user < MAX_USER && /[\w.%+-]/.test(text[user - 1] as string)) user--
  if (NO_USER.test(text.slice(user, at))) return undefined
  const secret = authority.slice(0, authority.indexOf('@'))
  return { from: at + 1, to: at + 1 + secret.length, shown: asked.replace(secret) }
}
