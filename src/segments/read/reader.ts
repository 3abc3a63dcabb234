import { resolve } from 'node:path'
import { bytesOf, checkOptions } from '../../config/check.ts'
import { optionError } from '../../config/errors.ts'
import { after, clearTimeout } from '../timers.ts'
import { checkpointPath, readCheckpoint, removeLeftovers, writeCheckpoint } from './checkpoint.ts'
import { createDrain } from './drain.ts'
import { createFollowing } from './following.ts'
import type { Place } from './identity.ts'
import { createLedger } from './ledger.ts'
import type { Batch } from './lines.ts'
import type { ReaderProblem } from './problems.ts'
import { READER_OPTIONS, type ReaderClock, type ReaderOptions } from './reader-options.ts'

export type { Unread, UnreadBy, UnreadMap } from '../upkeep/unread.ts'
export { type Checkpoint, checkpointPath, readCheckpoint, readCheckpoints, unreadBy } from './checkpoint.ts'
export type { FileIdentity, Place } from './identity.ts'
export type { Batch } from './lines.ts'
export { listSegments, type Segment, type SegmentKind } from './listing.ts'
export type { ReaderProblem, ReaderProblemCode } from './problems.ts'
export type { ReaderClock, ReaderOptions } from './reader-options.ts'

export interface ReaderStats {
  /** Lines given. */
  lines: number
  /** Bytes given, decompressed. */
  bytes: number
  /** Last lines without a newline that were left out. */
  torn: number
  /** Lines that can't be records and were left out. */
  broken: number
  /** Lines that were left out for their length. */
  tooLong: number
  /** How often the live file was truncated. */
  truncated: number
  /** Files removed before they were read. */
  missing: number
  /** Files that could be read in part only. */
  corrupt: number
  /** Files that could not be opened. */
  unreadable: number
  /** Bytes on disk that are known and not read yet. */
  lag: number
}

/**
 * The lines of a log over all its files. Leaving its loop closes it; it can be gone through once.
 */
export interface Reader extends AsyncIterable<Batch> {
  [Symbol.asyncIterator](): AsyncIterator<Batch, void, void>
  /**
   * Notes in the checkpoint that the line before `place`, and everything that was given before it, is done with.
   *
   * @returns whether that is on disk; if not, `onProblem` was told and the next commit has it too
   * @throws TypeError ERR_SPOOR_OPTION if the reader has no checkpoint
   */
  commit(place: Place): Promise<boolean>
  /** Looks for more at once instead of at the next poll. */
  poke(): void
  stats(): ReaderStats
  /** Ends the iteration, also one that waits; the batch at hand is valid no more. */
  close(): Promise<void>
}

const MAX_LINE = 16 * 1024 * 1024
const POLL_MS = 200
const SETTLE_MS = 10_000

const CLOCK: ReaderClock = {
  now: () => performance.now(),
  after(ms, act) {
    const timer = after(ms, act)
    return () => clearTimeout(timer)
  },
}

/**
 * Reads a log: its rotated and compressed files in the order of time, then the live one, and on over rotations if
 * it shall `follow`. It gives whole lines only and parses none. Nothing that is wrong with a file stops it.
 *
 * With a checkpoint every line is given at least once over restarts, whatever has been renamed or compressed
 * meanwhile. Where a checkpoint is missing, torn, or does not fit the files, reading begins at the oldest:
 * a line twice rather than never.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of a file
 */
export function createReader(options: ReaderOptions): Reader {
  checkOptions(options, READER_OPTIONS, 'createReader')
  if (options?.path === undefined) {
    throw optionError({ option: 'createReader({ path })', value: undefined, expected: 'the path of a file' })
  }
  const path = resolve(options.path)
  const { checkpoint } = options
  const from = options.from ?? 'start'
  const clock = options.clock ?? CLOCK
  const counts = {
    lines: 0,
    bytes: 0,
    torn: 0,
    broken: 0,
    tooLong: 0,
    truncated: 0,
    missing: 0,
    corrupt: 0,
    unreadable: 0,
  }
  const ledger = checkpoint === undefined ? undefined : createLedger()
  let closed = false
  let poked = false
  let wake: (() => void) | undefined
  let writing: Promise<boolean> | undefined
  let queued: Promise<boolean> | undefined

  function tell(problem: ReaderProblem): void {
    try {
      options.onProblem?.(problem)
    } catch {
      // What the callback throws is not the log's reader's business.
    }
  }

  function pause(): Promise<void> {
    return new Promise((done) => {
      const end = (): void => {
        poked = false
        wake = undefined
        done()
      }
      if (poked || closed) return end()
      const cancel = clock.after(options.pollMs ?? POLL_MS, end)
      wake = () => {
        cancel()
        end()
      }
    })
  }

  function poke(): void {
    poked = true
    wake?.()
  }

  async function save(name: string, places: readonly Place[]): Promise<boolean> {
    try {
      await writeCheckpoint(path, name, places, options.durable ?? false)
      return true
    } catch (error) {
      const message = `can't write the checkpoint: ${(error as Error).message}. The next commit tries again.`
      tell({ code: 'checkpoint', file: checkpointPath(path, name), message })
      return false
    }
  }

  /** One write at a time; those that are asked for meanwhile become one. */
  async function commit(place: Place): Promise<boolean> {
    if (checkpoint === undefined || ledger === undefined) {
      throw optionError({
        option: 'createReader({ checkpoint })',
        value: undefined,
        expected: 'a name where commit() is used',
      })
    }
    ledger.commit(place)
    if (writing !== undefined) {
      queued ??= writing.then(() => {
        queued = undefined
        return write(checkpoint)
      })
      return queued
    }
    return write(checkpoint)
  }

  function write(name: string): Promise<boolean> {
    const places = ledger?.places() ?? []
    if (places.length === 0) return Promise.resolve(true)
    writing = save(name, places).finally(() => {
      writing = undefined
    })
    return writing
  }

  /** Where to begin; undefined for the oldest file. */
  async function beginning(): Promise<readonly Place[] | 'end' | undefined> {
    if (checkpoint !== undefined) {
      await removeLeftovers(path, checkpoint)
      const known = await readCheckpoint(path, checkpoint)
      if (known.places !== undefined) return known.places
      const where =
        known.reason === 'missing' && from !== 'start' ? 'where `from` says' : 'at the oldest file'
      const message = `the checkpoint is ${known.reason}; reading begins ${where}.`
      tell({ code: 'checkpoint', file: checkpointPath(path, checkpoint), message })
      if (known.reason !== 'missing') return undefined
    }
    if (from === 'start') return undefined
    return from === 'end' ? from : [from]
  }

  let lag = (): number => 0
  async function* run(): AsyncGenerator<Batch, void, void> {
    const begin = await beginning()
    const following = createFollowing({
      path,
      begin,
      follow: options.follow ?? false,
      settleMs: options.settleMs ?? SETTLE_MS,
      counts,
      ledger,
      drain: createDrain({
        maxLine: bytesOf(options.maxLine ?? MAX_LINE) ?? MAX_LINE,
        all: options.lines === 'all',
        counts,
        ledger,
        isClosed: () => closed,
        commit,
      }),
      tell,
      isClosed: () => closed,
      now: clock.now,
      pause,
    })
    lag = following.lag
    yield* following.run()
  }

  const iterator = run()
  return {
    [Symbol.asyncIterator]: () => iterator,
    commit,
    poke,
    stats: () => ({ ...counts, lag: lag() }),
    async close() {
      closed = true
      wake?.()
      await iterator.return()
      await (queued ?? writing)
    },
  }
}
