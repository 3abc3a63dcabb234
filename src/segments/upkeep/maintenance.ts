import { dirname } from 'node:path'
import {
  type CompressAfter,
  keepFor,
  keepsAll,
  RETENTION_LEVELS,
  type RetentionLevel,
  type RetentionPolicy,
} from '../../config/retention.ts'
import { hasZstd } from '../compression.ts'
import { type Compression, hiddenName, type RotatePeriod, type RotateTimeZone } from '../names.ts'
import { unreadBy } from '../read/checkpoint.ts'
import { threadFile } from '../thread-file.ts'
import { after, clearTimeout } from '../timers.ts'
import { type PassOptions, type PassOutcome, type PassReport, runPass } from './pass.ts'
import { createSettling } from './settling.ts'
import type { UnreadBy } from './unread.ts'
import type { WorkCounts } from './work.ts'
import { createWorkLock } from './work-lock.ts'

/** What is told to the operator; the transport's host takes it. */
export interface MaintenanceEvent {
  readonly code: string
  readonly message: string
  /** Lines deleted before they were read. */
  readonly dropped?: number
}

export interface MaintenanceOptions {
  /** The live file, absolute. */
  readonly path: string
  /** What the live files' names look like without extension, where each process has its own (see Family). */
  readonly stem?: RegExp | undefined
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  /** What may be deleted. @default nothing */
  readonly retention?: RetentionPolicy | undefined
  /** The levels whose records are in the file. @default all but audit */
  readonly levels?: readonly RetentionLevel[] | undefined
  /** @default 'off' */
  readonly compress?: CompressAfter | undefined
  /** Where Node has no zstd it is gzip, which is told once. @default 'gzip' */
  readonly format?: Compression | undefined
  /** Bytes past which it warns, where nothing is deleted by size. @default 10 GB */
  readonly warnSize?: number | undefined
  /** How long a file must have stood still before anything is done to it, in ms. @default 10000 */
  readonly settleMs?: number | undefined
  /** The same for hidden files that a crash has left, in ms. @default 60000 */
  readonly leftoverMs?: number | undefined
  /** After how many ms without a sign a process's lock is broken. @default 30000 */
  readonly staleMs?: number | undefined
  /** Where processes have files of their own, one name for all of them. @default '.<name>.maintenance' */
  readonly lock?: string | undefined
  /** Tells what readers have not read. @default as their checkpoints beside each live file say */
  readonly unread?: UnreadBy | undefined
  /** Asked before a file is deleted, by its full name; false keeps it, as does what it throws. @default all may be */
  readonly mayDelete?: ((file: string) => Promise<boolean>) | undefined
  readonly report: (event: MaintenanceEvent) => void
  /** Epoch ms. @default Date.now */
  readonly now?: (() => number) | undefined
  /** Milliseconds of a clock that nobody sets. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  /** The entry of the thread that compresses; false for none. @default the one in dist, where it is */
  readonly threadFile?: string | false | undefined
}

export interface PassResult {
  readonly outcome: PassOutcome
  /** Files compressed, deleted and put right, and what failed. */
  readonly compressed: number
  readonly deleted: number
  readonly finished: number
  readonly failures: number
}

export interface MaintenanceStats extends Readonly<WorkCounts> {
  /** Bytes of the live and done files at the last look. */
  readonly bytes: number
  /** The last failure's message. */
  readonly lastError: string | undefined
}

/** Compresses and deletes done files behind the writers' backs, and puts right what a crash has left. */
export interface Maintenance {
  /** Tells it that a file was rotated. */
  rotated(): void
  /** Begins to look after the files from time to time; no timer of it holds the process. */
  start(): void
  /** Looks now, and waits for what has to settle first. Never rejects; one pass at a time. */
  pass(): Promise<PassResult>
  /** Stops, and what is at work with it. Never rejects. */
  close(): Promise<void>
  stats(): MaintenanceStats
}

const HOUR = 60 * 60 * 1000
const START_MS = 1000
const DAY = 24 * HOUR
const GB = 1024 ** 3
const WARN_SIZE = 10 * GB
const FILE_LEVELS = RETENTION_LEVELS.filter((level) => level !== 'audit')

