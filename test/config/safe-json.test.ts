import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeJson, safeLine } from '../../src/config/safe-json.ts'
import { visible } from '../../src/config/visible.ts'
import { quote } from '../../src/logger/line/text.ts'
import { everyCodePoint, UNSAFE, unsafeCharacters } from '../support/unsafe.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 1000)

/** By groups of 256, which keeps a failure readable and the test short. */
const groups = Array.from({ length: 0x1100 }, (_, i) => everyCodePoint.slice(i * 256, (i + 1) * 256))
const isLone = (character: string): boolean => /^\p{Cs}$/u.test(character)

function failures(holds: (character: string) => boolean): string[] {
  return groups.flatMap((group) => group.filter((character) => !holds(character))).map(describeCharacter)
}

function describeCharacter(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16)}`
}

describe.each([
  ['quote, short', (text: string) => quote(text), ''],
  ['quote, of 17 characters and more', (text: string) => quote(text), 'x'.repeat(40)],
  ['quote, long', (text: string) => quote(text), 'x'.repeat(80)],
  ['safeJson', (text: string) => safeJson(JSON.stringify(text)), 'x'],
  ['safeLine', (text: string) => safeLine(`"${JSON.stringify(text).slice(1, -1)}"`), 'x'],
])('%s', (_name, write, around) => {
  it('lets no character of Unicode through that a terminal obeys or hides', () => {
    expect(failures((character) => !UNSAFE.test(write(`${around}${character}${around}`)))).toEqual([])
  })

  it('says the same to who parses it', () => {
    const same = (character: string): boolean =>
      JSON.parse(write(`${around}${character}"${around}`)) === `${around}${character}"${around}`
    expect(failures(same)).toEqual([])
  })

  it('leaves all others as JSON.stringify writes them', () => {
    const untouched = (character: string): boolean =>
      UNSAFE.test(JSON.stringify(character)) ||
      write(`${around}${character}`) === JSON.stringify(`${around}${character}`)
    expect(failures(untouched)).toEqual([])
  })
})

it('quote says what JSON.stringify says, and escapes no more than it must, at any length', () => {
  const part = fc.oneof(fc.constantFrom(...unsafeCharacters), fc.string({ unit: 'binary', maxLength: 20 }))
  const texts = fc.array(fc.oneof(part, fc.constantFrom('plain text ', 'größer ', '漢字', '🦌')), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(texts, (parts) => {
      const text = parts.join('')
      const json = quote(text)
      expect(JSON.parse(json)).toBe(text)
      expect(json).not.toMatch(UNSAFE)
      if (!UNSAFE.test(text)) expect(json).toBe(JSON.stringify(text))
    }),
    { numRuns },
  )
})

it('safeLine escapes halves of pairs that somebody else left raw', () => {
  expect(safeLine('{"a":"\ud83d","b":"🦌\udc00","c":"\udb40"}\n')).toBe(
    '{"a":"\\ud83d","b":"🦌\\udc00","c":"\\udb40"}\n',
  )
})

describe('visible', () => {
  it('writes out what a terminal obeys or hides, and nothing else', () => {
    const shown = (character: string): boolean => {
      const text = visible(character)
      return UNSAFE.test(character) || isLone(character)
        ? /^\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{5}\})$/.test(text)
        : text === character
    }
    expect(failures(shown)).toEqual([])
  })

  it.each([
    ['an emoji with its variation selector', '⚠️ ❤️ 1️⃣', '⚠️ ❤️ 1️⃣'],
    ['a second selector, which can only hide something', '⚠️\ufe0f', '⚠️\\ufe0f'],
    ['a selector behind a letter', 'a\ufe0f', 'a\\ufe0f'],
    ['other selectors', '⚠\ufe00葛\u{e0100}', '⚠\\ufe00葛\\u{e0100}'],
    ['joined emoji', '👩\u200d💻', '👩\\u200d💻'],
    ['Arabic and Hebrew', 'مرحبا שלום', 'مرحبا שלום'],
    ['marks that turn them', '\u200fשלום\u202c', '\\u200fשלום\\u202c'],
  ])('shows %s', (_name, text, expected) => {
    expect(visible(text)).toBe(expected)
  })
})
