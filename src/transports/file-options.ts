import { Buffer } from 'node:buffer'
import { basename, dirname, join, resolve } from 'node:path'
import {
  bytesOf,
  type Check,
  checkOptions,
  isBoolean,
  isDuration,
  isFunction,
  isLevel,
  isOneOf,
  isSize,
  isString,
  millisecondsOf,
  type OptionsSpec,
} from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import type { LevelOrSilent } from '../config/levels.ts'
import { type ExpandedPath, expandPath } from '../config/placeholders.ts'
import {
  COMPRESS_ACCEPTED,
  type CompressAfter,
  isRetentionSpec,
  KEEP_ALL,
  parseCompress,
  parseRetention,
  RETENTION_ACCEPTED,
  type RetentionPolicy,
  type RetentionSpec,
  retentionPolicy,
} from '../config/retention.ts'
import type { Fsync } from '../segments/log-file.ts'
import {
  type Compression,
  LONGEST_NAME_BYTES,
  type RotatePeriod,
  type RotateTimeZone,
} from '../segments/names.ts'
import type { Transport, TransportStats } from './transport.ts'

export interface FileTransportOptions {
  /**
   * The live file; any number of processes may name the same one. Its directory is made if it is missing.
   * `{pid}` and `{instance}` (NODE_APP_INSTANCE, WORKER_ID or MACHINE_ID) in it are filled in, for network mounts.
   */
  path: string
  /** The transport's name in stats and on stderr. @default 'file' */
  name?: string | undefined
  /** Lowest level written. @default all */
  level?: LevelOrSilent | undefined
  /** Size at which a new file begins, as bytes or '100MB'; 'off', false and Infinity for none. @default '100MB' */
  maxSize?: number | string | false | undefined
  /** How often a new file begins besides. @default 'daily' */
  rotate?: RotatePeriod | undefined
  /** Whose midnight. @default 'local' */
  timeZone?: RotateTimeZone | undefined
  /**
   * When done files are compressed: past an age ('7d', in ms { age }), all but the newest so many (3), or 'off'.
   *
   * @default '7d'
   */
  compress?: string | number | false | CompressAfter | undefined
  /** How. Where Node has no zstd (before 22.15) it is gzip, which is told. @default 'gzip' */
  compressFormat?: Compression | undefined
  /**
   * What may be deleted, as LOG_RETENTION: 'default', '30d', 'debug=3d,info=14d,error=365d', 'count=20',
   * 'size=10GB', 'free=10%', separated by commas. A file is kept as long as the longest of its levels asks.
   *
   * @default 'off': nothing is ever deleted
   */
  retention?: string | RetentionSpec | undefined
  /** Which presets 'default' means. @default 'production' where NODE_ENV is, else 'development' */
  environment?: 'production' | 'development' | undefined
  /** Total size past which it warns, where nothing is deleted by size. @default '10GB' */
  warnSize?: number | string | undefined
  /**
   * Levels in files of their own: trace and debug in `app.debug.log`, error and fatal in `app.error.log`, the
   * rest in `app.log`. Each has its own retention.
   *
   * @default false
   */
  split?: boolean | undefined
  /** A symbolic link to the live file: a name, for one beside it, or a path. @default none */
  symlink?: string | undefined
  /**
   * When records are handed to the kernel, after which the process's death can't take them: 'turn', at the end
   * of the event-loop turn, error and above at once; 'record', each before its call returns; 'interval', by a
   * thread of its own every `intervalMs`, for disks that are slow: a SIGKILL takes what is on its way.
   *
   * @default 'turn'
   */
  durability?: 'turn' | 'record' | 'interval' | undefined
  /** For durability 'interval', ms or '100ms'. @default 100 */
  intervalMs?: number | string | undefined
  /**
   * When they are made to survive a crash of the machine (fdatasync): 'never', when the kernel likes (after some
   * 30 s); 'interval', every `fsyncMs` without waiting; 'error', after each record of level error or above,
   * with all before it; 'always', after each write. The last two wait for the disk.
   *
   * @default 'never'
   */
  fsync?: Fsync | undefined
  /** For fsync 'interval', ms or '1s'. @default 1000 */
  fsyncMs?: number | string | undefined
  /** Permissions of the files made, less the umask. @default 0o640 */
  mode?: number | undefined
  /** Permissions of the directories made, less the umask. @default 0o750 */
  directoryMode?: number | undefined
  /** How much is held in memory while the file can't be written, in UTF-16 units or as '16MB'. @default '16MB' */
  bufferLimit?: number | string | undefined
  /** How long a done file must have stood still before it is compressed or deleted, ms or '10s'. @default 10000 */
  settleMs?: number | string | undefined
  /** The clock, epoch ms, for tests; a thread (durability 'interval') has its own. @default Date.now */
  now?: (() => number) | undefined
}

/** A file transport: a transport that can also be told to begin a new file. */
export interface FileTransport extends Transport {
  /** Begins a new file now, if there is anything in the present one. Never throws. */
  rotate(): void
  reopen(): void
  stats(): FileStats
}

export interface FileStats extends TransportStats {
  /** Files that this transport rotated. */
  readonly rotated: number
  /** Files that it compressed. */
  readonly compressed: number
  /** Files that it deleted, because of retention. */
  readonly deleted: number
  /** Lines in deleted files that a reader had still to read. */
  readonly deletedUnread: number
}

/** The options with all that was left out. */
export interface FileSettings {
  readonly name: string
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  readonly compressFormat: Compression
  readonly durability: 'turn' | 'record' | 'interval'
  readonly fsync: Fsync
  readonly mode: number
  readonly directoryMode: number
  readonly now: () => number
  readonly path: string
  readonly stem: RegExp | undefined
  readonly level: LevelOrSilent | undefined
  readonly maxSize: number
  readonly compress: CompressAfter
  readonly retention: RetentionPolicy
  readonly warnSize: number
  readonly symlink: string | undefined
  readonly intervalMs: number
  readonly fsyncMs: number
  readonly bufferLimit: number
  readonly settleMs: number
}

