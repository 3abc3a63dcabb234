import { resolve } from 'node:path'
import {
  bytesOf,
  checkOptions,
  isFunction,
  isLevel,
  isNumber,
  isOneOf,
  isSize,
  isString,
  type OptionsSpec,
} from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { createBatch, type Loss } from '../segments/batch.ts'
import type { RotatePeriod, RotateTimeZone } from '../segments/names.ts'
import { createRotation } from '../segments/rotation.ts'
import { createWriter } from '../segments/writer.ts'
import { guardedHost, levelNumber, lossByLevel, lossLine, stderrHost } from './host.ts'
import type { Transport, TransportHost } from './transport.ts'

export interface FileTransportOptions {
  /** The live file; any number of processes may name the same one. Its directory is made if it is missing. */
  path: string
  /** The transport's name in stats and on stderr. @default 'file' */
  name?: string | undefined
  /** Lowest level written. @default all */
  level?: LevelOrSilent | undefined
  /** Size at which a new file begins, as bytes or '100MB'. @default '100MB' */
  maxSize?: number | string | undefined
  /** How often a new file begins besides. @default 'daily' */
  rotate?: RotatePeriod | undefined
  /** Whose midnight. @default 'local' */
  timeZone?: RotateTimeZone | undefined
  /** Permissions of the files made, less the umask. @default 0o640 */
  mode?: number | undefined
  /** Permissions of the directories made, less the umask. @default 0o750 */
  directoryMode?: number | undefined
  /** How much is held in memory while the file can't be written, in UTF-16 units or as '16MB'. @default '16MB' */
  bufferLimit?: number | string | undefined
  /** The clock, epoch ms, for tests. @default Date.now */
  now?: (() => number) | undefined
}

const MODE_LIMIT = 0o7777
const SPEC: OptionsSpec<FileTransportOptions> = {
  path: isString,
  name: isString,
  level: isLevel,
  maxSize: isSize,
  rotate: isOneOf('daily', 'hourly', 'weekly', 'off'),
  timeZone: isOneOf('local', 'utc'),
  mode: isNumber({ min: 0, max: MODE_LIMIT, integer: true }),
  directoryMode: isNumber({ min: 0, max: MODE_LIMIT, integer: true }),
  bufferLimit: isSize,
  now: isFunction,
}

const MAX_SIZE = 100 * 1024 * 1024
const BUFFER_LIMIT = 16 * 1024 * 1024
const RETRY_MS = 1000
const FAILED_RETRY_MS = [RETRY_MS, RETRY_MS] as const
// Before a pipe's reader, as the console does.
const FULL_RETRY_MS = [5, 100] as const
const EXIT_WAIT_MS = 1000
const WARN = 40

/**
 * Appends to a file that rotates. What is written in an event-loop turn is in the page cache at the turn's end,
 * error and above before the call returns; a dying process loses nothing of that. `docs/files.md` has all it
 * promises and what happens at each fault.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong; never because of the file
 */
export function fileTransport(options: FileTransportOptions): Transport {
  checkOptions(options, SPEC, 'fileTransport')
  if (options?.path === undefined) {
    throw optionError({ option: 'fileTransport({ path })', value: undefined, expected: 'the path of a file' })
  }
  const name = options.name ?? 'file'
  // Once, so that a service that changes its working directory goes on with the same file.
  const path = resolve(options.path)
  const bufferLimit = bytesOf(options.bufferLimit ?? BUFFER_LIMIT) ?? BUFFER_LIMIT
  let host: TransportHost = stderrHost(name)
  let told = false

  const writer = createWriter({
    path,
    mode: options.mode ?? 0o640,
    directoryMode: options.directoryMode ?? 0o750,
    rotation: createRotation({
      maxSize: bytesOf(options.maxSize ?? MAX_SIZE) ?? MAX_SIZE,
      rotate: options.rotate ?? 'daily',
      timeZone: options.timeZone ?? 'local',
    }),
    now: options.now ?? Date.now,
    onRotationFailed: (error) =>
      host.report({
        code: 'rotation',
        message: `can't rotate ${path}: ${error.message}. It is written on past its size; allow this process to make and rename files in that directory.`,
      }),
  })

  const batch = createBatch({
    commit: writer.append,
    pending: writer.pending,
    bufferLimit,
    get retryMs() {
      return writer.full ? FULL_RETRY_MS : FAILED_RETRY_MS
    },
    get keepAlive() {
      return writer.full
    },
    get exitWaitMs() {
      return writer.full ? EXIT_WAIT_MS : 0
    },
    onBlocked: () => {
      // A pipe whose reader is slow is no fault.
      told = !writer.full
      if (!told) return
      host.report({
        code: writer.error?.code ?? 'short',
        message: `can't write ${path}: ${cause()}. Records are held in memory (up to ${bufferLimit} units, then the lowest levels are dropped); writing goes on by itself when it is possible again.`,
      })
    },
    onLoss: tellLoss,
    onRecovered: (loss) => {
      if (!told && loss.dropped === 0) return
      const lost = loss.dropped === 0 ? 'nothing was lost' : `${loss.dropped} records were lost`
      host.report({ code: 'recovered', message: `${path} is written again; ${lost}.`, dropped: loss.dropped })
      if (loss.dropped > 0) batch.add(lossLine(host, name, loss, cause()), WARN)
    },
  })

  function cause(): string {
    return writer.error?.message ?? 'a write came back short'
  }

  function tellLoss(loss: Loss, final: boolean): void {
    const message = final
      ? `${loss.dropped} records for ${path} were lost (${lossByLevel(loss)}): ${cause()}.`
      : `the memory held for ${path} is full; records are being lost, lowest levels first, until it can be written: ${cause()}.`
    host.report({ code: 'dropped', message, dropped: loss.dropped })
  }

  return {
    name,
    level: levelNumber(options.level),
    attach(given) {
      host = guardedHost(given, name)
    },
    write: batch.add,
    flushSync() {
      batch.flush()
    },
    flush: batch.drained,
    async close() {
      await batch.close(RETRY_MS)
      writer.close()
    },
    stats: () => ({
      records: batch.records,
      bytes: writer.bytes,
      dropped: batch.dropped,
      buffered: batch.buffered,
      lastError: writer.error?.message,
    }),
  }
}
