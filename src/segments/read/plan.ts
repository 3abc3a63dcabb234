import { Buffer } from 'node:buffer'
import { dirname } from 'node:path'
import { inodeKey, type Place } from './identity.ts'
import { lookAround, type Segment, statOf } from './listing.ts'
import type { ReaderProblem } from './problems.ts'
import { everything, resume, type Step } from './resume.ts'
import { createSeen, type SeenFile } from './seen.ts'
import { openSource } from './source.ts'

export interface PlanOptions {
  readonly path: string
  /** Where to begin; undefined for the oldest file. */
  readonly begin: readonly Place[] | 'end' | undefined
  readonly follow: boolean
  /** Told of a directory or name that can't be read, more than once; a checkpoint that does not fit, a file that is missing. */
  readonly tell: (problem: ReaderProblem) => void
}

/** What of a log's files is to be read next. */
export interface Plan {
  /** Makes the first plan. */
  make(): Promise<void>
  /** The next file; undefined if there is none. */
  next(): Step | undefined
  /** Notes that a file is being read. */
  add(file: SeenFile): void
  /** Looks at the directory and plans what has not been read. */
  renew(): Promise<void>
  /** As `renew`, if something can have come: for a directory without a live file. */
  renewIfChanged(): Promise<void>
  /** Looks again for a file that is not where it was listed; it can be under another name, or compressed. */
  vanished(step: Step): Promise<void>
  /** What has not been read of logrotate's files. */
  rotated(): Promise<Step[]>
  /** Plans to read everything again. */
  restart(): Promise<void>
  readonly isEmpty: boolean
  /** Whether there may be more that was not seen: so many rotations came during the last look. */
  readonly isStale: boolean
  /** Bytes on disk that are planned. */
  readonly bytes: number
}

const NEWLINE = 10

export function createPlan(options: PlanOptions): Plan {
  const { path, begin, tell } = options
  let seen = createSeen()
  let plan: Step[] = []
  let listedAt = -1
  let stale = false

  async function list(): Promise<readonly Segment[]> {
    listedAt = (await statOf(dirname(path)))?.mtimeMs ?? 0
    try {
      const { segments, refused, steady } = await lookAround(path)
      stale = !steady
      seen.prune(segments)
      for (const { file, message } of refused) tell({ code: 'unreadable', file, message })
      return segments
    } catch (error) {
      const message = `can't list the directory: ${(error as Error).message}`
      tell({ code: 'unreadable', file: dirname(path), message })
      return []
    }
  }

  async function make(): Promise<void> {
    const segments = await list()
    if (begin === undefined) {
      plan = [...everything(segments).steps]
      return
    }
    if (begin !== 'end') {
      const resumed = await resume(begin, segments)
      if (resumed.reason !== undefined) {
        const message = `can't go on where the checkpoint says: ${resumed.reason}. Everything is read again.`
        tell({ code: 'checkpoint', file: path, message })
      }
      for (const segment of resumed.passed) await seen.pass(segment)
      plan = [...resumed.steps]
      return
    }
    for (const segment of segments) {
      if (segment.kind !== 'live') await seen.pass(segment)
      else {
        // One that is gone by now has become a done file, which is read then.
        const start = await lastLineEnd(segment).catch(() => 0)
        plan = [{ segment, start, committed: start }]
      }
    }
  }

  /** Reads everything again: a record twice rather than never. */
  async function restart(): Promise<void> {
    seen = createSeen()
    plan = [...everything(await list()).steps]
  }

  /** What has not been read yet. */
  async function look(): Promise<Step[]> {
    const starts = await seen.startsOf(await list())
    return Array.from(starts, ([segment, start]) => ({ segment, start, committed: undefined }))
  }

  /** What can be read now: the live file comes behind what was not seen, if that can still be waited for. */
  function inOrder(steps: readonly Step[]): Step[] {
    return steps.filter(({ segment }) => !(options.follow && stale && segment.kind === 'live'))
  }

  async function renewIfChanged(): Promise<void> {
    const live = await statOf(path)
    if (live === undefined && (await statOf(dirname(path)))?.mtimeMs === listedAt) return
    plan = inOrder(await look())
  }

  /** A file that is not there any more, or is another one, since it was listed; others can be gone with it. */
  async function vanished(step: Step): Promise<void> {
    const before = [step, ...plan]
    const steps = await look()
    const oldOf = finderOf(before)
    const newOf = finderOf(steps)
    plan = inOrder(steps).map((one) => {
      const old = oldOf(one.segment)
      return old === undefined || old.start < one.start ? one : { ...old, segment: one.segment }
    })
    // logrotate moves its numbers on and compresses in one go, which leaves nothing to know a file by; so do a
    // rotation and a compression of ours.
    const unknown = steps.some(({ segment }) => {
      const copied = segment.kind === 'rotated' || segment.compression !== undefined
      return copied && oldOf(segment) === undefined
    })
    // What such a look does not show may be there: the next one finds it.
    if (stale) return
    for (const { segment } of before) {
      if (newOf(segment) !== undefined) continue
      if (segment.key === undefined && unknown) continue
      tell({ code: 'missing', file: segment.file, message: 'the file was removed before it was read' })
    }
  }

  return {
    make,
    restart,
    renewIfChanged,
    vanished,
    next: () => plan.shift(),
    add: (file) => seen.add(file),
    async renew() {
      plan = inOrder(await look())
    },
    rotated: async () => (await look()).filter((step) => step.segment.kind === 'rotated'),
    get isEmpty() {
      return plan.length === 0
    },
    get isStale() {
      return stale
    },
    get bytes() {
      return plan.reduce((sum, step) => sum + Math.max(0, step.segment.size - step.start), 0)
    },
  }
}

/** Where a file's last whole line ends. */
async function lastLineEnd(segment: Segment): Promise<number> {
  const source = await openSource(segment)
  try {
    const piece = Buffer.alloc(64 * 1024)
    for (let end = source.stats.size; end > 0; ) {
      const start = Math.max(0, end - piece.length)
      const bytes = await source.read(piece.subarray(0, end - start), 0, start)
      const newline = bytes === 0 ? -1 : piece.lastIndexOf(NEWLINE, bytes - 1)
      if (newline !== -1) return start + newline + 1
      end = start
    }
    return 0
  } finally {
    await source.close()
  }
}

/** Makes the function that gives the first of `steps` that is of the same file, by its inode or done name. */
function finderOf(steps: readonly Step[]): (segment: Segment) => Step | undefined {
  const known = new Map<string, number>()
  for (const [i, { segment }] of steps.entries()) {
    for (const id of idsOf(segment)) if (!known.has(id)) known.set(id, i)
  }
  return (segment) => {
    const found = idsOf(segment).map((id) => known.get(id) ?? Number.POSITIVE_INFINITY)
    return steps[Math.min(...found)]
  }
}

function idsOf(segment: Segment): string[] {
  // A file system gives the inode of a removed file to the next one that is made.
  const inode = `${inodeKey(segment)} ${segment.birth}`
  return segment.key === undefined ? [inode] : [inode, segment.key]
}
