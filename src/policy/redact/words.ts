// Capitals before a capitalised word, a capitalised or lower-case word, other letters, digits: `XMLHttp2` is XML, Http, 2.
const WORD = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|[\p{Lo}\p{Lm}\p{Lt}]+|\p{Nd}+/gu

/**
 * The words of a key, in lower case: `X-Api-Key`, `apiKey`, `api_key`, `API_KEY` and `user[api.key]` all end with api,
 * key.
 */
export function wordsOf(key: string): string[] {
  return (key.match(WORD) ?? []).map((word) => word.toLowerCase())
}

/** `tokens` is token, `pass` stays. */
export function singular(word: string): string {
  return word.length > 2 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

/** Without these characters at its end. A pattern such as `/[.]+$/` tries from each of a long run of them. */
export function withoutEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text[end - 1] as string)) end--
  return text.slice(0, end)
}
