import { describeProblem, type EnvironmentProblem, readEnvironment } from '../config/environment.ts'
import { type Identity, readIdentity } from '../config/identity.ts'
import { selfLog } from '../config/self-log.ts'
import type { Settings } from '../config/settings.ts'
import { consoleTransport } from '../transports/console.ts'
import { fileTransport } from '../transports/file.ts'
import type { Transport } from '../transports/transport.ts'
import type { LoggerOptions } from './options.ts'

/** What a logger does, after code, environment and defaults have had their say. */
export interface Resolved {
  readonly settings: Settings
  readonly identity: Identity | undefined
  readonly transports: readonly Transport[]
}

function warn(problem: EnvironmentProblem): void {
  selfLog(`config.${problem.variable}`, describeProblem(problem))
}

/** Code beats environment beats default. Never throws for what the environment says. */
export function resolveOptions(options: LoggerOptions): Resolved {
  const env = options.env ?? process.env
  const settings = readEnvironment(env, warn)
  const given = options.identity
  const identity = given === false ? undefined : readIdentity(env, { identity: given, warn })
  return { settings, identity, transports: options.transports ?? environmentTransports(settings) }
}

/** A transport that can't be made is told about; the others work. */
function environmentTransports(settings: Settings): Transport[] {
  const transports: Transport[] = []
  if (settings.console) {
    transports.push(
      consoleTransport({
        format: settings.format,
        level: settings.consoleLevel,
        color: settings.color,
      }),
    )
  }
  if (settings.file !== undefined) {
    transports.push(
      fileTransport({
        path: settings.file,
        level: settings.fileLevel,
        maxSize: settings.fileMaxSize,
        rotate: settings.fileRotate,
        timeZone: settings.fileTimeZone,
        mode: settings.fileMode,
      }),
    )
  }
  return transports
}
