import { allVariables } from './identity-variables.ts'
import { nearest } from './nearest.ts'
import type { Settings } from './settings.ts'
import type { Variable } from './variable.ts'
import { type RawSettings, SETTING_VARIABLES } from './variables.ts'
import { describeValue } from './visible.ts'

/** What is wrong with an environment variable. */
export interface EnvironmentProblem {
  readonly variable: string
  /** As it was written; only the wrong parts of a list. */
  readonly value: string
  /** What is accepted. */
  readonly accepted: string
  /** What is used instead. */
  readonly used: string
}

/** The one line that tells the operator about it. */
export function describeProblem({ variable, value, accepted, used }: EnvironmentProblem): string {
  return `${variable}=${describeValue(variable, value)} is not understood; accepted: ${accepted}; used: ${used}`
}

/**
 * Reads the settings from the environment. Never throws: what is wrong is told through `warn`, once for each
 * variable, and the default is used, or what was right of a list. Empty is unset. A LOG_ variable whose name
 * is nearly one of ours is told about too.
 */
export function readEnvironment(
  env: NodeJS.ProcessEnv,
  warn: (problem: EnvironmentProblem) => void,
): Settings {
  const raw = {} as Record<string, unknown>
  for (const [setting, variable] of Object.entries(SETTING_VARIABLES)) {
    raw[setting] = readVariable(env, variable as Variable<unknown>, warn)
  }
  warnOfMisspellings(env, warn)
  return settingsOf(raw as unknown as RawSettings)
}

function readVariable<T>(
  env: NodeJS.ProcessEnv,
  variable: Variable<T>,
  warn: (problem: EnvironmentProblem) => void,
): T | undefined {
  const text = env[variable.name]?.trim()
  if (text === undefined || (text === '' && variable.emptyCounts !== true)) return variable.fallback
  const { value, wrong } = variable.kind.parse(text)
  if (wrong.length > 0) {
    warn({
      variable: variable.name,
      value: wrong.join(','),
      accepted: variable.kind.accepted,
      used: describeUsed(variable, value, text, wrong),
    })
  }
  return value ?? variable.fallback
}

function describeUsed<T>(
  variable: Variable<T>,
  value: T | undefined,
  text: string,
  wrong: readonly string[],
): string {
  if (value === undefined) return variable.default
  if (typeof value === 'string') return value
  const parts = text.split(',').filter((part) => part.trim() !== '').length
  return parts > wrong.length ? `what is right in it, and ${variable.default} elsewhere` : variable.default
}

// Callers may change what they get; the defaults stay as they are.
function copyOf<T>(entries: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null), entries)
}

function settingsOf(raw: RawSettings): Settings {
  const { level, forceColor, noColor, nodeEnv, ...rest } = raw
  const development = nodeEnv?.toLowerCase() === 'development'
  return {
    ...rest,
    level: level.level ?? 'info',
    levels: copyOf(level.components),
    keys: copyOf(raw.keys),
    labels: copyOf(raw.labels),
    httpHeaders: copyOf(raw.httpHeaders),
    color: forceColor ?? (noColor === true ? false : undefined),
    source: raw.source ?? (development ? 'all' : 'warn'),
    development,
    production: nodeEnv?.toLowerCase() === 'production',
  }
}

const PREFIX = 'LOG_'

function warnOfMisspellings(env: NodeJS.ProcessEnv, warn: (problem: EnvironmentProblem) => void): void {
  const ours = allVariables()
    .filter(({ name }) => name.startsWith(PREFIX))
    .map(({ name }) => name)
  const suffixes = ours.map((name) => name.slice(PREFIX.length))
  for (const name of Object.keys(env)) {
    const value = env[name]
    if (!name.startsWith(PREFIX) || ours.includes(name) || value === undefined || value === '') continue
    const meant = nearest(name.slice(PREFIX.length), suffixes)
    if (meant === undefined) continue
    const known = `${PREFIX}${meant}`
    warn({ variable: name, value, accepted: `the variable is called ${known}`, used: 'nothing of it' })
  }
}
