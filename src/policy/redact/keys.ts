import { singular, wordsOf } from './words.ts'

/** What a key says of the value under it. */
export type Verdict = 'secret' | 'id' | 'number' | 'open'

/**
 * What a key that ends with it hides; a name of several words is written together here, and found however it is
 * spelt. Sources: OWASP Logging Cheat Sheet ("Data to exclude"), PCI DSS 3.3 (card data), the names that frameworks use
 * for session cookies.
 */
const SECRETS: ReadonlySet<string> = new Set([
  ...['password', 'passwd', 'passwort', 'pwd', 'passphrase', 'passcode', 'pass', 'otp', 'totp'],
  ...['onetimepassword', 'onetimecode', 'mfacode'],
  ...['secret', 'token', 'jwt', 'authorization', 'credential', 'bearer'],
  ...[
    'apikey',
    'accesskey',
    'secretkey',
    'privatekey',
    'signingkey',
    'encryptionkey',
    'masterkey',
    'sharedkey',
  ],
  ...['accountkey', 'sessionkey', 'hmackey', 'authkey', 'privkey', 'licensekey'],
  ...['cookie', 'setcookie', 'sid', 'sessionid', 'sessid', 'jsessionid', 'phpsessid', 'aspsessionid'],
  ...[
    'cardnumber',
    'cardno',
    'cardnum',
    'creditcard',
    'debitcard',
    'creditcardno',
    'ccnumber',
    'ccnum',
    'ccno',
  ],
  ...['primaryaccountnumber', 'pan', 'cvv', 'cvc', 'cvv2', 'cvc2', 'cardcode', 'cardpin', 'securitycode'],
  ...['ssn', 'socialsecuritynumber', 'socialsecurity'],
])

/** What is written together with the word that hides: `dbpassword`, `ACCESSTOKEN`. */
const PREFIXES = [
  ...[
    'db',
    'database',
    'user',
    'admin',
    'root',
    'login',
    'account',
    'email',
    'mail',
    'smtp',
    'ftp',
    'ssh',
    'ldap',
  ],
  ...[
    'my',
    'old',
    'new',
    'current',
    'confirm',
    'repeat',
    'master',
    'default',
    'temp',
    'app',
    'api',
    'web',
    'http',
  ],
  ...[
    'access',
    'refresh',
    'auth',
    'oauth',
    'id',
    'bearer',
    'session',
    'csrf',
    'xsrf',
    'jwt',
    'reset',
    'client',
  ],
  ...[
    'server',
    'service',
    'shared',
    'security',
    'proxy',
    'redis',
    'mysql',
    'postgres',
    'pg',
    'mongo',
    'github',
  ],
  ...[
    'gitlab',
    'npm',
    'slack',
    'stripe',
    'aws',
    'azure',
    'gcp',
    'consumer',
    'webhook',
    'signing',
    'device',
    'push',
  ],
]
const TOGETHER: ReadonlySet<string> = new Set(
  PREFIXES.flatMap((prefix) =>
    ['password', 'passwd', 'pwd', 'secret', 'token', 'cookie'].map((word) => prefix + word),
  ),
)

/** `boarding_pass` and `first_pass` are none; `smtp_pass` is. */
const BEFORE_PASS: ReadonlySet<string> = new Set(PREFIXES)

/** What may follow: a `password_hash` is no more for everybody's eyes than the password. */
const FOLLOWING: ReadonlySet<string> = new Set([
  ...[
    'value',
    'hash',
    'hashed',
    'confirmation',
    'confirm',
    'repeat',
    'again',
    'verify',
    'new',
    'old',
    'current',
  ],
  ...['encrypted', 'plain', 'raw', 'header', 'text', 'string', 'v'],
])

/** What is counted is no secret: `max_tokens`, `promptTokens`. */
const COUNTING: ReadonlySet<string> = new Set([
  ...[
    'max',
    'min',
    'num',
    'number',
    'total',
    'prompt',
    'completion',
    'input',
    'output',
    'cached',
    'cache',
    'used',
  ],
  ...[
    'reasoning',
    'thinking',
    'remaining',
    'available',
    'sum',
    'average',
    'avg',
    'per',
    'limit',
    'audio',
    'image',
  ],
  ...['prediction', 'budget', 'estimated', 'consumed', 'creation', 'read', 'count'],
])

/** A long number under such a key is no card. */
const NUMBERS: ReadonlySet<string> = new Set([
  ...['id', 'uuid', 'guid', 'time', 'timestamp', 'ts', 'at', 'date', 'ms', 'us', 'ns', 'seq'],
  ...['sequence', 'offset', 'version', 'hash', 'sha', 'digest', 'checksum', 'nonce', 'trace', 'span', 'ref'],
  ...[
    'reference',
    'phone',
    'tel',
    'msisdn',
    'imei',
    'ean',
    'gtin',
    'isbn',
    'barcode',
    'sku',
    'serial',
    'size',
    'byte',
    'iban',
  ],
])

