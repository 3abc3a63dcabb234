import { describeProblem, readEnvironment } from '../config/environment.ts'
import { VERSION } from '../logger/version.ts'
import { destinationOf } from '../shipping/formats.ts'
import { type Arguments, readArguments } from './ship/arguments.ts'
import { onCommandLine } from './ship/destination.ts'
import { shipLetters } from './ship/letters.ts'
import { addressOf } from './ship/listen.ts'
import { shipLogs } from './ship/logs.ts'
import { metricsText } from './ship/metrics.ts'
import { helpText } from './ship/options.ts'
import { type Plan, planOf, switchedOffBy } from './ship/plan.ts'
import type { Run, Status } from './ship/run.ts'
import { createSay, type Say } from './ship/say.ts'
import { type StatusServer, startServer } from './ship/server.ts'
import { shipSpool } from './ship/spool.ts'
import { createVitals, type Health } from './ship/vitals.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const LOOK_MS = 1000
const NOTHING: Status = { stats: undefined, logs: [] }

/**
 * `spoor ship`: ships logs until it is told to stop, or once.
 *
 * @param args what stands behind `ship`
 * @returns the exit code
 * @throws a usage error or ERR_SPOOR_OPTION for what has to be written otherwise
 */
export async function ship(args: readonly string[]): Promise<number> {
  const given = readArguments(args)
  if (given.is('help') || given.is('version')) {
    process.stdout.write(given.is('help') ? helpText() : `${VERSION}\n`)
    return 0
  }
  const say = createSay(given.is('quiet'))
  const settings = readEnvironment(process.env, (problem) =>
    say.often(`config.${problem.variable}`, describeProblem(problem)),
  )
  const switchedOff = switchedOffBy(settings)
  if (switchedOff !== undefined) return idle(given, switchedOff, say)
  try {
    return await run(planOf(given, settings, process.env), say)
  } catch (error) {
    throw onCommandLine(error)
  }
}

async function run(plan: Plan, say: Say): Promise<number> {
  const startedMs = Date.now()
  let status = (): Status => NOTHING
  const vitals = createVitals(() => status(), plan.unhealthyAfterMs)
  const looking = setInterval(vitals.look, LOOK_MS)
  const about = { version: VERSION, format: plan.destination.format, startedMs }
  const server = await listen(plan.listen, say, vitals.look, () => metricsText(status(), about))
  try {
    const begun = await begin(plan, say)
    status = begun.status
    say.news(`ships to ${plan.destinationText}`)
    const unlisten = onSignals(begun.stop)
    const code = await begun.ended
    unlisten()
    return code
  } finally {
    clearInterval(looking)
    server?.close()
  }
}

async function begin(plan: Plan, say: Say): Promise<Run> {
  const tell = (problem: Parameters<typeof describeProblem>[0]): void =>
    say.often(`config.${problem.variable}`, describeProblem(problem))
  const make = () => destinationOf(plan.destination, tell)
  const destination = await make()
  if (plan.kind === 'logs') return shipLogs(plan, destination, say)
  // It was made to see whether it can be: each of these makes its own.
  await destination.close?.()
  return plan.kind === 'letters' ? shipLetters(plan, make, say) : shipSpool(plan, plan.spool ?? '', say)
}

/** A side-car that ended at once would be started again and again. */
async function idle(args: Arguments, variable: string, say: Say): Promise<number> {
  say.news(`${variable} switches shipping off: nothing is shipped`)
  if (args.is('once') || args.is('dead-letter')) return 0
  const health = (): Health => ({ status: 'off', ok: true, reason: `switched off by ${variable}` })
  const about = { version: VERSION, format: 'none', startedMs: Date.now() }
  const server = await listen(addressOf(args.one('listen')), say, health, () => metricsText(NOTHING, about))
  const alive = setInterval(() => {}, LOOK_MS)
  await new Promise<void>((resolve) => onSignals(resolve))
  clearInterval(alive)
  server?.close()
  return 0
}

async function listen(
  address: Plan['listen'],
  say: Say,
  health: () => Health,
  metrics: () => string,
): Promise<StatusServer | undefined> {
  if (address === undefined) return undefined
  const server = await startServer(address, { health, metrics })
  say.news(`answers ${server.url}/health and ${server.url}/metrics`)
  return server
}

/** The second one ends the process as if nobody listened. @returns what takes it back */
function onSignals(act: () => void): () => void {
  const heard = (): void => {
    unlisten()
    act()
  }
  const unlisten = (): void => {
    for (const signal of SIGNALS) process.off(signal, heard)
  }
  for (const signal of SIGNALS) process.on(signal, heard)
  return unlisten
}
