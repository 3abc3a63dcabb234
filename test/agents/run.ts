import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseStrict } from '../support/strict-json.ts'

/** The logger that the app makes: pino itself, spoor's drop-in, or spoor's own createLogger. */
export type Kind = 'pino' | 'spoor/pino' | 'spoor'
export type Form = 'esm' | 'cjs'
export type Line = Record<string, unknown>

const here = fileURLToPath(new URL('.', import.meta.url))

/** Runs one of the apps in a process of its own; returns what it told, its lines parsed strictly. */
export function run<T>(
  app: string,
  kind: Kind,
  form: Form,
  node: string[] = [],
  env = {},
): T & { lines: Line[] } {
  const done = spawnSync(process.execPath, [...node, `apps/${app}.js`, kind, form], {
    cwd: here,
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LOG_CONSOLE: 'off', LOG_LIFECYCLE: 'off', ...env },
  })
  if (done.status !== 0)
    throw new Error(`${app} with ${kind} (${form}) ended with ${done.status}:\n${done.stderr}`)
  const told = JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '') as T & { lines: string[] }
  for (const line of told.lines) if (!line.endsWith('\n')) throw new Error(`no newline at the end of ${line}`)
  return { ...told, lines: told.lines.map((line) => parseStrict(line)) }
}

/** A record without what differs from run to run. */
export function steady(line: Line): Line {
  const { time, '@timestamp': timestamp, pid, 'process.pid': processPid, responseTime, ...rest } = line
  return rest
}

/** What a spoor record must at least hold, given pino's for the same call: the level by name, no pid of pino's base. */
export function asSpoor(line: Line): Line {
  const { level, hostname, ...rest } = steady(line)
  return { ...rest, level: names[level as number] }
}

const names: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
