import { bytesOf, type Held, type HeldSegment, heldIn } from './held.ts'
import { segmentBytesFor, softLimit } from './limits.ts'
import { type Dropped, NOTHING_DROPPED, sumOfDropped } from './line.ts'
import type { SpoolProblem } from './problems.ts'
import type { SpoolSource } from './source-options.ts'

export interface SpoolBudgetOptions {
  /** The destination's directory. */
  readonly directory: string
  /** Bytes that it may hold, for all its owners together; Infinity for no bound. */
  readonly budgetBytes: number
  /** As the writers'. @default 8 MiB, less for a small budget */
  readonly segmentBytes?: number | undefined
  /** Ms after its last write that a segment is kept; Infinity for no bound. @default 604800000 (7 d: what Loki takes) */
  readonly maxAgeMs?: number | undefined
  /** What this owner owns: of these alone segments are dropped. */
  readonly sources: () => Iterable<SpoolSource>
  /** Epoch ms, of the clock that sets files' times. @default Date.now */
  readonly now?: (() => number) | undefined
  /** Ms that no setting of the clock changes. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  readonly onProblem: (problem: SpoolProblem) => void
}

/** Keeps a destination's directory within its bounds. */
export interface SpoolBudget {
  /**
   * Drops whole segments, the oldest first, until the directory is below its soft limit, and those that are too old;
   * to be called every second or so. Never rejects.
   *
   * @returns what was dropped: told by nobody else, but for what notes tell of (`noted`)
   */
  enforce(): Promise<Dropped>
}

const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000
/** How long the others may take to drop what is theirs, before this owner drops more of its own. */
const PATIENCE_MS = 2000

interface Candidate extends HeldSegment {
  /** Undefined where it is another owner's. */
  readonly source: SpoolSource | undefined
}

export function createSpoolBudget(options: SpoolBudgetOptions): SpoolBudget {
  const { directory, budgetBytes } = options
  const now = options.now ?? Date.now
  const monotonic = options.monotonic ?? (() => performance.now())
  const maxAgeMs = options.maxAgeMs ?? MAX_AGE_MS
  const limit = softLimit(budgetBytes, options.segmentBytes ?? segmentBytesFor(budgetBytes))
  let overSince: number | undefined

  function candidatesOf(held: readonly Held[]): Candidate[] {
    const sources = new Map([...options.sources()].map((source) => [source.name, source]))
    return held
      .filter(({ delivered }) => !delivered)
      .flatMap(({ name, segments }) => {
        const source = sources.get(name.unique)
        return segments.map((segment) => ({ ...segment, source }))
      })
      .sort((a, b) => a.mtimeMs - b.mtimeMs || a.seq - b.seq)
  }

  function look(): Held[] {
    try {
      return heldIn(directory)
    } catch (error) {
      const message = `can't see what ${directory} holds: ${(error as Error).message}. It may come to hold more than its budget of ${budgetBytes} bytes; let this process read it.`
      options.onProblem({ code: 'unreadable', file: directory, message })
      return []
    }
  }

  async function enforce(): Promise<Dropped> {
    const held = look()
    let over = bytesOf(held) - limit
    let dropped = NOTHING_DROPPED
    const drop = async ({ source, seq, size }: Candidate): Promise<void> => {
      const one = await source?.drop(seq)
      if (one === undefined) return
      over -= size
      dropped = sumOfDropped(dropped, one)
    }
    const oldest = now() - maxAgeMs
    const [old, others] = split(candidatesOf(held), (one) => one.source !== undefined && one.mtimeMs < oldest)
    for (const one of old) await drop(one)

    if (!(over > 0)) overSince = undefined
    else overSince ??= monotonic()
    const patient = overSince !== undefined && monotonic() - overSince < PATIENCE_MS
    for (const one of others) {
      if (!(over > 0)) break
      if (one.source !== undefined) await drop(one)
      else if (patient) over -= one.size
    }
    return dropped
  }

  return { enforce }
}

function split<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))]
}
