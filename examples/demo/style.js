// Colours, unless somebody does not want them. (util.styleText looks at the environment only in later Nodes.)
const CODES = {
  bold: 1,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  gray: 90,
  white: 37,
}

const { FORCE_COLOR, NO_COLOR } = process.env
export const colored =
  FORCE_COLOR === undefined || FORCE_COLOR === ''
    ? !NO_COLOR && process.stdout.isTTY === true
    : !['0', 'false'].includes(FORCE_COLOR)

export function style(name, text) {
  return colored && text !== '' ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text
}
