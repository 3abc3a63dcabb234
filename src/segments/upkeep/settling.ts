/** What tells whether a file has changed; the change time, since a program can set all others. */
interface Marks {
  readonly ino: number
  readonly size: number
  readonly ctimeMs: number
}

/** How long files have stood still, as far as this process has seen: a clock that is set changes nothing. */
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

/** @param monotonic milliseconds of a clock that nobody sets */
export function createSettling(settleMs: number, leftoverMs: number, monotonic: () => number): Settling {
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
      const now = monotonic()
      const known = before.get(name)
      const same = known?.ino === ino && known.size === size && known.ctimeMs === ctimeMs
      const since = same ? known.since : now
      seen.set(name, { ino, size, ctimeMs, since })
      return now - since
    },
  }
}
