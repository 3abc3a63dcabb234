import { keyBefore } from './assignments.ts'
import type { Asked } from './found.ts'

// Digits written together or in a card's groups, with no letter or digit beside them, nor one behind a hyphen,
// underscore or point: those are parts of ids and fractions.
const CANDIDATE =
  /(?<![\p{L}\d]|[\p{L}\d][-_.])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{12,19})(?![\p{L}\d]|[-_.][\p{L}\d])/gu

/** Prefix (ISO/IEC 7812 issuer ranges as the networks publish them) and lengths. */
const NETWORKS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16]],
  [/^3(?:0[0-59]|[689])/, [14]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:5018|5020|5038|5893|6304|6759|676[1-3])/, [12, 13, 14, 15, 16, 17, 18, 19]],
  [/^220[0-4]/, [16]],
]

/** Hides numbers of payment cards: a network's prefix and length, and a right check digit. */
export function hideCards(text: string, { replace, names }: Asked): string {
  return text.replace(CANDIDATE, (written, _blank, _other, at: number) => {
    const digits = written.replace(/\D/g, '')
    return isCard(digits) && !names(keyOf(text, at)) ? replace(digits) : written
  })
}

/** What the text says that the number is: `order_id=…`, `"orderId":"…"`; '' where it does not. */
function keyOf(text: string, at: number): string {
  let sign = at - 1
  while (at - sign < 16 && /[\s"'\\]/.test(text.charAt(sign))) sign--
  return /[:=]/.test(text.charAt(sign)) ? (keyBefore(text, sign)?.name ?? '') : ''
}

function isCard(digits: string): boolean {
  return (
    NETWORKS.some(([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits)) &&
    hasCheckDigit(digits)
  )
}

/** ISO/IEC 7812-1, annex B (Luhn). */
function hasCheckDigit(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const doubled = i % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
