/** What the rules for texts ask. */
export interface Asked {
  /** True where what stands under that key is hidden. */
  hides(key: string): boolean
  /** True where that key names an id or a time: a long number under it is no card. */
  names(key: string): boolean
  /** What stands in the place of a secret inside a text. */
  replace(secret: string): string
}

/** A piece of a text, and what stands there instead. */
export interface Found {
  readonly from: number
  readonly to: number
  readonly shown: string
}

/** Marks that we made ourselves: what is hidden already stays as it is. */
const OWN_MARK = /\[(?:redacted|secret|hash:[0-9a-f]{16})\]/y

/** The length of a mark of ours at that place, or 0. */
export function ownMarkAt(text: string, at: number): number {
  if (text.charCodeAt(at) !== 91) return 0
  OWN_MARK.lastIndex = at
  return OWN_MARK.exec(text)?.[0].length ?? 0
}

/** True for a text that is a mark of ours and nothing else. */
export function isOwnMark(text: string): boolean {
  return text.length > 0 && ownMarkAt(text, 0) === text.length
}
