// safe-json's characters with C0 and half ones. An emoji's own variation selector stays (the heart is red by it): one,
// behind a character that has two presentations, hides nothing.
const CONTROL =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?![\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|(?<!\p{Emoji})[\ufe0e\ufe0f]/gu

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code > 0xffff) return `\\u{${code.toString(16)}}`
  return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`
}

/**
 * The same text with every control, direction-changing, invisible and half character written out (`\x1b`,
 * `\u202e`), so that a value can neither forge a line on a terminal nor drive it.
 */
export function visible(text: string): string {
  return text.replace(CONTROL, escaped)
}

const SHOWN = 60
const SECRET_NAME =
  /pass|secret|token|api[-_]?key|private[-_]?key|audit[^a-z]{0,4}k|auth|credential|cookie|headers?/i
const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i
const ADDRESS_NAME = /url/i

/**
 * How an error message shows a value: short, with what is invisible made visible, without credentials in an
 * address, and not at all where its name looks like a secret's. Calls nothing of the value's own.
 */
export function describeValue(name: string, value: unknown): string {
  if (value !== undefined && SECRET_NAME.test(name)) return '[hidden]'
  if (typeof value === 'string') {
    const plain = visible(withoutCredentials(name, value.slice(0, 4 * SHOWN)))
    return plain.length > SHOWN ? `"${plain.slice(0, SHOWN)}…"` : `"${plain}"`
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value)
  if (typeof value === 'bigint') return 'a bigint'
  if (typeof value === 'object') return isArray(value) ? 'an array' : 'an object'
  return `a ${typeof value}`
}

/** What is wrong may be how the password is written, so where it ends is not known: up to the last '@'. */
function withoutCredentials(name: string, value: string): string {
  if (!ADDRESS.test(value) && !ADDRESS_NAME.test(name)) return value
  return value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1[hidden]@').replace(/([?#]).+$/s, '$1[hidden]')
}

function isArray(value: object): boolean {
  try {
    return Array.isArray(value)
  } catch {
    // A revoked proxy.
    return false
  }
}
