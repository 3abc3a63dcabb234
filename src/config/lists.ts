import { builtin } from './builtin.ts'

/** What became of a value: what it means, and which parts of it were wrong and left out. */
export interface Parsed<T> {
  /** Undefined where nothing of it can be used. */
  readonly value: T | undefined
  /** Empty where all of it was right. */
  readonly wrong: readonly string[]
}

/** The keys that spoor itself writes; nobody else's key may take one of these names. */
export const RECORD_KEYS: readonly string[] = [
  ...['time', 'level', 'msg'],
  ...['service', 'version', 'env', 'region', 'host', 'pid', 'machine_id', 'worker_id'],
  ...['component', 'request_id', 'user_id', 'session_id', 'trace_id', 'span_id', 'trace_flags'],
  ...['source', 'duration_ms', 'err'],
]

function parts(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

const KEY = /^[^\p{Cc}\p{Cs}"\\,=]{1,128}$/u

function readPairs(text: string, separator: string, accepts: (key: string, value: string) => boolean) {
  const value: Record<string, string> = Object.create(null)
  const wrong: string[] = []
  for (const part of parts(text)) {
    const at = part.indexOf(separator)
    const left = part.slice(0, Math.max(at, 0)).trim()
    const right = part.slice(at + 1).trim()
    if (at !== -1 && KEY.test(left) && !(left in value) && accepts(left, right)) value[left] = right
    else wrong.push(part)
  }
  return { value, wrong }
}

/**
 * Reads `time:timestamp,msg:message` into new names by old name. Two keys may not get one name, and none may
 * get a record key's, unless that is renamed too.
 */
export function parseKeys(text: string): Parsed<Record<string, string>> {
  const taken = new Set<string>()
  const { value, wrong } = readPairs(text, ':', (_old, name) => {
    if (!KEY.test(name) || taken.has(name)) return false
    taken.add(name)
    return true
  })
  for (let clash = clashIn(value); clash !== undefined; clash = clashIn(value)) {
    wrong.push(`${clash}:${value[clash]}`)
    delete value[clash]
  }
  return { value, wrong }
}

function clashIn(renames: Record<string, string>): string | undefined {
  return Object.keys(renames).find((old) => {
    const name = renames[old] ?? ''
    return name !== old && RECORD_KEYS.includes(name) && !(name in renames)
  })
}

/** Reads `iban,date_of_birth`: names without what only paths have, at least one letter or digit in each. */
export function parseKeyNames(text: string): Parsed<readonly string[]> {
  const isName = (part: string): boolean => /[\p{L}\p{N}]/u.test(part) && !/[*[\]]/.test(part)
  const all = parts(text)
  return { value: all.filter(isName), wrong: all.filter((part) => !isName(part)) }
}

/** Reads `miniapp=shop,module=store` into constant fields; none may have a record key's name. */
export function parseLabels(text: string): Parsed<Record<string, string>> {
  return readPairs(text, '=', (key, value) => value !== '' && !RECORD_KEYS.includes(key))
}

// What a field name may be made of: RFC 9110, 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Whether a header may be called that. */
export function isFieldName(name: string): boolean {
  return TOKEN.test(name)
}

/** Whether a header may say that. */
export function isFieldValue(value: string): boolean {
  return FIELD_VALUE.test(value)
}

/** Reads `x-team=shop,x-key=a%20b` into headers by their names in lower case. */
export function parseHeaders(text: string): Parsed<Record<string, string>> {
  const value: Record<string, string> = Object.create(null)
  const wrong: string[] = []
  for (const part of parts(text)) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim().toLowerCase()
    const decoded = decode(part.slice(at + 1).trim())
    if (decoded !== undefined && isFieldName(name) && isFieldValue(decoded)) value[name] = decoded
    // The value may be a secret.
    else wrong.push(name === '' ? 'a part without a name' : `${name}=…`)
  }
  return { value, wrong }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Who is trusted to send identities: everybody, nobody, or addresses and ranges ('loopback', '10.0.0.0/8'). */
export type Trust = 'all' | 'none' | readonly string[]

function isRange(part: string): boolean {
  const [address = '', bits, ...more] = part.split('/')
  const version = builtin('node:net').isIP(address)
  if (version === 0 || more.length > 0 || address.includes('%')) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

/** Reads 'all', 'none' or a list of loopback, addresses and CIDR ranges. Where all is wrong, nobody is trusted. */
export function parseTrust(text: string): Parsed<Trust> {
  const words = parts(text.toLowerCase())
  if (words.length === 1 && (words[0] === 'all' || words[0] === 'none')) return { value: words[0], wrong: [] }
  const good = words.filter((part) => part === 'loopback' || isRange(part))
  const wrong = words.filter((part) => !good.includes(part))
  return { value: good.length > 0 ? good : 'none', wrong }
}

/** Whose requests carry our headers: nobody's, those to one's own hosts, or a list that may name 'own' too. */
export type Propagation = 'off' | 'own' | readonly string[]

const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*$/

/** Reads 'off', 'own' or a list of hosts: `api.example.com`, `*.example.com`, an address. */
export function parsePropagation(text: string): Parsed<Propagation> {
  const words = parts(text.toLowerCase())
  if (words.length === 1 && (words[0] === 'off' || words[0] === 'own')) return { value: words[0], wrong: [] }
  const good = words.filter(
    (part) => part !== 'off' && (builtin('node:net').isIP(part) !== 0 || HOST.test(part)),
  )
  const wrong = words.filter((part) => !good.includes(part))
  return { value: good.length > 0 ? good : undefined, wrong }
}
