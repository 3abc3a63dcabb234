import { basename, dirname, extname, join, resolve } from 'node:path'
import {
  bytesOf,
  type Check,
  checkOptions,
  isDuration,
  isOneOf,
  isSize,
  isString,
  millisecondsOf,
  type OptionsSpec,
} from '../../config/check.ts'
import { optionError } from '../../config/errors.ts'
import { expandPath } from '../../config/placeholders.ts'
import { type CompressAfter, type RetentionPolicy, retentionPolicy } from '../../config/retention.ts'
import type { Settings } from '../../config/settings.ts'
import type { Compression, RotatePeriod, RotateTimeZone } from '../../segments/names.ts'

/** What a logger can be told of its audit log; the environment fills what is left out. */
export interface AuditOptions {
  /** The file. @default LOG_AUDIT_FILE, else beside LOG_FILE: `app.audit.log` for `app.log` */
  readonly path?: string | undefined
  /**
   * A file that keeps the number and the hash of the last record that is durable, so that `verify` sees a log that was
   * cut at its end. Its directory must be there; keep it where who could cut the log can't write.
   *
   * @default LOG_AUDIT_HEAD, else none
   */
  readonly head?: string | undefined
  /** The secret for HMAC-SHA-256, 16 characters or more. @default LOG_AUDIT_KEY, else that of keyFile */
  readonly key?: string | undefined
  /** A file with the secret. @default LOG_AUDIT_KEY_FILE, else none: plain SHA-256 */
  readonly keyFile?: string | undefined
  /** How long done files are kept: ms or '7y'. @default LOG_RETENTION's audit=, 7 years for its presets, else for ever */
  readonly retention?: number | string | undefined
  /** Size at which a new file begins, bytes or '100MB'. @default LOG_FILE_MAX_SIZE, else '100MB' */
  readonly maxSize?: number | string | undefined
  /** How often a new file begins besides. @default LOG_FILE_ROTATE, else 'daily' */
  readonly rotate?: RotatePeriod | undefined
}

const SPEC: OptionsSpec<AuditOptions> = {
  path: isString,
  head: isString,
  key: isString,
  keyFile: isString,
  retention: isDuration,
  maxSize: isSize,
  rotate: isOneOf('daily', 'hourly', 'weekly', 'off'),
}

/** For the check of a logger's options. */
export const isAuditOptions: Check = {
  expected: 'an object of options: path, head, key, keyFile, retention, maxSize, rotate',
  accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  inside: SPEC as Readonly<Record<string, Check>>,
}

/** An audit log with all that was left out. */
export interface AuditSettings {
  /** Absolute. */
  readonly path: string
  readonly head: string | undefined
  readonly key: string | undefined
  readonly keyFile: string | undefined
  readonly mode: number
  readonly directoryMode: number
  readonly maxSize: number
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  readonly compress: CompressAfter
  readonly compressFormat: Compression
  readonly retention: RetentionPolicy
  readonly now: () => number
}

const DIRECTORY_MODE = 0o750

/**
 * Puts together what code and environment say. Undefined where neither names a file.
 *
 * @param settings the environment's
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong
 */
export function auditSettings(
  options: AuditOptions,
  settings: Settings,
  env: NodeJS.ProcessEnv,
  now: () => number,
): AuditSettings | undefined {
  checkOptions(options, SPEC, 'createLogger({ audit })')
  const named = pathOf(options, settings, env)
  if (named === undefined) return undefined
  const path = resolve(named)
  const head = options.head ?? settings.auditHead
  refuseOthers(path, head, settings.file)
  // A secret in the code stands before a file that the environment names.
  const fromCode = options.key !== undefined || options.keyFile !== undefined
  return {
    path,
    head: head === undefined ? undefined : resolve(head),
    key: fromCode ? options.key : settings.auditKey,
    keyFile: fromCode ? options.keyFile : settings.auditKeyFile,
    mode: settings.fileMode,
    directoryMode: DIRECTORY_MODE,
    maxSize: options.maxSize === undefined ? settings.fileMaxSize : (bytesOf(options.maxSize) ?? 0),
    rotate: options.rotate ?? settings.fileRotate,
    timeZone: settings.fileTimeZone,
    compress: settings.compress,
    compressFormat: settings.compressFormat,
    retention: retentionOf(options, settings),
    now,
  }
}

function refuseOthers(path: string, head: string | undefined, file: string | undefined): void {
  const other = [head, file].find((one) => one !== undefined && resolve(one) === path)
  if (other === undefined) return
  const expected = 'a file of its own, neither LOG_FILE nor the head file'
  throw optionError({ option: 'audit.path (LOG_AUDIT_FILE)', value: other, expected })
}

function pathOf(
  { path }: AuditOptions,
  settings: Pick<Settings, 'auditFile' | 'file'>,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const named = path ?? settings.auditFile
  if (named !== undefined) return expandPath(named, env, 'audit.path').path
  return settings.file === undefined
    ? undefined
    : auditPathFor(expandPath(settings.file, env, 'LOG_FILE').path)
}

/** `logs/app.audit.log` for `logs/app.log`. */
export function auditPathFor(file: string): string {
  return join(dirname(file), `${basename(file, extname(file))}.audit.log`)
}

/** By age alone: neither a count nor a size may shorten an audit log. */
function retentionOf({ retention }: AuditOptions, settings: Settings): RetentionPolicy {
  const own = retention === undefined ? undefined : millisecondsOf(retention)
  const policy =
    settings.retention === undefined ? undefined : retentionPolicy(settings.retention, settings.production)
  const audit = own ?? policy?.age.audit
  return { age: audit === undefined || audit === 0 ? {} : { audit } }
}
