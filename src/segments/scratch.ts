import { Buffer } from 'node:buffer'

const KEPT_BYTES = 1024 * 1024
const MOST_BYTES_PER_UNIT = 3

// One for all writers of a thread: a write is synchronous, and a buffer for each would be memory in vain.
let kept = Buffer.alloc(0)

/** A buffer that holds `text` as UTF-8 and `extra` bytes more; its content lasts until the next call. */
export function scratchFor(text: string, extra = 0): Buffer {
  const bytes = text.length * MOST_BYTES_PER_UNIT + extra
  if (bytes > KEPT_BYTES) return Buffer.allocUnsafeSlow(bytes)
  if (kept.length < bytes) kept = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, bytes * 2))
  return kept
}
