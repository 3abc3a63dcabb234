import type { HttpFormat } from './formats.ts'
import type { BufferRules, RateLimit, SampleRules } from './gates.ts'
import type { LevelOrSilent } from './levels.ts'
import type { Propagation, Trust } from './lists.ts'
import type { CompressAfter, RetentionSpec } from './retention.ts'

/**
 * What the environment says, checked, defaults filled in. Code options beat it. A field is undefined where
 * the variable is unset and the default depends on something else, which its description names.
 */
export interface Settings {
  /** Level of all that has none of its own. @default 'info' */
  level: LevelOrSilent
  /** Levels by component; without a prototype, so that a component may have any name. @default {} */
  levels: Record<string, LevelOrSilent>
  /** How stdout looks; auto is pretty on a terminal and JSON elsewhere. @default 'auto' */
  format: 'json' | 'pretty' | 'auto'
  /** Whether records go to stdout at all. @default true */
  console: boolean
  /** Lowest level on stdout. @default undefined: all that the logger lets through */
  consoleLevel: LevelOrSilent | undefined
  /** Colours: FORCE_COLOR, else NO_COLOR. @default undefined: as the terminal says */
  color: boolean | undefined
  /** Path of the log file. @default undefined: no file */
  file: string | undefined
  /** Lowest level in the file. @default undefined: all that the logger lets through */
  fileLevel: LevelOrSilent | undefined
  /** Bytes at which the file is rotated; Infinity is never. @default 104857600 (100MB) */
  fileMaxSize: number
  /** Period after which the file is rotated. @default 'daily' */
  fileRotate: 'daily' | 'hourly' | 'weekly' | 'off'
  /** Whose midnight ends a period. @default 'local' */
  fileTimeZone: 'local' | 'utc'
  /** Permission bits of a new file. @default 0o640 */
  fileMode: number
  /** Whether levels go to files of their own. @default false */
  fileSplit: boolean
  /** When records are handed to the kernel. @default 'turn' */
  fileDurability: 'turn' | 'record' | 'interval'
  /** When they are synced to the disk. @default 'never' */
  fileFsync: 'never' | 'interval' | 'error' | 'always'
  /** Name of the link to the live file. @default undefined: none */
  fileSymlink: string | undefined
  /** When done files are compressed. @default after 7 days */
  compress: CompressAfter
  /** How they are. @default 'gzip' */
  compressFormat: 'gzip' | 'zstd'
  /** What may be deleted. @default undefined: nothing */
  retention: RetentionSpec | undefined
  /** Path of the audit log. @default undefined: beside the file */
  auditFile: string | undefined
  /** Path of the audit log's head. @default undefined: none */
  auditHead: string | undefined
  /** Secret of the audit log. @default undefined: none */
  auditKey: string | undefined
  /** Path of the file with that secret. @default undefined: none */
  auditKeyFile: string | undefined
  /** Whether records are shipped, where an address or a format asks for it. @default true */
  http: boolean
  /** Another switch of the same. @default false */
  httpDisabled: boolean
  /** Where to. @default undefined: nothing is shipped */
  httpUrl: string | undefined
  /** What that is. @default undefined: by its path, else ndjson */
  httpFormat: HttpFormat | undefined
  httpToken: string | undefined
  /** Without a prototype. @default {} */
  httpHeaders: Record<string, string>
  /** Lowest level that is shipped. @default undefined: all that the logger lets through */
  httpLevel: LevelOrSilent | undefined
  httpTenant: string | undefined
  httpIndex: string | undefined
  /** Whether http: may be used beyond this machine. @default false */
  httpInsecure: boolean
  /** PEM files. @default undefined: none of our own */
  httpCa: string | undefined
  httpCert: string | undefined
  httpKey: string | undefined
  /** Ms that an orderly end waits for deliveries. @default 0 */
  httpExitWait: number
  /** @default undefined: .spool beside the file, else logs/.spool */
  spoolDir: string | undefined
  /** Bytes of the whole spool directory; Infinity is no bound. @default 1073741824 (1GB) */
  spoolMax: number
  /** Ms that records wait at most; Infinity is for ever. @default 604800000 (7d) */
  spoolAge: number
  /** The signal at which files are opened anew. @default 'off' */
  reopenSignal: 'SIGHUP' | 'SIGUSR2' | 'off'
  /** Names of the record's keys. @default 'default' */
  schema: 'default' | 'ecs' | 'gcp' | 'datadog' | 'pino'
  /** New names by old name, without a prototype. @default {} */
  keys: Record<string, string>
  /** Constant fields of every record, without a prototype. @default {} */
  labels: Record<string, string>
  /** Which records say where they were made. @default 'all' where NODE_ENV is development, else 'warn' */
  source: 'off' | 'warn' | 'all'
  /** Records of start and end. @default undefined: where there is a transport besides the console */
  lifecycle: boolean | undefined
  /** Milliseconds past which a request or timer is slow; Infinity is never. @default 2000 */
  slowMs: number
  /** How many records may come. @default false: as many as there are */
  rateLimit: RateLimit | false
  /** Which share of them is kept. @default false: all */
  sample: SampleRules | false
  /** What waits until a request has ended. @default false: nothing */
  buffer: BufferRules | false
  /** Who may send ids. @default undefined: valid ids from everybody, x-log-debug from nobody */
  trust: Trust | undefined
  /** Whose requests carry our headers. @default undefined: 'own' once requestLogger is used, else 'off' */
  propagate: Propagation | undefined
  /** What becomes of secrets. @default 'on' */
  redact: 'on' | 'hash' | 'remove' | 'off'
  /** Key of the hashes. @default undefined: nothing is hashed */
  redactKey: string | undefined
  /** Keys that hide besides spoor's own. @default [] */
  redactKeys: readonly string[]
  /** Keys that hide nothing though a rule says so. @default [] */
  redactExcept: readonly string[]
  /** What becomes of user_id and session_id. @default 'keep' */
  redactIds: 'keep' | 'hash'
  /** Characters of a text; Infinity is no bound. @default 16384 */
  maxString: number
  /** Keys of an object; Infinity is no bound. @default 256 */
  maxKeys: number
  /** Levels of objects below a field. @default 10 */
  maxDepth: number
  /** Bytes of a line; Infinity is no bound. @default 64000 */
  maxRecord: number
  /** What happens at SIGTERM and SIGINT. @default 'off': no listener */
  signals: 'flush' | 'off'
  /** True where NODE_ENV is development. */
  development: boolean
  /** True where NODE_ENV is production. */
  production: boolean
  /** Google Cloud's project, for the names of traces in schema gcp. */
  googleProject: string | undefined
}
