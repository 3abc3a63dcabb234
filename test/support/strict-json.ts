/**
 * JSON.parse, but a key that an object has twice, at any depth, is an error. JSON.parse takes the last one
 * without a word, and so would hide a doubled key from every test.
 *
 * @throws SyntaxError where the text is no JSON, is not one line, or names a key twice (with the key's path)
 */
export function parseStrict<T = Record<string, unknown>>(line: string): T {
  const text = line.endsWith('\n') ? line.slice(0, -1) : line
  if (/[\n\r]/.test(text))
    throw new SyntaxError(`expected one line, got ${JSON.stringify(text.slice(0, 200))}`)
  const value = JSON.parse(text) as T
  refuseDoubledKeys(text)
  return value
}

/** Parses a whole file or stream of lines strictly; the text must be empty or end with a newline. */
export function parseLines<T = Record<string, unknown>>(text: string): T[] {
  if (text === '') return []
  if (!text.endsWith('\n'))
    throw new SyntaxError(`the last line is torn: ${JSON.stringify(text.slice(-200))}`)
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => parseStrict<T>(line))
}

interface Level {
  /** The keys seen so far, or undefined inside an array. */
  readonly keys: Set<string> | undefined
  readonly name: string
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/g

// The text has passed JSON.parse, so that strings and brackets are all that matter, and a string followed by a
// colon is a key.
function refuseDoubledKeys(text: string): void {
  const stack: Level[] = []
  let last = ''
  for (const match of text.matchAll(tokens)) {
    const token = match[0]
    if (token === '{' || token === '[')
      stack.push({ keys: token === '{' ? new Set() : undefined, name: last })
    else if (token === '}' || token === ']') stack.pop()
    else if (isKey(text, match.index + token.length)) {
      last = JSON.parse(token) as string
      const keys = stack.at(-1)?.keys
      if (keys?.has(last)) throw new SyntaxError(`the key ${pathOf(stack, last)} stands twice in ${text}`)
      keys?.add(last)
    }
  }
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\t') at += 1
  return text[at] === ':'
}

function pathOf(stack: readonly Level[], key: string): string {
  return [...stack.slice(1).map((level) => level.name), key].map((name) => JSON.stringify(name)).join('.')
}
