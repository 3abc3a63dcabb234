import { closeSync, fdatasyncSync, lstatSync, openSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { beforeExit, isExiting } from '../config/exit.ts'
import { linesIn } from './chunks.ts'
import type { RotatePeriod, RotateTimeZone } from './names.ts'
import { temporaryName } from './names.ts'
import type { RemoteWriter } from './remote/remote.ts'
import { after, clearTimeout } from './timers.ts'
import { networkFileSystem } from './write/network.ts'
import { createRotation } from './write/rotation.ts'
import { createWriter, type Writer } from './write/writer.ts'

/** When what was appended is made to survive a crash of the machine (fdatasync). */
export type Fsync = 'never' | 'interval' | 'error' | 'always'

export interface LogFileOptions {
  /** Absolute. */
  readonly path: string
  readonly mode: number
  readonly directoryMode: number
  readonly maxSize: number
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  /** Epoch ms. */
  readonly now: () => number
  readonly fsync: Fsync
  /** Ms between two of them, for 'interval'. */
  readonly fsyncMs: number
  /** The path of a symbolic link to the live file that is kept. */
  readonly symlink?: string | undefined
  /** The entry of the thread that writes; undefined to write in this one. */
  readonly thread?: string | undefined
  /** UTF-16 units that the thread may have waiting. */
  readonly inFlightLimit: number
  /** Told that there is room again after an `append` that took nothing. */
  readonly onReady: () => void
  /** Told that the file, which is no pipe, was opened: at first, and each time when it is a new one. */
  readonly onOpened: () => void
  readonly onRotated: () => void
  /** One sentence: what happened, what spoor does now, what the operator can do. */
  readonly report: (event: { code: string; message: string; dropped?: number }) => void
}

/** A live file with what belongs to it: when it is synced, looked after, linked to. */
export interface LogFile
  extends Pick<Writer, 'append' | 'pending' | 'reopen' | 'full' | 'bytes' | 'rotated' | 'error'> {
  /** As Writer's; a thread does it behind what was appended before. */
  rotate(): void
  /** To be called when a record of level error or above was appended. */
  urgent(): void
  /** Writes what a thread has still to write; waits up to `waitMs` for the write that it is in. */
  takeOver(waitMs: number): void
  /** Resolves when no thread has anything to write any more. */
  settled(): Promise<void>
  /** True while a thread writes. */
  readonly threaded: boolean
  /** UTF-16 units that a thread has still to write. */
  readonly units: number
  /** Lines that a thread could not write before the end. */
  readonly lost: number
  /** Waits up to `waitMs` for what a thread has still to write. */
  close(waitMs: number): Promise<void>
}

const VERIFY_MS = 100
const VERIFY_AGAIN_MS = 1000

export function createLogFile(options: LogFileOptions): LogFile {
  const { path, fsync, report } = options
  const common = commonOptions(options)
  const own = createWriter({ ...common, rotation: createRotation(common.rotation), now: options.now })
  let remote: RemoteWriter | undefined
  let writer: Writer = own
  let lost = 0
  let owedTold = false
  let verifying: NodeJS.Timeout | undefined
  let syncing: NodeJS.Timeout | undefined
  let closed = false
  let forget: (() => void) | undefined

  if (options.thread !== undefined) {
    writeByThread(options.thread).catch((error: Error) =>
      report({
        code: 'thread',
        message: `can't write ${path} in a thread: ${error.message}. The service's own thread writes instead.`,
      }),
    )
  }

  /** Loaded for who asks for it alone; until then this thread writes. */
  async function writeByThread(thread: string): Promise<void> {
    const { createRemoteWriter } = await import('./remote/remote.ts')
    if (closed || isExiting() || own.pending()) return
    own.close()
    remote = createRemoteWriter({
      ...common,
      thread,
      inFlightLimit: options.inFlightLimit,
      onReady: options.onReady,
      onProblem: (error) => report({ code: error.code ?? 'write', message: problemOf(error) }),
      onRecovered: () => report({ code: 'recovered', message: `${path} is written again.` }),
      onThreadLost: (error) =>
        report({
          code: 'thread',
          message: `the thread that writes ${path} has ended: ${error.message}. The service's own thread writes from here on.`,
        }),
      onLoss: (lines, certain) => {
        lost += lines
        const message = certain
          ? `${lines} records for ${path} were lost: it could not be written before the end.`
          : `${lines} records for ${path} may be lost: the disk did not answer before the end.`
        // A code of its own: what the batch gave up is told as well, and a code is told once a minute.
        report({ code: 'lost', message, dropped: lines })
      },
    })
    writer = remote
  }

  function problemOf(error: Error): string {
    return `can't write ${path}: ${error.message}. Records are held in memory (up to ${options.inFlightLimit} characters, then the lowest levels are dropped); writing goes on by itself when it is possible again.`
  }

  function append(lines: string): number {
    // Not before: at exit it comes behind the hook of the batch that appends here, which was made after this.
    forget ??= beforeExit(finish)
    const taken = writer.append(lines)
    if (fsync === 'always' || (fsync !== 'never' && isExiting())) sync()
    else if (fsync === 'interval') syncing ??= later(options.fsyncMs, syncByTime)
    if (remote === undefined) verifying ??= later(VERIFY_MS, verify)
    return taken
  }

  function later(ms: number, act: () => void): NodeJS.Timeout | undefined {
    return isExiting() ? undefined : after(ms, act).unref()
  }

  function verify(): void {
    verifying = undefined
    writer.verify()
    if (writer.owed !== '') verifying = later(VERIFY_AGAIN_MS, verify)
  }

  function syncByTime(): void {
    syncing = undefined
    writer.syncLater(told)
  }

  function sync(): void {
    // The thread's answer comes later, and is no failure to write.
    if (remote !== undefined && !isExiting()) remote.syncLater(told)
    else told(writer.sync() ? undefined : writer.error)
  }

  function tellOwed(lines: number): void {
    // At exit it may be asked twice.
    if (lines === 0 || owedTold) return
    owedTold = true
    lost += lines
    const message = `${lines} records for ${path} were lost: the file was removed while they were written, and could not be made again: ${own.error?.message}.`
    report({ code: 'dropped', message, dropped: lines })
  }

  function told(error: NodeJS.ErrnoException | undefined): void {
    if (error === undefined) return
    const message = `can't make ${path} durable: ${error.message}. Its last records may not survive a crash of the machine; look at the disk.`
    report({ code: 'fsync', message })
  }

  function finish(): void {
    writer.verify()
    if (remote === undefined) tellOwed(linesIn(own.owed))
    if (fsync === 'never') return
    // What the thread has written is synced by whoever has the file.
    if (remote !== undefined) told(syncFile(path))
    else sync()
  }

  return {
    append,
    pending: () => writer.pending(),
    rotate: () => void writer.rotate(),
    reopen: () => writer.reopen(),
    urgent: fsync === 'error' ? sync : () => {},
    takeOver: (waitMs) => void remote?.takeOver(waitMs),
    settled: async () => remote?.settled(),
    async close(waitMs) {
      if (closed) return
      closed = true
      clearTimeout(verifying)
      clearTimeout(syncing)
      if (remote !== undefined) {
        await settledWithin(remote, waitMs)
        if (fsync !== 'never') await syncedBy(remote, told)
      }
      forget?.()
      finish()
      if (remote === undefined) own.close()
      else remote.close(waitMs)
    },
    get threaded() {
      return remote !== undefined
    },
    get units() {
      return writer.owed.length + (remote?.units ?? 0)
    },
    get lost() {
      return lost
    },
    get full() {
      return writer.full
    },
    get bytes() {
      return own.bytes + (remote?.bytes ?? 0)
    },
    get rotated() {
      return own.rotated + (remote?.rotated ?? 0)
    },
    get error() {
      return writer.error
    },
  }
}

function syncedBy(
  remote: RemoteWriter,
  told: (error: NodeJS.ErrnoException | undefined) => void,
): Promise<void> {
  return new Promise((resolve) => {
    remote.syncLater((error) => {
      told(error)
      resolve()
    })
  })
}

function syncFile(path: string): NodeJS.ErrnoException | undefined {
  let fd = -1
  try {
    fd = openSync(path, 'r')
    fdatasyncSync(fd)
    return undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : (error as NodeJS.ErrnoException)
  } finally {
    if (fd !== -1) closeSync(fd)
  }
}

async function settledWithin(remote: RemoteWriter, ms: number): Promise<void> {
  let patience: NodeJS.Timeout | undefined
  await Promise.race([
    remote.settled(),
    new Promise((resolve) => {
      patience = after(ms, () => resolve(undefined))
    }),
  ])
  clearTimeout(patience)
}

function commonOptions(options: LogFileOptions) {
  const { path, mode, directoryMode, maxSize, rotate, timeZone, report } = options
  let shared = false
  return {
    path,
    mode,
    directoryMode,
    rotation: { maxSize, rotate, timeZone },
    synced: options.fsync !== 'never',
    onOpened: () => {
      options.onOpened()
      if (options.symlink !== undefined) keepLink(options, options.symlink)
    },
    onRotated: options.onRotated,
    onRotationFailed: (error: Error) =>
      report({
        code: 'rotation',
        message: `can't rotate ${path}: ${error.message}. It is written on past its size; allow this process to make and rename files in that directory.`,
      }),
    onShared: () => {
      if (!shared) warnOfNetwork(options)
      shared = true
    },
  }
}

/** The link is made beside and renamed, so that its name is never missing; what is no link is never replaced. */
function keepLink({ path, report }: LogFileOptions, link: string): void {
  const temporary = temporaryName(link)
  try {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === false)
      throw new Error('there is a file of that name that is no symbolic link')
    symlinkSync(dirname(link) === dirname(path) ? basename(path) : path, temporary)
    try {
      renameSync(temporary, link)
    } catch (error) {
      unlinkSync(temporary)
      throw error
    }
  } catch (error) {
    const message = `can't keep the link ${link}: ${(error as Error).message}. Records are written all the same; give the link another name, or allow it to be made.`
    report({ code: 'symlink', message })
  }
}

function warnOfNetwork({ path, report }: LogFileOptions): void {
  const name = networkFileSystem(path)
  if (name === undefined) return
  const message = `${path} is on ${name} and several processes write it: appends there are not atomic, so records may overwrite each other. Give each process a file of its own: put {pid} or {instance} into the name.`
  report({ code: 'network', message })
}
