import type { Worker } from 'node:worker_threads'
import { beforeExit, isExiting } from '../../config/exit.ts'
import { linesIn } from '../chunks.ts'
import { after, clearTimeout } from '../timers.ts'
import { createRotation } from '../write/rotation.ts'
import { createWriter, type Writer, type WriterOptions } from '../write/writer.ts'
import { createHeldChunks } from './held.ts'
import { errorOf, startThread } from './start.ts'
import { createProgress, type Report, type WriterSettings } from './state.ts'
import { unitsFound } from './trace.ts'

export interface RemoteWriterOptions
  extends WriterSettings,
    Pick<WriterOptions, 'onOpened' | 'onRotated' | 'onRotationFailed' | 'onShared'> {
  /** The worker's file; its entry calls `serveWrites` for `workerData.kind === 'write'`. */
  readonly thread: string | URL
  /**
   * UTF-16 units that may wait for the disk before `append` takes no more (more than that only in one chunk).
   * The thread holds a copy of them.
   *
   * @default 16 Mi
   */
  readonly inFlightLimit?: number | undefined
  /** Told that there is room again after an `append` that took nothing. */
  readonly onReady?: (() => void) | undefined
  /** Told once for each outage: the thread can't write, and tries again every second. */
  readonly onProblem?: ((error: NodeJS.ErrnoException) => void) | undefined
  /** Told that the thread writes again. */
  readonly onRecovered?: (() => void) | undefined
  /** Told once that the thread could not be started or has died; from here on the calling thread writes. */
  readonly onThreadLost?: ((error: Error) => void) | undefined
  /**
   * Told at exit and at close of lines that were taken and are given up.
   *
   * @param certain false if a write that has not come back may still bring some of them into the file
   */
  readonly onLoss?: ((lines: number, certain: boolean) => void) | undefined
}

/** A writer whose `append` hands the lines to a thread, for disks that are slow. */
export interface RemoteWriter extends Writer {
  /** Takes all or nothing. Never throws, and waits for the disk only without a thread or while exiting. */
  append(lines: string): number
  /** Has the thread do it, behind what was appended before; true if it was asked. */
  rotate(): boolean
  /** As `syncLater`, but a failure is told to `onProblem`. Always true while there is a thread. */
  sync(): boolean
  /** Has the thread do it, behind what was appended before. */
  syncLater(done: (error: NodeJS.ErrnoException | undefined) => void): void
  /** Has the thread do it, behind what was appended before. */
  reopen(): void
  /**
   * Writes in the calling thread what is not confirmed, from exactly where the other one stopped. Blocks: up to
   * `waitMs` for the end of the write that the thread is in, and for its own.
   *
   * @returns true if nothing is left; else `lines()` wait still, or are in the hands of that write
   */
  takeOver(waitMs: number): boolean
  /** Resolves when nothing waits for its confirmation any more, or it was given up. */
  settled(): Promise<void>
  /** As `takeOver`, then ends the thread and gives up the rest. @param waitMs default 0 */
  close(waitMs?: number): void
  /** Lines not confirmed. */
  lines(): number
  /** UTF-16 units not confirmed. */
  readonly units: number
}

const IN_FLIGHT_LIMIT = 16 * 1024 * 1024
const RETRY_MS = 1000
const FULL_RETRY_MS = 20
const EXIT_WAIT_MS = 1000

/**
 * Makes the writer; it starts its thread with the first append.
 *
 * Nothing that was taken is lost or doubled when the process exits, throws or has nothing left to do: each
 * chunk is kept until the thread has confirmed it, and the rest is written then by the calling thread. A SIGKILL,
 * like an abort or a signal that nobody handles, takes at most what is not confirmed, which is `units`. A write
 * that the disk does not give back can't be taken from its thread: at exit it is waited for up to a second, then
 * its lines are told as in doubt, and the process ends when the write comes back.
 *
 * A pipe or a device is written by the calling thread, since it has no disk to wait for.
 */
