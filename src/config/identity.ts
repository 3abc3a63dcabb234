import { readFileSync, realpathSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, sep } from 'node:path'
import { builtin } from './builtin.ts'
import type { EnvironmentProblem } from './environment.ts'
import {
  IDENTITY_FIELDS,
  IDENTITY_VARIABLES,
  type IdentityField,
  OTEL_ATTRIBUTES,
} from './identity-variables.ts'

/** Which service, where, and which process a record is from. Keys in the record's order; unknown ones left out. */
export interface Identity {
  /** @default OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, SERVICE_NAME …, package.json, unknown_service:node */
  service: string
  version?: string
  env?: string
  region?: string
  host?: string
  pid: number
  machine_id?: string
  worker_id?: string
}

export interface IdentityOptions {
  /** Fields that the code knows better; each beats the environment. */
  readonly identity?: Readonly<Partial<Identity>> | undefined
  /** The program that was started. @default process.argv[1] */
  readonly script?: string | undefined
  /** Where package.json is looked for if the program lies in node_modules. @default process.cwd() */
  readonly cwd?: string | undefined
  /** Told of OTEL_RESOURCE_ATTRIBUTES that can't be decoded. @default nobody */
  readonly warn?: ((problem: EnvironmentProblem) => void) | undefined
}

/**
 * The identity from code, environment and package.json. Never throws. OpenTelemetry's variables come first
 * (https://opentelemetry.io/docs/specs/otel/resource/sdk/), and a service without any name is called what an
 * OpenTelemetry SDK would call it.
 */
export function readIdentity(env: NodeJS.ProcessEnv, options: IdentityOptions = {}): Identity {
  const given = options.identity ?? {}
  const attributes = readAttributes(env, options.warn)
  const found: { [F in IdentityField]?: string | number | undefined } = {}
  for (const field of IDENTITY_FIELDS) {
    found[field] = given[field] ?? fromEnvironment(env, attributes, field)
  }
  found.pid ??= process.pid
  found.host ??= machineName()
  if (found.service === undefined || found.version === undefined) {
    const own = nearestPackage(options.script ?? process.argv[1], options.cwd)
    found.service ??= own.name ?? set(env.npm_package_name) ?? `unknown_service:${basename(process.execPath)}`
    found.version ??= own.name === undefined ? set(env.npm_package_version) : own.version
  }
  const entries = IDENTITY_FIELDS.filter((field) => found[field] !== undefined).map((field) => [
    field,
    found[field],
  ])
  return Object.fromEntries(entries) as Identity
}

function set(value: string | undefined): string | undefined {
  const text = value?.trim()
  return text === '' ? undefined : text
}

function fromEnvironment(
  env: NodeJS.ProcessEnv,
  attributes: ReadonlyMap<string, string>,
  field: IdentityField,
): string | undefined {
  if (field === 'service' && set(env.OTEL_SERVICE_NAME) !== undefined) return set(env.OTEL_SERVICE_NAME)
  for (const attribute of OTEL_ATTRIBUTES[field] ?? []) {
    const value = set(attributes.get(attribute))
    if (value !== undefined) return value
  }
  for (const name of IDENTITY_VARIABLES[field] ?? []) {
    const value = set(env[name])
    if (value !== undefined && (field !== 'host' || !isBindAddress(value))) return value
  }
  return undefined
}

// Servers (Next.js among them) read HOSTNAME as the address to listen on: 0.0.0.0 names no machine.
function isBindAddress(host: string): boolean {
  return builtin('node:net').isIP(host) !== 0 || host === 'localhost'
}

function readAttributes(env: NodeJS.ProcessEnv, warn: IdentityOptions['warn']): ReadonlyMap<string, string> {
  const text = set(env.OTEL_RESOURCE_ATTRIBUTES)
  if (text === undefined) return new Map()
  try {
    return decodeAttributes(text)
  } catch {
    warn?.({
      variable: 'OTEL_RESOURCE_ATTRIBUTES',
      value: text,
      accepted: 'key=value pairs separated by commas, with , and = in values percent-encoded (%2C, %3D)',
      used: 'nothing of it, as OpenTelemetry asks',
    })
    return new Map()
  }
}

function decodeAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const member of text.split(',')) {
    if (member.trim() === '') continue
    const [key = '', value, ...more] = member.split('=')
    if (key.trim() === '' || value === undefined || more.length > 0) throw new TypeError('not key=value')
    attributes.set(decodeURIComponent(key.trim()), decodeURIComponent(value.trim()))
  }
  return attributes
}

function machineName(): string | undefined {
  try {
    return set(hostname())
  } catch {
    return undefined
  }
}

interface Package {
  name?: string
  version?: string
}

// A package.json is a few KB; what is larger is not read for the sake of a name.
const LARGEST_PACKAGE = 1024 * 1024
const MODULES = `${sep}node_modules${sep}`

/** The nearest package.json with a name, from the program upwards; from `cwd` if that is a tool in node_modules. */
function nearestPackage(script: string | undefined, cwd: string | undefined): Package {
  try {
    const program = script === undefined ? undefined : realpathSync(script)
    const start =
      program === undefined || program.includes(MODULES) ? (cwd ?? process.cwd()) : dirname(program)
    return packageAbove(start)
  } catch {
    try {
      return packageAbove(cwd ?? process.cwd())
    } catch {
      // The working directory was removed.
      return {}
    }
  }
}

function packageAbove(start: string): Package {
  for (let directory = start; ; directory = dirname(directory)) {
    const found = readPackage(join(directory, 'package.json'))
    if (found?.name !== undefined) return found
    if (dirname(directory) === directory) return {}
  }
}

function readPackage(path: string): Package | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false })
    if (file === undefined || !file.isFile() || file.size > LARGEST_PACKAGE) return undefined
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return {
      ...(typeof name === 'string' && set(name) !== undefined ? { name } : {}),
      ...(typeof version === 'string' && set(version) !== undefined ? { version } : {}),
    }
  } catch {
    return undefined
  }
}
