import { GATE_VARIABLES } from './gate-variables.ts'
import { HTTP_VARIABLES } from './http-variables.ts'
import * as kinds from './kinds.ts'
import type { LevelSpec } from './levels.ts'
import { REDACT_VARIABLES } from './redact-variables.ts'
import type { Settings } from './settings.ts'
import type { Variable, VariableDoc } from './variable.ts'

/** The variables' values before some of them are put together into a setting. */
export interface RawSettings
  extends Omit<Settings, 'level' | 'levels' | 'color' | 'development' | 'production'> {
  level: LevelSpec
  forceColor: boolean | undefined
  noColor: boolean | undefined
  nodeEnv: string | undefined
}

type SettingVariables = { readonly [K in keyof RawSettings]-?: Variable<NonNullable<RawSettings[K]>> }

const MEGABYTE = 1024 ** 2
const DAY = 24 * 60 * 60 * 1000

/** Settings by name, in the order of the docs. */
export const SETTING_VARIABLES: SettingVariables = {
  level: {
    name: 'LOG_LEVEL',
    option: 'level, levels',
    kind: kinds.levels,
    fallback: { level: 'info', components: Object.create(null), problems: [] },
    default: 'info',
    doc: 'The lowest level that is logged, and levels of components: `info,db=debug,http.client=warn`.',
  },
  format: {
    name: 'LOG_FORMAT',
    option: 'consoleTransport({ format })',
    kind: kinds.format,
    fallback: 'auto',
    default: 'auto',
    doc: 'How stdout looks: auto is pretty on a terminal and JSON elsewhere.',
  },
  console: {
    name: 'LOG_CONSOLE',
    option: 'transports',
    kind: kinds.boolean,
    fallback: true,
    default: 'on',
    doc: 'Whether records go to stdout.',
  },
  consoleLevel: {
    name: 'LOG_CONSOLE_LEVEL',
    option: 'consoleTransport({ level })',
    kind: kinds.level,
    fallback: undefined,
    default: 'all that LOG_LEVEL lets through',
    doc: 'The lowest level on stdout.',
  },
  file: {
    name: 'LOG_FILE',
    option: 'fileTransport({ path })',
    kind: kinds.path,
    fallback: undefined,
    default: 'no file',
    doc: 'The file that records are appended to.',
  },
  fileLevel: {
    name: 'LOG_FILE_LEVEL',
    option: 'fileTransport({ level })',
    kind: kinds.level,
    fallback: undefined,
    default: 'all that LOG_LEVEL lets through',
    doc: 'The lowest level in the file.',
  },
  fileMaxSize: {
    name: 'LOG_FILE_MAX_SIZE',
    option: 'fileTransport({ maxSize })',
    kind: kinds.size,
    fallback: 100 * MEGABYTE,
    default: '100MB',
    doc: 'The size at which the file is rotated.',
  },
  fileRotate: {
    name: 'LOG_FILE_ROTATE',
    option: 'fileTransport({ rotate })',
    kind: kinds.oneOf('daily', 'hourly', 'weekly', 'off'),
    fallback: 'daily',
    default: 'daily',
    doc: 'The period after which the file is rotated.',
  },
  fileTimeZone: {
    name: 'LOG_FILE_TZ',
    option: 'fileTransport({ timeZone })',
    kind: kinds.oneOf('local', 'utc'),
    fallback: 'local',
    default: 'local',
    doc: 'Whose midnight ends a period.',
  },
  fileMode: {
    name: 'LOG_FILE_MODE',
    option: 'fileTransport({ mode })',
    kind: kinds.mode,
    fallback: 0o640,
    default: '0640',
    doc: 'The permissions of a new file.',
  },
  fileSplit: {
    name: 'LOG_FILE_SPLIT',
    option: 'fileTransport({ split })',
    kind: kinds.boolean,
    fallback: false,
    default: 'off',
    doc: 'On: debug and trace go to `app.debug.log`, error and fatal to `app.error.log`, the rest to `app.log`.',
  },
  fileDurability: {
    name: 'LOG_FILE_DURABILITY',
    option: 'fileTransport({ durability })',
    kind: kinds.oneOf('turn', 'record', 'interval'),
    fallback: 'turn',
    default: 'turn',
    doc: 'When records are handed to the kernel: at the end of the event-loop turn, each at once, or by a thread every 100 ms.',
  },
  fileFsync: {
    name: 'LOG_FILE_FSYNC',
    option: 'fileTransport({ fsync })',
    kind: kinds.oneOf('never', 'interval', 'error', 'always'),
    fallback: 'never',
    default: 'never',
    doc: 'When they are made to survive a crash of the machine: when the kernel likes, once a second, after an error, after each write.',
  },
  fileSymlink: {
    name: 'LOG_FILE_SYMLINK',
    option: 'fileTransport({ symlink })',
    kind: kinds.path,
    fallback: undefined,
    default: 'none',
    doc: 'A symbolic link beside the file that is kept pointing to it, such as `current.log`.',
  },
  compress: {
    name: 'LOG_COMPRESS',
    option: 'fileTransport({ compress })',
    kind: kinds.compress,
    fallback: { age: 7 * DAY },
    default: '7d',
    doc: 'When done files are compressed: past an age, or all but the newest so many.',
  },
  compressFormat: {
    name: 'LOG_COMPRESS_FORMAT',
    option: 'fileTransport({ compressFormat })',
    kind: kinds.oneOf('gzip', 'zstd'),
    fallback: 'gzip',
    default: 'gzip',
    doc: 'How they are compressed; zstd needs Node 22.15 or later.',
  },
  retention: {
    name: 'LOG_RETENTION',
    option: 'fileTransport({ retention })',
    kind: kinds.retention,
    fallback: undefined,
    default: 'off: nothing is ever deleted',
    doc: 'How long done files are kept, how many, and how much room they may take.',
  },
  auditFile: {
    name: 'LOG_AUDIT_FILE',
    option: 'audit.path',
    kind: kinds.path,
    fallback: undefined,
    default: 'beside LOG_FILE: app.audit.log for app.log',
    doc: 'The file that `logger.audit` appends to.',
  },
  auditHead: {
    name: 'LOG_AUDIT_HEAD',
    option: 'audit.head',
    kind: kinds.path,
    fallback: undefined,
    default: 'none',
    doc: 'A file that keeps the number and the hash of the last audit record, so that a log that was cut at its end is found out.',
  },
  auditKey: {
    name: 'LOG_AUDIT_KEY',
    option: 'audit.key',
    kind: kinds.text,
    fallback: undefined,
    default: 'none: plain SHA-256',
    doc: 'The secret that audit records are hashed with (HMAC-SHA-256), 16 characters or more.',
  },
  auditKeyFile: {
    name: 'LOG_AUDIT_KEY_FILE',
    option: 'audit.keyFile',
    kind: kinds.path,
    fallback: undefined,
    default: 'none',
    doc: 'A file with that secret in it.',
  },
  reopenSignal: {
    name: 'LOG_REOPEN_SIGNAL',
    option: 'reopenSignal',
    kind: kinds.reopenSignal,
    fallback: 'off',
    default: 'off',
    doc: "The signal at which files are opened anew, for logrotate's `postrotate`; the process then outlives it.",
  },
  ...HTTP_VARIABLES,
  schema: {
    name: 'LOG_SCHEMA',
    option: 'schema',
    kind: kinds.oneOf('default', 'ecs', 'gcp', 'datadog', 'pino'),
    fallback: 'default',
    default: 'default',
    doc: "The names of the record's keys.",
  },
  keys: {
    name: 'LOG_KEYS',
    option: 'keys',
    kind: kinds.keys,
    fallback: Object.create(null),
    default: 'none',
    doc: 'Keys to rename: `time:timestamp,msg:message`.',
  },
  labels: {
    name: 'LOG_LABELS',
    option: 'labels',
    kind: kinds.labels,
    fallback: Object.create(null),
    default: 'none',
    doc: 'Constant fields of every record: `miniapp=shop,module=store`.',
  },
  source: {
    name: 'LOG_SOURCE',
    option: 'source',
    kind: kinds.oneOf('off', 'warn', 'all'),
    fallback: undefined,
    default: 'warn; all where NODE_ENV is development',
    doc: 'Which records say in which file, line and function they were made: none, warn and above, or all.',
  },
  lifecycle: {
    name: 'LOG_LIFECYCLE',
    option: 'lifecycle',
    kind: kinds.boolean,
    fallback: undefined,
    default: 'on where there is a transport besides the console',
    doc: 'One record when the service starts, and one at its orderly end.',
  },
  slowMs: {
    name: 'LOG_SLOW_MS',
    option: 'slowMs',
    kind: kinds.milliseconds,
    fallback: 2000,
    default: '2000',
    doc: 'Past this time a request or a timer is slow, and its record a warning.',
  },
  ...GATE_VARIABLES,
  trust: {
    name: 'LOG_TRUST',
    option: 'requestLogger({ trust })',
    kind: kinds.trust,
    fallback: undefined,
    default: 'valid ids from everybody, x-log-debug from nobody',
    doc: 'Who may send request ids and trace contexts, and ask for all records of a request by x-log-debug; where every part is wrong, nobody may.',
  },
  propagate: {
    name: 'LOG_PROPAGATE',
    option: 'requestLogger({ outbound })',
    kind: kinds.propagation,
    fallback: undefined,
    default: 'own once requestLogger is used, else off',
    doc: 'Which hosts get the request id and the trace context of the requests made in a scope.',
  },
  ...REDACT_VARIABLES,
  signals: {
    name: 'LOG_SIGNALS',
    option: 'signals',
    kind: kinds.oneOf('flush', 'off'),
    fallback: 'off',
    default: 'off',
    doc: 'Whether SIGTERM and SIGINT flush before they do what they would have done.',
  },
  forceColor: {
    name: 'FORCE_COLOR',
    option: 'consoleTransport({ color })',
    kind: kinds.forceColor,
    fallback: undefined,
    default: 'as the terminal says',
    doc: 'Colours on or off whatever stdout is; beats NO_COLOR.',
    emptyCounts: true,
  },
  noColor: {
    name: 'NO_COLOR',
    option: 'consoleTransport({ color })',
    kind: kinds.noColor,
    fallback: undefined,
    default: 'as the terminal says',
    doc: 'No colours where it is set to anything.',
  },
  nodeEnv: {
    name: 'NODE_ENV',
    option: 'source; identity.env',
    kind: kinds.text,
    fallback: undefined,
    default: 'none',
    doc: 'With development every record has its source; also the `env` field where nothing below names one.',
  },
  googleProject: {
    name: 'GOOGLE_CLOUD_PROJECT',
    option: 'schema',
    kind: kinds.text,
    fallback: undefined,
    default: 'none',
    doc: 'The project in the names of traces, for `LOG_SCHEMA=gcp`.',
  },
}

/** The settings' variables as the docs show them. */
export const SETTING_DOCS: readonly VariableDoc[] = Object.values(SETTING_VARIABLES).map((variable) => ({
  name: variable.name,
  option: variable.option,
  accepted: variable.kind.accepted,
  default: variable.default,
  doc: variable.doc,
}))
