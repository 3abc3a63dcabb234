import { dirname, join, resolve } from 'node:path'
import { millisecondsOf } from '../../config/check.ts'
import { LEVELS, LEVELS_ACCEPTED, parseLevel } from '../../config/levels.ts'
import type { Settings } from '../../config/settings.ts'
import type { DestinationOrders } from '../../shipping/orders.ts'
import type { HttpSettings } from '../../transports/http-options.ts'
import type { Arguments } from './arguments.ts'
import { destinationId, destinationSettings, destinationText } from './destination.ts'
import { labelsOf } from './labels.ts'
import { type Address, addressOf } from './listen.ts'
import { usageError } from './usage.ts'

/** What `spoor ship` is to do. */
export interface Plan {
  readonly kind: 'logs' | 'letters' | 'spool'
  /** As they were written. */
  readonly paths: readonly string[]
  /** Of kind 'spool': the destination's directory in the spool, absolute. */
  readonly spool: string | undefined
  /** Where spools and dead letters of services lie, absolute. */
  readonly spoolDirectory: string
  /** The same where LOG_SPOOL_DIR says it. */
  readonly ownSpoolDirectory: string | undefined
  readonly destination: DestinationOrders
  /** Tells destinations apart: 12 hex digits, the same at each start. */
  readonly destinationId: string
  /** For messages. */
  readonly destinationText: string
  readonly batch: HttpSettings['batch']
  readonly deadLetterBytes: number
  readonly labels: Readonly<Record<string, string>>
  readonly pattern: RegExp | undefined
  /** Number of the lowest level that is shipped. */
  readonly minLevel: number
  readonly from: 'start' | 'end'
  readonly once: boolean
  readonly quiet: boolean
  /** Absolute. */
  readonly state: string | undefined
  readonly listen: Address | undefined
  readonly unhealthyAfterMs: number
}

/** Whether something has switched shipping off; its name. */
export function switchedOffBy({ http, httpDisabled }: Settings): string | undefined {
  if (!http) return 'LOG_HTTP'
  return httpDisabled ? 'DISABLE_FLUENT_BIT_LOGGING' : undefined
}

/**
 * Makes the plan of the command line and, for what that leaves out, of the environment.
 *
 * @throws a usage error, or ERR_SPOOR_OPTION
 */
export function planOf(args: Arguments, settings: Settings, env: NodeJS.ProcessEnv): Plan {
  const labels = labelsOf(args.all('label'), settings.labels)
  const http = destinationSettings(args, settings, env, Object.keys(labels))
  const kind = kindOf(args)
  const state = args.one('state')
  const spool = args.one('spool')
  return {
    kind,
    paths: args.paths,
    spool: spool === undefined ? undefined : resolve(spool),
    spoolDirectory: dirname(http.directory),
    ownSpoolDirectory: settings.spoolDir === undefined ? undefined : resolve(settings.spoolDir),
    destination: http.destination,
    destinationId: destinationId(http.destination),
    destinationText: destinationText(http.destination),
    batch: http.batch,
    deadLetterBytes: http.deadLetterBytes,
    labels,
    pattern: patternOf(args.one('pattern')),
    minLevel: minLevelOf(args.one('level'), settings),
    from: fromOf(args.one('from')),
    once: args.is('once'),
    quiet: args.is('quiet'),
    state: state === undefined ? undefined : resolve(state),
    listen: addressOf(args.one('listen')),
    unhealthyAfterMs: durationOf('unhealthy-after', args.one('unhealthy-after')) ?? 60_000,
  }
}

function kindOf(args: Arguments): Plan['kind'] {
  const { paths } = args
  const letters = args.is('dead-letter')
  const spool = args.one('spool')
  if (letters && spool !== undefined)
    throw usageError('--dead-letter and --spool were given, expected one of them: start spoor ship twice.')
  if (letters && args.one('listen') !== undefined)
    throw usageError(
      '--dead-letter ends when all is sent, so there is nothing to ask it: leave --listen out.',
    )
  if (letters) return 'letters'
  if (spool === undefined && paths.length === 0)
    throw usageError('no logs are named, expected files or directories, such as spoor ship logs/*.log --to …')
  if (spool !== undefined && paths.length > 0)
    throw usageError('--spool and logs were given, expected one of them: start spoor ship twice.')
  return spool === undefined ? 'logs' : 'spool'
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined
  let pattern: RegExp
  try {
    pattern = new RegExp(text)
  } catch (error) {
    throw usageError(`--pattern is no regular expression: ${(error as Error).message}.`)
  }
  if (/\(\?<[A-Za-z_$]/.test(text)) return pattern
  throw usageError(
    '--pattern has no named group, expected some that become fields: (?<time>\\S+) (?<level>\\w+) (?<msg>.*)',
  )
}

function minLevelOf(text: string | undefined, { httpLevel }: Settings): number {
  const level = text === undefined ? httpLevel : parseLevel(text)
  if (level === undefined && text !== undefined)
    throw usageError(`--level is not understood, expected ${LEVELS_ACCEPTED}.`)
  if (level === 'silent') return Number.POSITIVE_INFINITY
  return level === undefined ? 0 : LEVELS[level]
}

function fromOf(text: string | undefined): Plan['from'] {
  if (text === undefined || text === 'start' || text === 'end') return text ?? 'start'
  throw usageError('--from is not understood, expected start or end.')
}

function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = millisecondsOf(text)
  if (ms === undefined) throw usageError(`--${name} is no duration, expected one such as 30s or 5m.`)
  return ms
}

/** The file of what was refused of logs in `directory`. */
export function lettersPathOf(plan: Plan, directory: string): string {
  const { state, ownSpoolDirectory, destinationId } = plan
  return join(state ?? ownSpoolDirectory ?? join(directory, '.spool'), lettersName(`ship-${destinationId}`))
}

/** What the file of what was refused is called. */
export function lettersName(name: string): string {
  return `${name}.dead-letters.ndjson`
}