export function createRemoteWriter(options: RemoteWriterOptions): RemoteWriter {
  const { path, mode, directoryMode, synced, rotation } = options
  const settings: WriterSettings = { path, mode, directoryMode, synced, rotation }
  const limit = options.inFlightLimit ?? IN_FLIGHT_LIMIT
  const progress = createProgress()
  const held = createHeldChunks(progress)
  const own = createWriter({ ...options, rotation: createRotation(rotation), now: Date.now })
  let worker: Worker | undefined
  // Without a thread, for good: the turn is ours.
  let alone = false
  let closed = false
  let writing = false
  let refused = false
  let failing = false
  let error: NodeJS.ErrnoException | undefined
  let referenced = false
  let timer: NodeJS.Timeout | undefined
  let waiters: (() => void)[] = []
  let syncs: ((error: NodeJS.ErrnoException | undefined) => void)[] = []

  function append(lines: string): number {
    if (alone || isExiting()) return appendHere(lines)
    if (lines === '') return 0
    if (!held.empty && held.units + lines.length > limit) {
      refused = true
      return 0
    }
    if (worker === undefined) start()
    if (worker === undefined) return appendHere(lines)
    worker.postMessage(held.add(lines))
    refer()
    return lines.length
  }

  function appendHere(lines: string): number {
    if (!progress.seize(0, isExiting())) return 0
    if (!writing) return writeHeld() ? own.append(lines) : 0
    // Logged by who is told of a write that goes on: it comes next.
    if (lines !== '') held.add(lines)
    return lines.length
  }

  function start(): void {
    try {
      worker = startThread(
        options.thread,
        { kind: 'write', settings, memory: progress.memory },
        hear,
        goAlone,
      )
    } catch (failure) {
      goAlone(failure as Error)
    }
  }

  function hear(report: Report): void {
    if (alone) return
    if (report.kind === 'done') recovered()
    else if (report.kind === 'problem') {
      failing = true
      error = errorOf(report.error)
      refer()
      options.onProblem?.(error)
    } else if (report.kind === 'unsuited') goAlone(undefined)
    else if (report.kind === 'synced') {
      if (report.error !== undefined) error = errorOf(report.error)
      syncs.shift()?.(report.error && error)
    } else if (report.kind === 'opened') options.onOpened?.()
    else if (report.kind === 'shared') options.onShared?.()
    else if (report.kind === 'rotated') options.onRotated?.(report.done)
    else options.onRotationFailed?.(errorOf(report.error))
  }

  function recovered(): void {
    const wasFailing = failing
    failing = false
    confirmed()
    if (wasFailing) options.onRecovered?.()
  }

  function confirmed(): void {
    held.confirm()
    refer()
    if (held.empty) release()
    if (!refused || held.units > limit / 2) return
    refused = false
    options.onReady?.()
  }

  function release(): void {
    const released = waiters
    waiters = []
    for (const resolve of released) resolve()
  }

  /** The process lives on for what is not confirmed, except while that may take for ever. */
  function refer(): void {
    const wanted = !held.empty && !failing
    if (wanted === referenced) return
    referenced = wanted
    if (wanted) worker?.ref()
    else worker?.unref()
  }

  /** For who has the turn. */
  function writeHeld(): boolean {
    for (;;) {
      writing = true
      const all = held.write(own.append)
      writing = false
      // Whoever waited for room may add some more.
      confirmed()
      if (!all || held.empty) return all
    }
  }

  function takeOver(waitMs: number): boolean {
    if (writing) return false
    if (!alone && !isExiting()) {
      confirmed()
      if (held.empty) return true
    }
    if (!progress.seize(waitMs, isExiting())) return false
    const all = writeHeld()
    if (alone || isExiting()) own.verify()
    else {
      // Not held open: a file that somebody has open is one that nobody may move on.
      own.close()
      progress.giveBack()
    }
    return all
  }

  function goAlone(failure: Error | undefined): void {
    if (alone) return
    alone = true
    failing = false
    const cut = progress.inherit()
    held.confirm()
    if (cut && progress.mark.sequence === held.sequence)
      progress.partIs(progress.part + unitsFound(path, progress.mark, held.rest()))
    void worker?.terminate()
    worker = undefined
    dropSyncs()
    if (failure !== undefined) options.onThreadLost?.(failure)
    writeOn()
  }

  function writeOn(): void {
    if (closed || finished()) return
    timer = after(own.full ? FULL_RETRY_MS : RETRY_MS, writeOn)
    // A pipe's reader comes back to it; what else is in the way may stay for ever.
    if (!own.full) timer.unref()
  }

  /** For who has the turn: writes what is held and the rest of a pipe's line; true if nothing is left. */
  function finished(): boolean {
    if (!writeHeld()) return false
    if (isStuck()) own.append('')
    return !isStuck()
  }

  function isStuck(): boolean {
    return own.pending() || own.owed !== ''
  }

  function giveUp(certain: boolean): void {
    const lost = held.lines() + linesIn(own.owed) + (own.pending() ? 1 : 0)
    held.clear()
    release()
    if (lost > 0) options.onLoss?.(lost, certain)
  }

  function atExit(waitedMs: number): boolean {
    const taken = progress.seize(0, true)
    if (taken && finished()) own.verify()
    else if ((!taken || own.full) && waitedMs < EXIT_WAIT_MS) return true
    else giveUp(taken)
    return false
  }

  const forget = beforeExit(atExit)

  function close(waitMs = 0): void {
    if (!closed) {
      closed = true
      forget()
      clearTimeout(timer)
      const taken = progress.seize(waitMs, true)
      alone = true
      void worker?.terminate()
      worker = undefined
      dropSyncs()
      if (!taken || !finished()) giveUp(taken)
    }
    own.close()
  }

  /** False if there is no thread to ask. */
  function order(what: 'rotate' | 'reopen' | 'sync'): boolean {
    if (alone || isExiting()) return false
    if (worker === undefined) start()
    worker?.postMessage(what)
    return worker !== undefined
  }

  function syncLater(done: (error: NodeJS.ErrnoException | undefined) => void): void {
    if (order('sync')) syncs.push(done)
    else own.syncLater(done)
  }

  function sync(): boolean {
    if (alone || isExiting()) return own.sync()
    syncLater((failure) => {
      if (failure !== undefined) options.onProblem?.(failure)
    })
    return true
  }

  function dropSyncs(): void {
    const dropped = syncs
    syncs = []
    for (const done of dropped) done(new Error('the writing thread ended before it synced'))
  }

  return {
    append,
    // The thread does so behind each of its appends.
    verify: () => {
      if (alone) own.verify()
    },
    rotate: () => order('rotate') || own.rotate(),
    sync,
    syncLater,
    reopen() {
      if (!order('reopen')) own.reopen()
    },
    takeOver,
    settled: () =>
      held.empty ? Promise.resolve() : new Promise((resolve) => waiters.push(() => resolve(undefined))),
    close,
    lines: held.lines,
    pending: () => alone && (!held.empty || isStuck()),
    get owed() {
      return own.owed
    },
    get units() {
      return held.units
    },
    get full() {
      return alone ? own.full : refused && !failing
    },
    get bytes() {
      return progress.bytes + own.bytes
    },
    get rotated() {
      return progress.rotated + own.rotated
    },
    get error() {
      return failing ? error : (own.error ?? error)
    },
  }
}
