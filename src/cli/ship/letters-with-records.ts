import type { DeadLetters } from '../../shipping/dead-letters.ts'
import { jsonOf } from '../../shipping/presets/record-parts.ts'

/**
 * Dead letters that hold the record made of a line of text instead of the line: its time, its labels and what the
 * pattern found are not in that.
 */
export function withRecords(letters: DeadLetters): DeadLetters {
  return {
    ...letters,
    path: letters.path,
    add: (all) =>
      letters.add(all.map((one) => ({ ...one, record: { ...one.record, line: jsonOf(one.record) } }))),
    get dropped() {
      return letters.dropped
    },
    get lastError() {
      return letters.lastError
    },
  }
}
