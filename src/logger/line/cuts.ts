let count = 0

/** Something of the record that is being made was left out for its size. */
export function noteCut(): void {
  count++
}

/** True where something was left out since the last `startCuts`. */
export function hasCuts(): boolean {
  return count > 0
}

/** Begins counting anew; what it returns goes to `endCuts`, because records are made within records. */
export function startCuts(): number {
  const outer = count
  count = 0
  return outer
}

export function endCuts(outer: number): void {
  count = outer
}

/** The field that says that something of its record was left out for its size. */
export const CUT_KEY = 'truncated'
