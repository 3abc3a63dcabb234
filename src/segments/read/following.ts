import { Buffer } from 'node:buffer'
import type { Stats } from 'node:fs'
import { UnsupportedError } from '../compression.ts'
import type { Track } from './drain.ts'
import { fingerprint, HEAD_BYTES, type Place, placeAt, sameInode } from './identity.ts'
import type { Ledger } from './ledger.ts'
import type { Batch } from './lines.ts'
import { inodeOf, statOf } from './listing.ts'
import { createPlan } from './plan.ts'
import type { ReaderProblem } from './problems.ts'
import { createRecentFiles } from './recent.ts'
import type { Step } from './resume.ts'
import { type SeenFile, seenFile } from './seen.ts'
import { openSource, type Source } from './source.ts'

/** What a reader counts of files. */
export interface FileCounts {
  torn: number
  truncated: number
  missing: number
  corrupt: number
  unreadable: number
}

export interface FollowingOptions {
  readonly path: string
  /** Where to begin; undefined for the oldest file. */
  readonly begin: readonly Place[] | 'end' | undefined
  readonly follow: boolean
  readonly settleMs: number
  readonly counts: FileCounts
  readonly ledger: Ledger | undefined
  readonly drain: (track: Track) => AsyncGenerator<Batch, void, void>
  readonly tell: (problem: ReaderProblem) => void
  readonly isClosed: () => boolean
  /** Monotonic, ms. */
  readonly now: () => number
  /** Resolves when it is time to look again. */
  readonly pause: () => Promise<void>
}

export interface Following {
  run(): AsyncGenerator<Batch, void, void>
  /** Bytes on disk that are known and not read. */
  lag(): number
}

// An old file has been left by all its writers long ago; what was renamed a moment ago may not.
const OLD_MS = 10 * 60 * 1000
// There are file systems on which the inode of a path and of what is opened by it are never the same.
const MISMATCHES = 20

