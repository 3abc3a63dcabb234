import { millisecondsOf } from '../config/check.ts'
import { describeProblem, type EnvironmentProblem, readEnvironment } from '../config/environment.ts'
import type { HttpFormat } from '../config/formats.ts'
import { type Identity, readIdentity } from '../config/identity.ts'
import { selfLog } from '../config/self-log.ts'
import type { Settings } from '../config/settings.ts'
import { type SamplerWarning, samplerFromEnvironment, useSampler } from '../context/sampler.ts'
import { consoleTransport } from '../transports/console.ts'
import { fileTransport } from '../transports/file.ts'
import { httpTransport } from '../transports/http.ts'
import type { Transport } from '../transports/transport.ts'
import type { GateRules } from './gates.ts'
import { gatesOf, type LoggerOptions } from './options.ts'

/** What a logger does, after code, environment and defaults have had their say. */
export interface Resolved {
  readonly settings: Settings
  readonly identity: Identity | undefined
  readonly transports: readonly Transport[]
  /** Milliseconds past which a timer's record is a warning. */
  readonly slowMs: number
  readonly gates: GateRules
}

function warn(problem: EnvironmentProblem): void {
  selfLog(`config.${problem.variable}`, describeProblem(problem))
}

function warnOfSampler({ variable, value, expected, used }: SamplerWarning): void {
  warn({ variable, value, accepted: expected, used })
}

/** Code beats environment beats default. Never throws for what the environment says. */
export function resolveOptions(options: LoggerOptions): Resolved {
  const env = options.env ?? process.env
  const settings = readEnvironment(env, warn)
  if (env.OTEL_TRACES_SAMPLER) useSampler(samplerFromEnvironment(env, warnOfSampler))
  const given = options.identity
  const identity = given === false ? undefined : readIdentity(env, { identity: given, warn })
  const transports = options.transports ?? environmentTransports(settings)
  const slowMs = options.slowMs === undefined ? undefined : millisecondsOf(options.slowMs)
  const gates = gatesOf(options, settings)
  return { settings, identity, transports, slowMs: slowMs ?? settings.slowMs, gates }
}

/** A transport that can't be made is told about; the others work. */
function environmentTransports(settings: Settings): Transport[] {
  const { file } = settings
  const transports: Transport[] = []
  const add = (variable: string, make: () => Transport): void => {
    try {
      transports.push(make())
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      selfLog(`config.${variable}`, `${variable} can't be followed: ${why} The other transports work.`)
    }
  }
  if (settings.console) add('LOG_CONSOLE', () => consoleOf(settings))
  if (file !== undefined) add('LOG_FILE', () => fileOf(file, settings))
  if (isShipped(settings)) add('LOG_HTTP_URL', () => httpOf(settings))
  else if (lacksUrl(settings)) {
    const { httpFormat } = settings
    selfLog(
      'config.LOG_HTTP_FORMAT',
      `LOG_HTTP_FORMAT=${httpFormat} needs LOG_HTTP_URL: nothing is shipped. Say where to, such as LOG_HTTP_URL=https://logs.example.com.`,
    )
  }
  return transports
}

// These find their endpoint in variables of their own, once they are asked for.
const FIND_THEMSELVES: readonly (HttpFormat | undefined)[] = ['otlp', 'dash0', 'datadog', 'cloudwatch']

function isShipped({ http, httpDisabled, httpUrl, httpFormat }: Settings): boolean {
  return http && !httpDisabled && (httpUrl !== undefined || FIND_THEMSELVES.includes(httpFormat))
}

function lacksUrl({ http, httpDisabled, httpUrl, httpFormat }: Settings): boolean {
  return http && !httpDisabled && httpUrl === undefined && httpFormat !== undefined
}

function httpOf(settings: Settings): Transport {
  return httpTransport({
    url: settings.httpUrl,
    format: settings.httpFormat,
    token: settings.httpToken,
    headers: settings.httpHeaders,
    labels: Object.keys(settings.labels),
    tenant: settings.httpTenant,
    index: settings.httpIndex,
    level: settings.httpLevel,
    spoolDir: settings.spoolDir,
    spoolMax: settings.spoolMax,
    spoolAge: settings.spoolAge,
    allowInsecure: settings.httpInsecure,
    ca: settings.httpCa,
    cert: settings.httpCert,
    key: settings.httpKey,
    exitWaitMs: settings.httpExitWait,
  })
}

function consoleOf({ format, consoleLevel, color }: Settings): Transport {
  return consoleTransport({ format, level: consoleLevel, color })
}

function fileOf(path: string, settings: Settings): Transport {
  return fileTransport({
    path,
    level: settings.fileLevel,
    maxSize: settings.fileMaxSize,
    rotate: settings.fileRotate,
    timeZone: settings.fileTimeZone,
    mode: settings.fileMode,
    split: settings.fileSplit,
    durability: settings.fileDurability,
    fsync: settings.fileFsync,
    symlink: settings.fileSymlink,
    compress: settings.compress,
    compressFormat: settings.compressFormat,
    retention: settings.retention,
    environment: settings.production ? 'production' : 'development',
  })
}