const MODE_LIMIT = 0o7777
const MEGABYTE = 1024 * 1024

const isCompress: Check = {
  expected: COMPRESS_ACCEPTED,
  accepts: (value) => compressOf(value) !== undefined,
}
const isMaxSize: Check = {
  expected: "a size: a number of bytes, or a string such as 100MB; 'off' for none",
  accepts: (value) => maxSizeOf(value) !== undefined,
}
const isFileMode = modeFor('a file', 0o600)
const isDirectoryMode = modeFor('a directory', 0o700)

/** A decimal 640 is 0o1200, with which the service could not read its own file. */
function modeFor(what: string, needed: number): Check {
  return {
    expected: `the permissions of ${what}, which let its owner use it, in octal: 0o${(needed | 0o040).toString(8)}`,
    accepts: (value) =>
      Number.isInteger(value) &&
      (value as number) >= 0 &&
      (value as number) <= MODE_LIMIT &&
      ((value as number) & needed) === needed,
  }
}
const isPath: Check = {
  expected: `the path of a file, whose name has at most ${LONGEST_NAME_BYTES} bytes`,
  accepts: (value) =>
    typeof value === 'string' &&
    value !== '' &&
    !/[/\\]$/.test(value) &&
    Buffer.byteLength(basename(value)) <= LONGEST_NAME_BYTES,
}
const isRetention: Check = {
  expected: RETENTION_ACCEPTED,
  accepts: (value) =>
    typeof value === 'string' ? parseRetention(value).wrong.length === 0 : isRetentionSpec(value),
}

const SPEC: OptionsSpec<FileTransportOptions> = {
  path: isPath,
  name: isString,
  level: isLevel,
  maxSize: isMaxSize,
  rotate: isOneOf('daily', 'hourly', 'weekly', 'off'),
  timeZone: isOneOf('local', 'utc'),
  compress: isCompress,
  compressFormat: isOneOf('gzip', 'zstd'),
  retention: isRetention,
  environment: isOneOf('production', 'development'),
  warnSize: isSize,
  split: isBoolean,
  symlink: isString,
  durability: isOneOf('turn', 'record', 'interval'),
  intervalMs: isDuration,
  fsync: isOneOf('never', 'interval', 'error', 'always'),
  fsyncMs: isDuration,
  mode: isFileMode,
  directoryMode: isDirectoryMode,
  bufferLimit: isSize,
  settleMs: isDuration,
  now: isFunction,
}

/**
 * Checks the options and fills in what was left out.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong
 */
export function fileSettings(options: FileTransportOptions): FileSettings {
  checkOptions(options, SPEC, 'fileTransport')
  if (options?.path === undefined) {
    throw optionError({ option: 'fileTransport({ path })', value: undefined, expected: 'the path of a file' })
  }
  const { path, stem } = placeOf(options.path)
  return {
    path,
    stem,
    name: options.name ?? 'file',
    level: options.level,
    maxSize: maxSizeOf(options.maxSize ?? 100 * MEGABYTE) ?? Number.POSITIVE_INFINITY,
    rotate: options.rotate ?? 'daily',
    timeZone: options.timeZone ?? 'local',
    compress: compressOf(options.compress ?? '7d') ?? 'off',
    compressFormat: options.compressFormat ?? 'gzip',
    retention: policyOf(options),
    warnSize: bytesOf(options.warnSize ?? 10 * 1024 * MEGABYTE) ?? 0,
    symlink: linkOf(options.symlink, path),
    durability: options.durability ?? 'turn',
    intervalMs: millisecondsOf(options.intervalMs ?? 100) ?? 0,
    fsync: options.fsync ?? 'never',
    fsyncMs: millisecondsOf(options.fsyncMs ?? 1000) ?? 0,
    mode: options.mode ?? 0o640,
    directoryMode: options.directoryMode ?? 0o750,
    bufferLimit: bytesOf(options.bufferLimit ?? 16 * MEGABYTE) ?? 0,
    settleMs: millisecondsOf(options.settleMs ?? 10_000) ?? 0,
    now: options.now ?? Date.now,
  }
}

// Resolved once, so that a service that changes its working directory goes on with the same file.
function placeOf(path: string): ExpandedPath {
  const expanded = expandPath(path, process.env, 'fileTransport({ path })')
  return { ...expanded, path: resolve(expanded.path) }
}

function linkOf(link: string | undefined, path: string): string | undefined {
  if (link === undefined) return undefined
  return basename(link) === link ? join(dirname(path), link) : resolve(link)
}

function maxSizeOf(value: unknown): number | undefined {
  if (value === false || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  if (typeof value === 'string' && value.toLowerCase() === 'off') return Number.POSITIVE_INFINITY
  return bytesOf(value as number | string)
}

function compressOf(value: unknown): CompressAfter | undefined {
  if (value === false) return 'off'
  if (typeof value === 'string' || typeof value === 'number') return parseCompress(String(value))
  const { age, files } = (value ?? {}) as { age?: unknown; files?: unknown }
  if (typeof age === 'number' && age >= 0) return { age }
  return Number.isSafeInteger(files) && (files as number) >= 0 ? { files: files as number } : undefined
}

function policyOf({ retention = 'off', environment }: FileTransportOptions): RetentionPolicy {
  const spec = typeof retention === 'string' ? (parseRetention(retention).value ?? KEEP_ALL) : retention
  const production = environment ?? process.env.NODE_ENV?.toLowerCase()
  return retentionPolicy(spec, production === 'production')
}