/** Rules of one's own. */
export interface KeyRules {
  /** Keys that hide besides: names, spelt in any way, or patterns for the key as it is. */
  readonly keys: readonly (string | RegExp)[]
  /** Keys that hide nothing, though a rule says so. */
  readonly except: readonly (string | RegExp)[]
  /** True where ids of persons and sessions are given as hashes. */
  readonly hashIds: boolean
}

/** Says of a key what it hides. Not cached: who asks keeps the answer. */
export function makeKeyRules({ keys, except, hashIds }: KeyRules): (key: string) => Verdict {
  const added = names(keys)
  const excepted = names(except)
  const addedPatterns = patterns(keys)
  const exceptedPatterns = patterns(except)
  return (key) => {
    const words = wordsOf(key)
    const whole = joined(words)
    if (excepted.has(whole) || exceptedPatterns.some((pattern) => matches(pattern, key))) return 'open'
    if (hashIds && (whole === 'userid' || whole === 'sessionid')) return 'id'
    if (hides(words, added) || addedPatterns.some((pattern) => matches(pattern, key))) return 'secret'
    return isNumber(words) ? 'number' : 'open'
  }
}

/** What has a number of its own; a mere `number` may stand in a `card`. */
const NUMBERED: ReadonlySet<string> = new Set([
  ...['order', 'invoice', 'ticket', 'tracking', 'transaction', 'reference', 'serial', 'phone', 'customer'],
])

function isNumber(words: readonly string[]): boolean {
  const last = singular(words.at(-1) ?? '')
  return NUMBERS.has(last) || (/^(?:number|num|no|nr)$/.test(last) && NUMBERED.has(words.at(-2) ?? ''))
}

const LISTED = /^\p{L}[\p{L}\p{N}_.-]{0,63}(?: [\p{L}\p{N}_.-]{1,64}){0,2}$/u

/** True for what may be a name in a list of names and values; a sentence is none. */
export function isListedName(text: string): boolean {
  return LISTED.test(text)
}

/** The name of a key however it is spelt. */
export function nameOf(key: string): string {
  return joined(wordsOf(key))
}

function joined(words: readonly string[]): string {
  return words.slice(0, -1).join('') + singular(words.at(-1) ?? '')
}

function names(rules: readonly (string | RegExp)[]): ReadonlySet<string> {
  return new Set(rules.filter((rule) => typeof rule === 'string').map((rule) => nameOf(rule as string)))
}

function patterns(rules: readonly (string | RegExp)[]): readonly RegExp[] {
  return rules.filter((rule) => typeof rule !== 'string') as RegExp[]
}

function matches(pattern: RegExp, key: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(key)
}

/** Of a key longer than any that people write, the end is looked at. */
const MAX_WORDS = 32

function hides(all: readonly string[], added: ReadonlySet<string>): boolean {
  if (all.length === 0) return false
  const words = all.slice(-MAX_WORDS)
  if (endsSecret(words, added)) return true
  while (words.length > 1 && isFollowing(words.at(-1) as string)) {
    words.pop()
    if (endsSecret(words, added)) return true
  }
  return false
}

const COUNTED = /(?:token|cookie|secret|password|credential)s$/i
const MOST_COUNTED = 9

/** True for how many there are of them: `tokens: 512` is no token, `card_numbers: 4111…` is one. */
export function isCount(key: string, value: string): boolean {
  return value.length <= MOST_COUNTED && /^\d+$/.test(value) && COUNTED.test(key)
}

function isFollowing(word: string): boolean {
  return FOLLOWING.has(word) || /^\p{Nd}+$/u.test(word)
}

function endsSecret(words: readonly string[], added: ReadonlySet<string>): boolean {
  const last = words.at(-1) as string
  let end = singular(last)
  for (let i = words.length - 1; ; i--) {
    if (added.has(end)) return true
    if ((SECRETS.has(end) || TOGETHER.has(end)) && isMeant(words, i, end, last)) return true
    if (i === 0) return false
    end = words[i - 1] + end
  }
}

/** @param from where in the words the secret's name begins */
function isMeant(words: readonly string[], from: number, name: string, last: string): boolean {
  const before = words[from - 1]
  if (name === 'pass') return before === undefined || BEFORE_PASS.has(before)
  if (name === 'token' && last === 'tokens') return before === undefined || !COUNTING.has(before)
  return true
}
