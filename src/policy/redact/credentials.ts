import { type Asked, isOwnMark } from './found.ts'
import { withoutEnd } from './words.ts'

/** Secrets whose form names them; sources: the issuers' own pages on token formats and secret scanning. */
const FORMS = [
  // JSON Web Signature and Encryption in compact form (RFC 7515, 7516): the header begins with {"
  'eyJ[\\w-]{5,1024}(?:\\.[\\w-]*){2,4}',
  '-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\\s\\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)',
  // Amazon, Google, Alibaba, DigitalOcean, Databricks
  'A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}',
  'AIza[\\w-]{35}',
  'ya29\\.[\\w.-]{20,}',
  'GOCSPX-[\\w-]{20,}',
  'LTAI[A-Za-z0-9]{16,24}',
  'do[opr]_v1_[a-f0-9]{32,}',
  'dapi[a-f0-9]{32}',
  // Forges and registries
  'gh[opsur]_[A-Za-z0-9]{20,}',
  'github_pat_\\w{20,}',
  'gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat)-[\\w-]{16,}',
  'AT(?:ATT|CTT|BB)[\\w=-]{20,}',
  'npm_[A-Za-z0-9]{36}',
  'pypi-[\\w-]{16,}',
  'rubygems_[a-f0-9]{32,}',
  'dckr_pat_[\\w-]{20,}',
  // Services
  'xox[abeoprs]-[\\w-]{10,}',
  'xapp-\\d-[\\w-]{10,}',
  '[rs]k_(?:live|test)_\\w{10,}',
  'whsec_[\\w+/=]{16,}',
  'sk-(?=[\\w-]{0,64}[A-Z0-9])[\\w-]{20,}',
  'SG\\.[\\w-]{16,}\\.[\\w-]{16,}',
  'SK[a-f0-9]{32}',
  'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}',
  'sq0[a-z]{3}-[\\w-]{22,}',
  'hf_[A-Za-z0-9]{30,}',
  'hv[sbr]\\.[\\w-]{20,}',
  'gl(?:sa|c)_[\\w+/=]{20,}',
  'lin_api_\\w{20,}',
  'PMAK-[\\w-]{20,}',
  'NRAK-[A-Z0-9]{20,}',
  'tskey-[\\w-]{16,}',
  'sntr[yu]s_[\\w+/=]{20,}',
  'AGE-SECRET-KEY-1[0-9A-Z]{50,}',
] as const

const TOKEN = new RegExp(FORMS.join('|'), 'y')
/** The first two characters of each form, so that most places need no look at the pattern. */
const STARTS = new Uint8Array(128 * 128)
for (const [first, second] of [
  ...[
    'ey',
    '--',
    'AK',
    'AS',
    'AB',
    'AC',
    'AI',
    'ya',
    'GO',
    'LT',
    'do',
    'da',
    'gh',
    'gi',
    'gl',
    'AT',
    'np',
    'py',
  ],
  ...[
    'ru',
    'dc',
    'xo',
    'xa',
    'sk',
    'rk',
    'wh',
    'SG',
    'SK',
    'sh',
    'sq',
    'hf',
    'hv',
    'li',
    'PM',
    'NR',
    'ts',
    'sn',
    'AG',
  ],
]) {
  STARTS[((first as string).charCodeAt(0) << 7) | (second as string).charCodeAt(0)] = 1
}
/** The shortest run of letters, digits, _ and - that every form above has: `-----BEGIN`. */
const LEAST_RUN = 10

const ALPHANUMERIC = 1
const JOINING = 2
const KINDS = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code)
  KINDS[code] = /[A-Za-z0-9]/.test(character) ? ALPHANUMERIC : /[_-]/.test(character) ? JOINING : 0
}

/** ALPHANUMERIC, JOINING or 0. */
function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 128 ? (KINDS[code] as number) : 0
}

/**
 * Hides secrets that their own form gives away. Most texts have no run of letters and digits that is long enough: it
 * looks at every tenth character, and around it only where it may be in one (docs/decisions/0009-redaction.md).
 */