/** Makes it; it touches nothing before `start`, `rotated` or `pass`. */
export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { path, report } = options
  const policy = options.retention ?? { age: {} }
  const compress = options.compress ?? 'off'
  const watching = compress !== 'off' || !keepsAll(policy)
  const settleMs = options.settleMs ?? 10_000
  const staleMs = options.staleMs ?? 30_000
  const monotonic = options.monotonic ?? (() => performance.now())
  const now = options.now ?? Date.now
  const stopping = new AbortController()
  const counts: WorkCounts = {
    compressed: 0,
    deleted: { age: 0, count: 0, size: 0, free: 0 },
    unreadLines: 0,
    finished: 0,
    failures: 0,
  }
  const passOptions: PassOptions = {
    path,
    stem: options.stem,
    rotate: options.rotate,
    timeZone: options.timeZone,
    policy,
    keep: keepFor(policy, options.levels ?? FILE_LEVELS),
    compress,
    get format() {
      return formatToUse()
    },
    get threadFile() {
      return options.threadFile === false ? undefined : (options.threadFile ?? threadFile())
    },
    unreadBy: (live) => options.unread ?? unreadBy(live),
    settling: createSettling(settleMs, options.leftoverMs ?? 60_000, monotonic),
    lock: createWorkLock({
      path: options.lock ?? hiddenName(path, 'maintenance'),
      staleMs,
      monotonic,
      onStuck: (message) => tell('lock', message),
    }),
    signal: stopping.signal,
    counts,
    mayDelete: options.mayDelete,
    now,
    onFailure,
    tell,
  }
  let bytes = 0
  let lastError: string | undefined
  let timer: NodeJS.Timeout | undefined
  let timerAt = 0
  let running: Promise<unknown> = Promise.resolve()
  let warnedAt: number | undefined
  let toldInPass = new Set<string>()
  let toldOfZstd = false
  // Whoever calls `pass` alone looks after the next one too.
  let started = false

  function onFailure(what: string, { code, message }: { code: string; message: string }): void {
    counts.failures++
    lastError = message
    // Once for each kind of failure in a pass: a directory that can't be written has one for each file.
    if (toldInPass.has(code)) return
    toldInPass.add(code)
    tell(code, `can't ${what} in ${dirname(path)}: ${message}. It is tried again later.`)
  }

  function tell(code: string, message: string, dropped?: number): void {
    report({ code, message, ...(dropped === undefined ? {} : { dropped }) })
  }

  function formatToUse(): Compression {
    if (options.format !== 'zstd' || hasZstd()) return options.format ?? 'gzip'
    if (!toldOfZstd) tell('zstd', `this Node has no zstd: done files of ${path} are compressed with gzip.`)
    toldOfZstd = true
    return 'gzip'
  }

  function warnOfSize(): void {
    const limit = options.warnSize ?? WARN_SIZE
    if (bytes <= limit || policy.size !== undefined) return
    if (warnedAt !== undefined && monotonic() - warnedAt < DAY) return
    warnedAt = monotonic()
    tell(
      'size',
      `the log files of ${path} take ${(bytes / GB).toFixed(1)} GB, and nothing is deleted by size. LOG_RETENTION=default,size=10GB would.`,
    )
  }

  async function onePass(): Promise<PassResult> {
    const before = { ...counts, deleted: deletedCount() }
    toldInPass = new Set()
    const result = stopping.signal.aborted ? { outcome: 'stopped' as const } : await runPass(passOptions)
    if (result.bytes !== undefined) bytes = result.bytes
    warnOfSize()
    scheduleAfter(result)
    return {
      outcome: result.outcome,
      compressed: counts.compressed - before.compressed,
      deleted: deletedCount() - before.deleted,
      finished: counts.finished - before.finished,
      failures: counts.failures - before.failures,
    }
  }

  function deletedCount(): number {
    return Object.values(counts.deleted).reduce((sum, each) => sum + each, 0)
  }

  function scheduleAfter({ nextMs, locked }: PassReport): void {
    const waits = [nextMs, watching ? HOUR : undefined, locked === true ? staleMs : undefined]
    const known = waits.filter((wait) => wait !== undefined)
    if (started && known.length > 0) schedule(Math.max(settleMs, Math.min(...known)))
  }

  function begin(): void {
    started = true
    schedule(settleMs)
  }

  /** The earlier of this and what is planned already. */
  function schedule(ms: number): void {
    const at = monotonic() + ms
    if (stopping.signal.aborted || (timer !== undefined && timerAt <= at)) return
    clearTimeout(timer)
    timerAt = at
    timer = after(ms, () => {
      timer = undefined
      void pass()
    }).unref()
  }

  function pass(): Promise<PassResult> {
    const next = running.then(onePass)
    running = next
    return next
  }

  return {
    rotated: begin,
    start() {
      started = true
      // What is old needs no second look.
      schedule(Math.min(settleMs, START_MS))
    },
    pass,
    async close() {
      stopping.abort()
      clearTimeout(timer)
      timer = undefined
      await running
    },
    stats: () => ({ ...counts, deleted: { ...counts.deleted }, bytes, lastError }),
  }
}
