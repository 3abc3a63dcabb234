/** What tells whether a file has changed; the change time, since a program can set all others. */
interface Marks {
  readonly ino: number
  readonly size: number
  readonly ctimeMs: number
}

/** How long files have stood still, as far as this process has seen. */
export interface Settling {
  /** Milliseconds after which nobody writes to a done file any more. */
  readonly settleMs: number
  /** Milliseconds after which nobody works on a hidden file any more. */
  readonly leftoverMs: number
  /** Begins to go through all files; those not looked at until the next call are forgotten. */
  begin(): void
  /** Looks at a file: for how many ms it has been seen unchanged, 0 at the first look. */
  look(name: string, marks: Marks): number
}

// So old a file is left alone without a second look: a process that lives for seconds may do its work too.
const LONG_MS = 10 * 60 * 1000

/**
 * @param monotonic milliseconds of a clock that nobody sets
 * @param now epoch ms, for files that have not changed for very long
 */
export function createSettling(
  settleMs: number,
  leftoverMs: number,
  monotonic: () => number,
  now: () => number = Date.now,
): Settling {
  let before = new Map<string, Marks & { readonly since: number }>()
  let seen: typeof before = new Map()

  return {
    settleMs,
    leftoverMs,
    begin() {
      before = seen
      seen = new Map()
    },
    look(name, { ino, size, ctimeMs }) {
      const time = monotonic()
      const known = before.get(name)
      const same = known?.ino === ino && known.size === size && known.ctimeMs === ctimeMs
      const long = now() - ctimeMs > LONG_MS + Math.max(settleMs, leftoverMs)
      const since = same ? known.since : time - (long ? Math.max(settleMs, leftoverMs) : 0)
      seen.set(name, { ino, size, ctimeMs, since })
      return time - since
    },
  }
}
