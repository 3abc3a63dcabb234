const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

const LARGEST = 8 * MEBIBYTE
const SMALLEST = 64 * KIBIBYTE

/** The longest line that a spool gives back, in bytes; more than any back end takes. */
export const MAX_LINE_BYTES = 8 * MEBIBYTE

/**
 * Bytes of a segment: 8 MiB, and less where the budget is small, so that a drop of one is a small part of it. Never
 * more than a quarter, or a budget could be all one segment that may not be deleted.
 */
export function segmentBytesFor(budgetBytes: number): number {
  const wanted = Math.min(LARGEST, Math.max(SMALLEST, Math.floor(budgetBytes / 16)))
  return Math.max(1, Math.min(wanted, Math.floor(budgetBytes / 4)))
}

/** Bytes above which the oldest go, so that writers find room before they reach the budget itself. Infinity has none. */
export function softLimit(budgetBytes: number, segmentBytes: number): number {
  if (budgetBytes === Number.POSITIVE_INFINITY) return budgetBytes
  return budgetBytes - Math.min(budgetBytes / 2, Math.max(2 * segmentBytes, budgetBytes / 10))
}
