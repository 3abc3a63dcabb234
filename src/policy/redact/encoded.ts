import { decoded } from './quoted.ts'

/** A colon or an equals sign, percent-encoded once or more often: a URL in a URL's query has its own keys. */
const SIGN = /%(?:25){0,4}3[ad]/gi
// Bounded, as is how deep it is looked: a text must not be read to its end from each sign.
const RUN = /[^\s&"'`<>]{1,4096}/y
const MOST_BEFORE = 2048
const DEEPEST = 5
/** Half of a UTF-16 pair: encodeURIComponent throws on it. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * Hides in what is percent-encoded, at any depth of it, what `clean` hides in the plain text:
 * `?next=https%3A%2F%2Fhost%2F%3Ftoken%3D…`.
 */
export function hideEncoded(text: string, clean: (plain: string) => string, depth = 0): string {
  if (depth === DEEPEST || !(text.includes('%3') || text.includes('%25'))) return text
  let shown = ''
  let from = 0
  let to = 0
  SIGN.lastIndex = 0
  for (let sign = SIGN.exec(text); sign !== null; sign = SIGN.exec(text)) {
    const start = startOf(text, sign.index, to)
    RUN.lastIndex = start
    const run = RUN.exec(text)?.[0] ?? ''
    to = start + run.length
    const plain = decodedAsFar(run)
    const hidden = clean(hideEncoded(plain, clean, depth + 1))
    if (hidden !== plain) {
      shown += text.slice(from, start) + encoded(hidden, run)
      from = to
    }
    SIGN.lastIndex = Math.max(to, sign.index + sign[0].length)
  }
  return from === 0 ? text : shown + text.slice(from)
}

/** A parameter's value or a path's segment begins there: what stands before it stays to the letter. */
function startOf(text: string, sign: number, from: number): number {
  let start = sign
  const least = Math.max(from, sign - MOST_BEFORE)
  while (start > least && !/[\s&"'`<>=?#/\\]/.test(text[start - 1] as string)) start--
  return start
}

/** Where an escape is wrong or cut (`%2`, `%E0`), the others are told all the same. */
function decodedAsFar(run: string): string {
  const plain = decoded(run)
  if (plain !== run) return plain
  return run.replace(/%[0-7][0-9a-f]/gi, (written) =>
    String.fromCharCode(Number.parseInt(written.slice(1), 16)),
  )
}

/** Escapes that could not be decoded are not encoded again. */
function encoded(plain: string, run: string): string {
  const text = encodeURIComponent(plain.replace(LONE, '\ufffd'))
  return decoded(run) === run ? text.replace(/%25(?=[89a-f][0-9a-f])/gi, '%') : text
}
