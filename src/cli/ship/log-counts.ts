/** What was counted of one log since this process began. */
export interface LogCounts {
  /** Lines read, and their bytes with their newlines. */
  lines: number
  bytes: number
  /** Lines below the level that is shipped. */
  filtered: number
  /** Lines of text that the pattern does not fit. */
  unmatched: number
  /** Last lines without a newline in files that are done. */
  torn: number
  /** Lines left out for their length. */
  tooLong: number
  /** Files that could not be read, or not all of them. */
  problems: number
  /** Records that are delivered or refused, with all before them. */
  committed: number
}

export function noLogCounts(): LogCounts {
  return { lines: 0, bytes: 0, filtered: 0, unmatched: 0, torn: 0, tooLong: 0, problems: 0, committed: 0 }
}
