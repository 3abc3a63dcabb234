// What a terminal may obey, and what hides or turns the text around it: DEL and C1 (U+009B begins an escape sequence
// as ESC [ does), format characters (Cf: bidi controls, zero-width, tags, interlinear annotation), line and paragraph
// separators, and all else that Unicode calls default-ignorable (variation selectors, fillers): UAX #44, 17.0. JSON
// has escaped the rest, C0. Two classes: V8 tests one of more than 16 ranges out of line, six times slower. A run of
// them costs one call; a bounded one, because what a pattern may take back is kept on a stack.
const UNSAFE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
  /(?:[\u034f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f]|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|\ud804[\udcbd\udccd]|\ud80d[\udc30-\udc3f]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|[\udb40-\udb43][\udc00-\udfff]){1,64}/g

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** All of UNSAFE and what lies beside it in few ranges, by UTF-16 units: most texts of any script have none of it. */
const MAYBE_UNSAFE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
  /[\u034f\x7f-\x9f\xad\u0600-\u180f\u200b-\u200f\u2028-\u206f\u3164\ud800-\ud834\udb40-\udb43\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]/

const byteLength = Buffer.byteLength

/** Whether a text is nothing but ASCII without DEL. As fast as memory is read, where a pattern is not. */
export function isPlainAscii(text: string): boolean {
  return byteLength(text) === text.length && !text.includes('\x7f')
}

function escaped(characters: string): string {
  let text = ''
  for (let i = 0; i < characters.length; i++) {
    text += `\\u${(0x10000 + characters.charCodeAt(i)).toString(16).slice(1)}`
  }
  return text
}

/**
 * JSON text that JSON.stringify made, with whatever could drive a terminal, hide, or turn the text around it spelled
 * `\u009b`: it says the same to who parses it and does nothing to who prints it.
 */
export function safeJson(json: string): string {
  return mayBeUnsafe(json) ? json.replace(UNSAFE, escaped) : json
}

/** False where safeJson has nothing to do for the JSON of this text. */
export function mayBeUnsafe(text: string): boolean {
  return MAYBE_UNSAFE.test(text)
}

/**
 * The same for a line of JSON that somebody else wrote, such as pino's (`hooks: { streamWrite: safeLine }`): escapes
 * what could drive a terminal, hide, or turn the text around it, and halves of UTF-16 pairs. JSON.parse gives the same
 * of both lines, but for such halves, which would reach a file as U+FFFD.
 *
 * @param line JSON text; of any other text the escapes change what it says
 */
export function safeLine(line: string): string {
  return isPlainAscii(line) ? line : safeJson(line).replace(LONE, escaped)
}
