/** A form in which a text can only be a secret. */
export interface SecretForm {
  readonly name: string
  readonly pattern: RegExp
  /** A look at what the pattern found, where that alone is not enough. */
  holds?(found: string): boolean
}

function isUserAndPassword(found: string): boolean {
  const encoded = found.replace(/^basic\s+/i, '')
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(encoded, 'base64').toString('latin1'))
}

/** What is written in the secret's place. */
const PLACEHOLDER =
  /^(?:\[[^\]]*\]|%5B.*%5D|\*+|x{3,}|<[^>]*>|\$\{.*\}|redacted|hidden|masked|undefined|null)$/i

export function isPlaceholder(value: string): boolean {
  return value === '' || PLACEHOLDER.test(value)
}

const assignedIn = (found: string): string => found.slice(found.indexOf('=') + 1)
const passwordIn = (found: string): string => found.slice(found.lastIndexOf(':') + 1, -1)

// The issuers' own documentation gives the prefixes; lengths are the least that they have had.
export const SECRET_FORMS: readonly SecretForm[] = [
  // RFC 6750 section 2.1 and RFC 7617.
  { name: 'a bearer token', pattern: /\bbearer\s+[\w.~+/-]{8,}=*/gi },
  { name: 'a user and password (Basic)', pattern: /\bbasic\s+[\w+/-]{4,}={0,2}/gi, holds: isUserAndPassword },
  // RFC 7519: both parts begin with '{"' in base64url.
  { name: 'a JSON Web Token', pattern: /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g },
  { name: 'a private key (PEM)', pattern: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/g },
  { name: 'an AWS access key id', pattern: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g },
  { name: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22})/g },
  { name: 'a GitLab token', pattern: /\bgl(?:pat|dt|rt|cbt|ptt|oas|soat)-[\w-]{20}/g },
  { name: 'a Slack token', pattern: /\b(?:xox[abeoprs]|xapp)-[\w-]{10}/g },
  { name: 'a Stripe key', pattern: /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10}|\bwhsec_[\w+/]{20}/g },
  { name: 'a Google key', pattern: /\bAIza[\w-]{35}|\bGOCSPX-[\w-]{20}|\bya29\.[\w-]{20}/g },
  { name: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}/g },
  { name: 'a PyPI token', pattern: /\bpypi-AgE[\w-]{50}/g },
  { name: 'a SendGrid key', pattern: /\bSG\.[\w-]{16,}\.[\w-]{16,}/g },
  { name: 'an OpenAI or Anthropic key', pattern: /\bsk-(?:ant|proj|svcacct|admin)[\w-]{20}/g },
  { name: 'a Hugging Face token', pattern: /\bhf_[A-Za-z0-9]{30}/g },
  { name: 'a DigitalOcean token', pattern: /\bdo[opr]_v1_[0-9a-f]{64}/g },
  { name: 'a Shopify token', pattern: /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}/g },
  { name: 'an Azure storage key', pattern: /\bAccountKey=[\w+/]{40,}={0,2}/gi },
  {
    name: 'a password in a URL',
    pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:"']*:[^\s/?#@"']+@/gi,
    holds: (found) => !isPlaceholder(passwordIn(found)),
  },
  {
    name: 'a secret in a query string',
    pattern:
      /[?&;](?:[\w-]*[_-])?(?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key|apikey|auth|signature|sig)=[^\s&#"';]+/gi,
    holds: (found) => !isPlaceholder(assignedIn(found)),
  },
]

// The last word decides: `access_token` is one, `token_count` is none.
const LAST_WORDS = new Set(
  'password passwd passphrase pwd secret token authorization cookie credential apikey cvv cvc ssn jsessionid'.split(
    ' ',
  ),
)
const LAST_TWO = new Set(['api key', 'private key', 'secret key', 'access key', 'card number', 'set cookie'])

/** Whether a key's name says that its value is a secret: by whole words, the last one in the singular. */
export function isSecretName(key: string): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  return LAST_WORDS.has(words.at(-1) ?? '') || LAST_TWO.has(words.slice(-2).join(' '))
}
