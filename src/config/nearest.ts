/** Edits that turn one word into the other, counting two neighbours swapped as one (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1)
      }
      row[j] = least
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

const LONG = 8

/**
 * The known word that `word` is most likely a misspelling of: one edit away, or two in a long word. Undefined
 * where none is that near.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = (word.length >= LONG ? 2 : 1) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= least) continue
    const edits = distance(word.toLowerCase(), candidate.toLowerCase())
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best
}
