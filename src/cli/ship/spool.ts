import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { heldIn } from '../../segments/spool/held.ts'
import { makeOwner } from '../../segments/spool/owner.ts'
import type { ShipReport } from '../../shipping/orders.ts'
import { ship } from '../../shipping/ship.ts'
import type { ShipperStats } from '../../shipping/stats.ts'
import { sizeText } from '../../shipping/words.ts'
import type { Plan } from './plan.ts'
import { codeOf, patienceFor, type Run, STOP_MS, tellEvents } from './run.ts'
import type { Say } from './say.ts'
import { usageError } from './usage.ts'

const LATER_MS = 5000
/** After so long everybody is known to be alive or dead: 30 s of silence, and a look every 10 s. */
const KNOWN_MS = 45_000
const FOREVER_MS = 2 ** 31 - 1

/**
 * Ships a spool that processes of spoor have left. Those that are alive ship theirs themselves.
 *
 * @throws a usage error where there is none
 */
export function shipSpool(plan: Plan, directory: string, say: Say): Run {
  check(directory)
  const began = performance.now()
  let stats: ShipperStats | undefined
  let isDone = false
  let stopping = false
  let end = (_code: number): void => {}
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  // What ships lets the process end.
  const alive = setInterval(() => {}, LATER_MS)
  const tellEvent = tellEvents(say, plan.once ? stop : undefined)
  const owner = makeOwner(0)
  const shipping = ship(
    {
      kind: 'ship',
      directory,
      owner,
      destination: plan.destination,
      // Nobody writes here: what was kept until now is not given up for its size or age.
      budgetBytes: Number.POSITIVE_INFINITY,
      maxAgeMs: Number.POSITIVE_INFINITY,
      batch: plan.batch,
      deadLetterBytes: plan.deadLetterBytes,
      note: '{"level":"warn","msg":"log records were lost"}',
      timeKey: 'time',
      adopted: [],
    },
    hear,
  )

  function hear(report: ShipReport): void {
    if (report.kind === 'stats') stats = report.stats
    else if (report.kind === 'event') tellEvent(report.event)
    else if (report.kind === 'problem') say.often(`spool.${report.code}`, report.message)
    else if (report.kind === 'drained') drained()
    else if (report.kind === 'stopped') finish()
    else if (report.kind === 'failed') {
      say.trouble(report.message)
      finish()
    }
  }

  function drain(): void {
    shipping.order({ kind: 'drain', id: 0, waitMs: FOREVER_MS })
  }

  function drained(): void {
    if (stopping) return
    const left = othersIn(directory, owner)
    if (left > 0 && performance.now() - began < KNOWN_MS) {
      setTimeout(drain, LATER_MS)
      return
    }
    if (left > 0) say.news(`${sizeText(left)} are left to processes that are alive and ship them themselves`)
    isDone = true
    stop()
  }

  function stop(): void {
    if (stopping) return
    stopping = true
    shipping.order({ kind: 'stop', waitMs: stats === undefined ? STOP_MS : patienceFor(stats) })
  }

  function finish(): void {
    clearInterval(alive)
    if (!plan.once) end(0)
    else end(isDone && stats !== undefined ? codeOf(stats) : 1)
  }

  if (plan.once) drain()
  return { ended, stop, status: () => ({ stats, logs: [] }) }
}

/** Bytes of others that were not delivered. */
function othersIn(directory: string, owner: string): number {
  return heldIn(directory)
    .filter(({ name, delivered }) => name.owner !== owner && !delivered)
    .reduce((sum, { segments }) => segments.reduce((bytes, { size }) => bytes + size, sum), 0)
}

function check(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw usageError(
      `there is no spool at ${directory}, expected <directory>/<name>, such as logs/.spool/http.`,
    )
  if (heldIn(directory).length > 0) return
  const inside = readdirSync(directory).find((name) => heldIn(join(directory, name)).length > 0)
  if (inside !== undefined)
    throw usageError(`${directory} holds spools, expected one of them: --spool ${join(directory, inside)}.`)
}
