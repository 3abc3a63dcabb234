import { type Asked, type Found, isOwnMark, ownMarkAt } from './found.ts'
import { isCount } from './keys.ts'
import { backslashesBefore, decoded, endOfBracketed, endOfQuoted, unescapeKey } from './quoted.ts'
import { bareUserinfoAt, userinfoAt } from './urls.ts'
import { withoutEnd, wordsOf } from './words.ts'

const MAX_KEY = 128
const MAX_BLANKS = 128

/** A key in a text, and how it stands there. */
export interface Key {
  readonly name: string
  /** The quotes with which a JSON value can take another's place; '' where the key has none. */
  readonly quote: string
}

/**
 * Hides what a text says under a key that hides: `password=…` in queries, forms, connection strings and logfmt,
 * `"password": …` in JSON at any depth of escaping, `password: '…'` as util.inspect writes it, `Authorization: …` as
 * HTTP does; and credentials in URLs. The rest of the text stays as it is, to the letter.
 */
export function hideAssignments(text: string, asked: Asked): string {
  let shown = ''
  let from = 0
  let host = 0
  let equals = text.indexOf('=')
  let colon = text.indexOf(':')
  while (equals !== -1 || colon !== -1) {
    const at = colon === -1 || (equals !== -1 && equals < colon) ? equals : colon
    // Looked for once, not from each sign.
    if (host !== -1 && host < at) host = text.indexOf('@', at)
    const found = at === equals ? byEquals(text, at, asked) : byColon(text, at, host, from, asked)
    if (found !== undefined) {
      shown += text.slice(from, found.from) + found.shown
      from = found.to
    }
    const next = Math.max(at + 1, from)
    if (equals !== -1 && equals < next) equals = text.indexOf('=', next)
    if (colon !== -1 && colon < next) colon = text.indexOf(':', next)
  }
  return from === 0 ? text : shown + text.slice(from)
}

function byEquals(text: string, at: number, asked: Asked): Found | undefined {
  const before = text.charCodeAt(at - 1)
  const after = text.charCodeAt(at + 1)
  // ==, !=, <=, >= assign nothing; => does, in what Ruby and PHP print.
  if (before === 61 || before === 33 || before === 60 || before === 62 || after === 61) return undefined
  const key = keyBefore(text, at)
  if (key === undefined || !asked.hides(key.name)) return undefined
  const start = skipBlanks(text, after === 62 ? at + 2 : at + 1)
  return (
    literallyQuoted(text, start, asked) ?? valueAt(text, start, key, asked) ?? bareAt(text, start, key, asked)
  )
}

const QUOTED_BUT_GOES_ON = /'[^'\s]*'(?![\s,;)\]}>&]|$)/y

/** In a query a quote is a character like any other: `password='a'b'&x=1`. */
function literallyQuoted(text: string, start: number, asked: Asked): Found | undefined {
  if (matchAt(QUOTED_BUT_GOES_ON, text, start) === '') return undefined
  const run = matchAt(/[^\s&"<>]+/y, text, start)
  return replaced(text, start, start + run.length, asked, decoded)
}

/** @param host where the next `@` stands, or -1 */
function byColon(text: string, at: number, host: number, from: number, asked: Asked): Found | undefined {
  const next = text.charCodeAt(at + 1)
  if (next === 47 || next === 92) {
    const userinfo = host === -1 ? undefined : userinfoAt(text, at, asked)
    if (userinfo !== undefined || next === 47) return userinfo
  } else if (host !== -1) {
    const userinfo = bareUserinfoAt(text, at, from, asked)
    if (userinfo !== undefined) return userinfo
  }
  if (isPlace(text, at)) return undefined
  const key = keyBefore(text, at)
  if (key === undefined || !asked.hides(key.name)) return undefined
  const start = skipBlanks(text, at + 1)
  const value = valueAt(text, start, key, asked)
  if (value !== undefined) return value
  if (key.quote !== '') return literalAt(text, start, key, asked)
  return isHeader(key.name) ? lineAt(text, start, asked) : guessedAt(text, start, asked)
}

/** `index.js:10:5`, which stacks are full of. */
function isPlace(text: string, at: number): boolean {
  if (text.charCodeAt(at - 1) !== 115) return false
  const before = text.charCodeAt(at - 2)
  return (
    (before === 106 || before === 116) && (text.charCodeAt(at - 3) === 46 || text.charCodeAt(at - 4) === 46)
  )
}

export function keyBefore(text: string, sign: number): Key | undefined {
  let end = sign
  while (end > 0 && sign - end < MAX_BLANKS && isBlank(text.charCodeAt(end - 1))) end--
  const last = text.charCodeAt(end - 1)
  if (last === 34 || last === 39) return quotedKey(text, end - 1)
  let start = end
  let letters = 0
  while (start > 0 && end - start < MAX_KEY) {
    const code = text.charCodeAt(start - 1)
    // A letter may be percent-encoded.
    if (isLetter(code) || code === 37) letters++
    else if (!isBetweenLetters(code)) break
    start--
  }
  // Times and numbers are no keys: 2026-03-04T05:06.
  return letters < 2 ? undefined : { name: unescapeKey(text.slice(start, end)), quote: '' }
}

export function quotedKey(text: string, close: number): Key | undefined {
  const mark = text[close] as string
  const level = backslashesBefore(text, close)
  const open = text.lastIndexOf(mark, close - 1)
  if (open === -1 || close - open > MAX_KEY + level) return undefined
  return {
    name: unescapeKey(text.slice(open + 1, close - level)),
    quote: text.slice(close - level, close + 1),
  }
}

/** Blanks, and the letters of an escaped line break do not count: `{\n  "a": 1}`. */
function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at - from < MAX_BLANKS && isBlank(text.charCodeAt(at))) at++
  return at
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code > 127
}