export function hideTokens(text: string, { replace }: Asked): string {
  const { length } = text
  let shown = ''
  let from = 0
  let at = LEAST_RUN - 1
  while (at < length) {
    let start = at
    const least = Math.max(from, at - LEAST_RUN + 1)
    while (start >= least && kindAt(text, start) !== 0) start--
    if (start >= least) {
      at = start + LEAST_RUN
      continue
    }
    let end = beginning(text, start + 1, from)
    let open = end === 0 || kindAt(text, end - 1) !== ALPHANUMERIC
    for (; end < length; end++) {
      const code = text.charCodeAt(end)
      const kind = code < 128 ? (KINDS[code] as number) : 0
      if (STARTS[(code << 7) | text.charCodeAt(end + 1)] === 1 && (open || opens(text, end))) {
        const secret = tokenAt(text, end)
        if (secret !== '') {
          shown += text.slice(from, end) + replace(secret)
          from = end + secret.length
          break
        }
      }
      open = kind !== ALPHANUMERIC
      if (kind === 0 && end > at) break
    }
    at = Math.max(end, from) + LEAST_RUN
  }
  if (text.includes(':AA')) return hideBots(shown + text.slice(from), replace)
  return from === 0 ? text : shown + text.slice(from)
}

/** What a token may stand behind though it is a letter or digit: `\\n`, `\\u000a`, `%22`. A key in PEM has its own sign. */
const ESCAPE = /\\[nrtbf]$|\\u[0-9a-fA-F]{4}$|%[0-9a-fA-F]{2}$/
const LONGEST_ESCAPE = 6

function opens(text: string, at: number): boolean {
  return text.charCodeAt(at) === 45 /* - */ || ESCAPE.test(text.slice(Math.max(0, at - LONGEST_ESCAPE), at))
}

function tokenAt(text: string, at: number): string {
  TOKEN.lastIndex = at
  return TOKEN.exec(text)?.[0] ?? ''
}

// `SG.…` and `ya29.…` begin before the run that gave them away.
const MAX_BEFORE = 32

function beginning(text: string, run: number, from: number): number {
  let at = run
  const least = Math.max(from, run - MAX_BEFORE)
  while (at > least && (text.charCodeAt(at - 1) === 46 || kindAt(text, at - 1) !== 0)) at--
  return at
}

/** Telegram's bots: an id, a colon, the secret. */
function hideBots(text: string, replace: Asked['replace']): string {
  return text.replace(/(?<![A-Za-z0-9])\d{8,10}:AA[\w-]{33}/g, (secret) => replace(secret))
}

const CREDENTIALS = /\b(bearer|basic)(\s+)([\w.~+/=-]+)/gi

/** What a server asks for, in WWW-Authenticate: `Bearer realm="api"` (RFC 6750, 3). */
const CHALLENGE =
  /^(?:realm|scope|error|error_description|error_uri|charset|resource_metadata|authorization_uri)=/i

/** Hides the credentials of HTTP's schemes (RFC 6750, RFC 7617); "bearer authentication" is none. */
export function hideSchemes(text: string, { replace }: Asked): string {
  return text.replace(CREDENTIALS, (all, scheme: string, blank: string, secret: string) => {
    const sentence = withoutEnd(secret, '.')
    if (isOwnMark(sentence) || !isCredential(scheme, sentence, all.length === text.length)) return all
    return scheme + blank + replace(sentence) + secret.slice(sentence.length)
  })
}

function isCredential(scheme: string, secret: string, alone: boolean): boolean {
  if (CHALLENGE.test(secret)) return false
  if (scheme.toLowerCase() === 'basic') {
    return secret.length >= 4 && Buffer.from(secret, 'base64').toString('latin1').includes(':')
  }
  return alone ? secret.length >= 2 : secret.length >= 6 && /\d|[a-z][A-Z]|[._~+/=]/.test(secret)
}