/** Goes through a log's files in order, and on with the live one. */
export function createFollowing(options: FollowingOptions): Following {
  const { path, follow, counts, ledger, drain, tell, isClosed } = options
  let current: Track | undefined
  let liveSize = 0
  let mismatches = 0
  const told = new Set<string>()
  const open = new Set<Source>()

  const plan = createPlan({ path, begin: options.begin, follow, tell: tellOfPlan })
  const { settleMs, now } = options
  const recent = createRecentFiles({ settleMs, now, drain, statOpen, leave, isClosed })

  function tellOfPlan(problem: ReaderProblem): void {
    if (problem.code === 'missing') counts.missing++
    if (problem.code === 'unreadable') tellOnce(problem, 'unreadable')
    else tell(problem)
  }

  function tellOnce(problem: ReaderProblem, count?: keyof FileCounts): void {
    const id = `${problem.code} ${problem.file}`
    if (told.has(id)) return
    told.add(id)
    if (count !== undefined) counts[count]++
    tell(problem)
  }

  async function openTrack(step: Step): Promise<Track | undefined> {
    const { segment } = step
    try {
      const source = await openSource(segment)
      open.add(source)
      if (!sameInode(inodeOf(source.stats), segment) && ++mismatches <= MISMATCHES) {
        await close(source)
        await plan.vanished(step)
        return undefined
      }
      mismatches = 0
      await recent.forget(segment)
      return trackOf(step, source, await source.head())
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        await plan.vanished(step)
        return undefined
      }
      const code = error instanceof UnsupportedError ? 'unsupported' : 'unreadable'
      tellOnce({ code, file: segment.file, message: (error as Error).message }, 'unreadable')
      // The live one is tried again at the next look.
      if (segment.kind !== 'live') plan.add(seenFile(segment, segment.key, Buffer.alloc(0), 0))
      return undefined
    }
  }

  function trackOf({ segment, start, committed }: Step, source: Source, head: Buffer): Track {
    const file: SeenFile = seenFile(segment, segment.key, head, start)
    plan.add(file)
    const track: Track = {
      segment,
      source,
      seen: file,
      entry: ledger?.open((offset) => placeAt(segment, track.head, offset), start, committed),
      head,
      offset: start,
      partial: 0,
      skipping: false,
      failure: undefined,
    }
    return track
  }

  /** Gives up a file: what is behind its last newline is no line any more. */
  async function shut(track: Track): Promise<void> {
    const done = track.segment.kind !== 'live' || follow
    if (track.partial > 0 && track.failure === undefined && done && !isClosed()) counts.torn++
    if (track.entry !== undefined) track.entry.closed = true
    await close(track.source)
  }

  async function leave(track: Track, isOver: boolean): Promise<void> {
    if (isOver) {
      tellOfFailure(track)
      return shut(track)
    }
    if (track.entry !== undefined) track.entry.closed = true
    await close(track.source)
  }

  async function close(source: Source): Promise<void> {
    open.delete(source)
    await source.close().catch(() => {})
  }

  async function statOpen(track: Track): Promise<Stats | undefined> {
    try {
      return await track.source.stat()
    } catch (error) {
      track.failure = error as Error
      return undefined
    }
  }

  function tellOfFailure(track: Track): void {
    if (track.failure === undefined) return
    const message = `it can be read in part only: ${track.failure.message}`
    tellOnce({ code: 'corrupt', file: track.segment.file, message }, 'corrupt')
  }

  async function finish(track: Track): Promise<void> {
    current = undefined
    track.seen.head = fingerprint(track.head)
    track.seen.length = track.head.length
    const { segment, source, failure } = track
    tellOfFailure(track)
    if (
      failure === undefined &&
      source.produced !== undefined &&
      source.produced < track.offset &&
      !isClosed()
    ) {
      const message =
        "can't go on where the checkpoint says: it is ahead of the end of its file. Everything is read again."
      tell({ code: 'checkpoint', file: segment.file, message })
      await shut(track)
      return plan.restart()
    }
    const young = segment.kind === 'live' || Date.now() - segment.changedAt < OLD_MS
    if (!follow || segment.compression !== undefined || failure !== undefined || !young) return shut(track)
    recent.add(track)
  }

  /** The live file until another has its name. Its track may be another one then: after a truncation. */
  async function* followLive(): AsyncGenerator<Batch, void, void> {
    let state = ''
    while (current !== undefined && !isClosed()) {
      yield* recent.look()
      const track = current
      const present = await statOf(path)
      const stats = await statOpen(track)
      if (stats === undefined) return
      liveSize = stats.size
      if (`${stats.size} ${stats.mtimeMs}` !== state) {
        // Written, and no longer than before: it may have been copied and truncated when it was empty.
        const grown = state === '' || stats.size > track.offset + track.partial
        state = `${stats.size} ${stats.mtimeMs}`
        if (await isTruncated(track, stats.size)) yield* afterTruncation(track)
        else if (!grown) yield* readCopies(track)
        yield* drain(current)
      }
      if (current.failure !== undefined || present === undefined || !sameInode(inodeOf(present), track.seen))
        return
      if (!isClosed()) await options.pause()
      // Its first plan may lack what was rotated before this one: another look goes on from here.
      if (plan.isStale) return
    }
  }

  /** By its size, or by its beginning where it has grown again meanwhile. */
  async function isTruncated(track: Track, size: number): Promise<boolean> {
    if (size < track.offset + track.partial) return true
    const length = Math.min(track.head.length, track.offset)
    return (
      length > 0 &&
      !track.head
        .subarray(0, length)
        .equals((await track.source.head().catch(() => track.head)).subarray(0, length))
    )
  }

  /** What logrotate copied of the live file before it was truncated. */
  async function* readCopies(track: Track): AsyncGenerator<Batch, void, void> {
    const copies = await plan.rotated()
    if (copies.length === 0 && track.partial > 0) counts.torn++
    for (const step of copies) {
      const copy = await openTrack(step)
      if (copy === undefined) continue
      yield* drain(copy)
      await finish(copy)
    }
    current = track
  }

  /** copytruncate: what was not read yet is in the copy, if there is one; then the file from its beginning. */
  async function* afterTruncation(track: Track): AsyncGenerator<Batch, void, void> {
    counts.truncated++
    const message = 'the file was truncated; it is read again from its beginning'
    tell({ code: 'truncated', file: track.segment.file, message })
    track.seen.head = fingerprint(track.head.subarray(0, Math.min(HEAD_BYTES, track.offset)))
    track.seen.length = Math.min(track.head.length, track.offset)
    track.seen.cut = true
    if (track.entry !== undefined) track.entry.closed = true
    yield* readCopies(track)
    // From here on the inode is another file.
    current = trackOf(
      { segment: track.segment, start: 0, committed: undefined },
      track.source,
      Buffer.alloc(0),
    )
  }

  async function* run(): AsyncGenerator<Batch, void, void> {
    try {
      await plan.make()
      while (!isClosed()) {
        const step = plan.next()
        if (step === undefined) {
          if (!follow) {
            if (!plan.isStale) return
            await plan.renew()
            continue
          }
          yield* recent.look()
          await options.pause()
          if (!isClosed()) await plan.renewIfChanged()
          continue
        }
        current = await openTrack(step)
        if (current === undefined) continue
        yield* drain(current)
        if (follow && step.segment.kind === 'live') yield* followLive()
        const failed = current?.failure !== undefined
        if (current !== undefined) await finish(current)
        yield* recent.trim()
        if (follow && failed) await options.pause()
        if (follow && plan.isEmpty) await plan.renew()
      }
    } finally {
      for (const source of [...open]) await close(source)
    }
  }

  function lag(): number {
    const read = current?.offset ?? 0
    const here = current === undefined ? 0 : Math.max(liveSize, current.segment.size) - read
    return Math.max(0, here) + plan.bytes
  }

  return { run, lag }
}