/** Digits and what else names of parameters are made of: . _ - $ [ ] % */
function isBetweenLetters(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 45 && code <= 46) ||
    code === 95 ||
    code === 36 ||
    code === 37 ||
    code === 91 ||
    code === 93
  )
}

/** A value in quotes or brackets. */
export function valueAt(text: string, start: number, key: Key, asked: Asked): Found | undefined {
  let at = start
  while (text.charCodeAt(at) === 92) at++
  const code = text.charCodeAt(at)
  if (code === 34 || code === 39) {
    const from = at + 1
    const to = endOfQuoted(text, from, text[at] as string, at - start)
    return replaced(text, from, to, asked, unquoted)
  }
  if (at !== start || (code !== 123 && code !== 91)) return undefined
  const mark = ownMarkAt(text, at)
  if (mark > 0) {
    const goesOn = /[^\s,;&)\]}"'\\!?.:]/.test(text.charAt(at + mark))
    return goesOn ? undefined : { from: at, to: at + mark, shown: text.slice(at, at + mark) }
  }
  const end = endOfBracketed(text, at)
  // In a query a bracket is a character like any other: `token={a}b&x=1`.
  const goesOn = key.quote === '' ? withoutEnd(matchAt(BARE, text, end), ')]},.;') : ''
  const to = end + goesOn.length
  return { from: at, to, shown: key.quote + asked.replace(text.slice(at, to)) + key.quote }
}

function unquoted(content: string): string {
  try {
    return content.includes('\\') ? String(JSON.parse(`"${content}"`)) : content
  } catch {
    return content
  }
}

function replaced(
  text: string,
  from: number,
  to: number,
  asked: Asked,
  plain: (secret: string) => string,
): Found | undefined {
  const secret = text.slice(from, to)
  const shown = secret.trim() === '' || isOwnMark(secret) ? secret : asked.replace(plain(secret))
  return { from, to, shown }
}

/** A number in JSON; true, false and null say nothing. */
function literalAt(text: string, start: number, { name, quote }: Key, asked: Asked): Found | undefined {
  const secret = matchAt(/[^\s,}\]]+/y, text, start)
  if (secret === '' || SAYS_NOTHING.test(secret) || isCount(name, secret)) return undefined
  return { from: start, to: start + secret.length, shown: quote + asked.replace(secret) + quote }
}

// A comma or semicolon ends a value where another key, a blank or nothing follows.
// A run of backslashes is taken in one step: looked at from each of them, a long one costs the square of its length.
const BARE =
  /(?:(?![,;](?:\s|$|[\w.%[\]-]+\s*[=:]))(?!'(?:[\s,;)\]}]|$))(?!\\+["'nrt])(?:\\+|[^\s&"`<>\\]))+/y
const SCHEME = /(?:bearer|basic|digest|token|negotiate|apikey)[ \t]+(?=\S)/iy

/** No value, or one that stands elsewhere: `password = $1` and `= ?` are SQL, `***` was hidden by others. */
const SAYS_NOTHING = /^(?:true|false|null|undefined|\?|\$\d{1,3}|\*+)$/

function bareAt(text: string, start: number, key: Key, asked: Asked): Found | undefined {
  if (isHeader(key.name) && matchAt(SCHEME, text, start) !== '') return lineAt(text, start, asked)
  const run = withoutEnd(matchAt(BARE, text, start), ')]},.;')
  if (SAYS_NOTHING.test(run) || isCount(key.name, run)) return undefined
  return replaced(text, start, start + run.length, asked, decoded)
}

const HEADERS = new Set(['authorization', 'cookie', 'setcookie'])

function isHeader(key: string): boolean {
  const words = wordsOf(key)
  return HEADERS.has(words.at(-1) ?? '') || HEADERS.has(words.slice(-2).join(''))
}

// A quote ends it, but not one behind `=`: `Digest username="bob", response="…"`, `a="b"; c=d`.
const LINE = /(?:=(\\*)"[^"'\\\r\n]*\1"|[^\r\n"'\\])*/y

/** What a header says, to the end of its line. */
function lineAt(text: string, start: number, asked: Asked): Found | undefined {
  const line = matchAt(LINE, text, start).trimEnd()
  return replaced(text, start, start + line.length, asked, (secret) => secret)
}

/** `password: hunter2` hides, `password: must be longer` is a sentence. */
function guessedAt(text: string, start: number, asked: Asked): Found | undefined {
  // Passwords end with a ! more often than sentences that show one.
  const run = withoutEnd(matchAt(BARE, text, start), ')]},.;:')
  const word = withoutEnd(run, ')]},.;:!?')
  const likely = word.length >= 4 && /\d|\p{Ll}\p{Lu}|[^\p{L}'’]/u.test(word)
  return likely ? replaced(text, start, start + run.length, asked, (secret) => secret) : undefined
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}
