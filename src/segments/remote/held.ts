import type { Chunk, Progress } from './state.ts'

/** The chunks that are not confirmed, in order. */
export interface HeldChunks {
  /** Adds a chunk and gives it its number. */
  add(lines: string): Chunk
  /** Lets go of what is in the file. */
  confirm(): void
  /** For who has the turn: writes what is held, as far as possible; true if nothing is left. */
  write(append: (lines: string) => number): boolean
  /** For who has the turn: the first chunk, from where it is not in the file. */
  rest(): string
  clear(): void
  /** Lines that are not in the file; exact for who has the turn. */
  lines(): number
  readonly units: number
  readonly empty: boolean
  /** The number of the first chunk, undefined if there is none. */
  readonly sequence: number | undefined
}

interface Held extends Chunk {
  next: Held | undefined
}

export function createHeldChunks(progress: Progress): HeldChunks {
  // A linked list: there may be very many small ones.
  let first: Held | undefined
  let last: Held | undefined
  let sequence = 0
  let units = 0

  function confirm(): void {
    while (first !== undefined && progress.reached(first.sequence)) {
      units -= first.lines.length
      first = first.next
    }
    if (first === undefined) last = undefined
  }

  function rest(): string {
    if (first === undefined) return ''
    return progress.part === 0 ? first.lines : first.lines.slice(progress.part)
  }

  return {
    add(lines) {
      sequence = (sequence + 1) | 0
      const held: Held = { sequence, lines, next: undefined }
      if (last === undefined) first = held
      else last.next = held
      last = held
      units += lines.length
      return { sequence, lines }
    },
    confirm,
    write(append) {
      for (confirm(); first !== undefined; confirm()) {
        const lines = rest()
        const taken = append(lines)
        if (taken < lines.length) {
          progress.partIs(progress.part + taken)
          return false
        }
        progress.finish(first.sequence)
      }
      return true
    },
    rest,
    clear() {
      first = undefined
      last = undefined
      units = 0
    },
    lines() {
      confirm()
      let count = 0
      let from = progress.part
      for (let held = first; held !== undefined; held = held.next) {
        for (let at = held.lines.indexOf('\n', from); at !== -1; at = held.lines.indexOf('\n', at + 1))
          count++
        from = 0
      }
      return count
    },
    get units() {
      return units
    },
    get empty() {
      return first === undefined
    },
    get sequence() {
      return first?.sequence
    },
  }
}
