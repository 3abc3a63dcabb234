/** One way to read a record: its text after something that hides a value has been undone. */
export interface View {
  /** `JSON escaped`; '' for the text as it stands. */
  readonly as: string
  readonly text: string
}

const DEEPEST = 4
const ESCAPE = /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|(["'\\/bfnrt]))/gi
const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const ENTITY = /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/gi
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function character(code: number, otherwise: string): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : otherwise
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (all: string, long?: string, unit?: string, byte?: string, letter?: string) => {
    const hex = long ?? unit ?? byte
    if (hex !== undefined) return character(Number.parseInt(hex, 16), all)
    return LETTERS[letter as string] ?? (letter as string)
  })
}

function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

function entitiesDecoded(text: string): string {
  return text.replace(ENTITY, (all: string, hex?: string, decimal?: string, name?: string) =>
    name === undefined
      ? character(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16), all)
      : (NAMED[name.toLowerCase()] as string),
  )
}

/** What a text must have for a decoding to change it. */
const DECODERS: readonly (readonly [name: string, sign: string, decode: (text: string) => string])[] = [
  ['escaped', '\\', unescaped],
  ['URL-encoded', '%', percentDecoded],
  ['URL-encoded', '+', (text) => text.replaceAll('+', ' ')],
  ['as HTML', '&', entitiesDecoded],
]

/** A text and what it is after each decoding, and after decoding that again. */
export function viewsOf(text: string): View[] {
  const views: View[] = [{ as: '', text }]
  const seen = new Set([text])
  let from = 0
  for (let depth = 0; depth < DEEPEST; depth++) {
    const end = views.length
    for (const view of views.slice(from, end)) {
      for (const [name, sign, decode] of DECODERS) {
        if (!view.text.includes(sign)) continue
        const decoded = decode(view.text)
        if (seen.has(decoded)) continue
        seen.add(decoded)
        views.push({ as: view.as === '' || view.as === name ? name : `${view.as}, ${name}`, text: decoded })
      }
    }
    if (views.length === end) break
    from = end
  }
  return views
}

const MIN_CORE = 5

/** A value's texts in base64, wherever in the encoded bytes it begins: what depends on its neighbours is left off. */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const begin = Math.ceil((shift * 8) / 6)
    const end = Math.floor(((shift + bytes.length) * 8) / 6)
    const core = encoded.slice(begin, end)
    return core.length >= MIN_CORE ? [core] : []
  })
}

/** What is looked for: a planted value, made ready once. */
export interface Needle {
  readonly value: string
  /** @returns how the value stands in the text; undefined where it does not */
  find(text: string): string | undefined
}

const SEPARATORS = /[\s\-_.,:;/|\0]+/g
const MIN_SQUEEZED = 8

/** Makes a search for a value, whatever its encoding. */
export function needleOf(value: string): Needle {
  const lower = value.toLowerCase()
  const squeezed = lower.replace(SEPARATORS, '')
  // encodeURIComponent refuses half characters.
  const wellFormed = Buffer.from(value).toString()
  const spellings = [...new Set([value, encodeURIComponent(wellFormed), JSON.stringify(value).slice(1, -1)])]
  const bytes = spellings.map((spelling) => Buffer.from(spelling))
  const wide = Buffer.from(value, 'utf16le')
  const cores = [...bytes, wide].flatMap(base64Cores)
  const hex = [...bytes, wide].map((each) => new RegExp(pairsOf(each).join('(?:[\\s:,-]|0x|\\\\x)*'), 'i'))
  const numbers = bytes.map((each) => new RegExp(`(?<!\\d)${[...each].join('\\s*,\\s*')}(?!\\d)`))

  // No other form is shorter than the value without its separators, or a part of its base64.
  const shortest = Math.min(squeezed.length, ...cores.map((core) => core.length))

  return {
    value,
    find(text) {
      const plain = text.toLowerCase()
      if (plain.includes(lower)) return 'plain'
      if (text.length < shortest) return undefined
      if (squeezed.length >= MIN_SQUEEZED && plain.replace(SEPARATORS, '').includes(squeezed))
        return 'in pieces'
      const base64 = text
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/[\r\n]+/g, '')
      if (cores.some((core) => base64.includes(core))) return 'base64'
      if (hex.some((pattern) => pattern.test(text))) return 'hex'
      if (numbers.some((pattern) => pattern.test(text))) return 'a list of bytes'
      return undefined
    },
  }
}

function pairsOf(bytes: Buffer): string[] {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0'))
}
