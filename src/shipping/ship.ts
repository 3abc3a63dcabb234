import { adoptOrphans } from '../segments/spool/adopt.ts'
import { createSpoolBudget } from '../segments/spool/budget.ts'
import { bytesOf, heldIn } from '../segments/spool/held.ts'
import { type Dropped, sumOfLevels } from '../segments/spool/line.ts'
import { TOUCH_MS } from '../segments/spool/owner.ts'
import { createSpoolSource } from '../segments/spool/source.ts'
import type { SpoolSource } from '../segments/spool/source-options.ts'
import { type CarriedSource, createCarriedSource } from './carried-source.ts'
import { type ShippingClock, systemClock } from './clock.ts'
import { createDeadLetters } from './dead-letters.ts'
import type { Destination } from './destination.ts'
import { destinationFrom, destinationOf } from './formats.ts'
import type { DestinationOrders, ShipOrder, ShipOrders, ShipReport } from './orders.ts'
import type { Preset } from './preset.ts'
import { createShipper, type Shipper } from './shipper.ts'
import { lineParser, spoolSource } from './spool-source.ts'
import { levelsText, messageOf, recordsText } from './words.ts'

/** What ships the spool of one transport: in a thread, or in the service's own. */
export interface Ship {
  order(order: ShipOrder): void
}

const LOOK_MS = 1000
const ADOPT_MS = 10_000
// For a spool that is empty to be seen as such, and removed.
const TIDY_MS = 100

/** The file of what a destination refused, beside the destination's directory. */
export function deadLettersPath(directory: string): string {
  return `${directory}.dead-letters.ndjson`
}

/**
 * Begins to ship: what earlier processes left in the spool first, then what the writer writes. It never throws and
 * never rejects; what goes wrong is said.
 *
 * @param own a destination or preset of the user's own, which only the service's own thread can have
 */
export function ship(
  orders: ShipOrders,
  say: (report: ShipReport) => void,
  own?: Preset | Destination,
): Ship {
  const clock = systemClock(true)
  const sources = new Map<string, SpoolSource>()
  const waiting: ShipOrder[] = []
  let carried: CarriedSource | undefined
  let shipper: Shipper | undefined
  // Once what was left by others is known, and so goes first.
  let ready: Shipper | undefined
  let ending = false
  let stopped = false
  let dropped = 0
  let held = 0
  const ticks: (() => void)[] = []

  function problem(code: string, message: string, records?: number): void {
    say({ kind: 'problem', code, message, ...(records === undefined ? {} : { dropped: records }) })
  }

  async function begin(): Promise<void> {
    const destination = await makeDestination(orders.destination, own, problem)
    const deadLetters = createDeadLetters({
      path: deadLettersPath(orders.directory),
      maxBytes: orders.deadLetterBytes,
      onDropped: (letters, message) => problem('dead-letters', message, letters),
    })
    shipper = createShipper({
      destination,
      deadLetters,
      batch: orders.batch,
      timeoutMs: orders.destination.timeoutMs,
      clock,
      onEvent(event) {
        tellStats()
        say({ kind: 'event', event })
      },
    })
    for (const subdirectory of orders.adopted ?? []) add(subdirectory, true)
    await adopt()
    if (stopped) return void (await shipper.stop(0))
    ready = shipper
    for (const order of waiting.splice(0)) follow(order)
    every(ADOPT_MS, adopt)
    every(TOUCH_MS, touch)
    every(LOOK_MS, look)
  }

  function every(ms: number, act: () => Promise<void>): void {
    const i = ticks.length
    const guarded = (): Promise<void> => act().catch(tellFault)
    const arm = (): void => {
      ticks[i] = clock.after(ms, () => void guarded().finally(() => stopped || arm()))
    }
    arm()
  }

  /** Where nobody catches it, it would end the service. */
  function tellFault(error: unknown): void {
    problem(
      'shipper',
      `can't look after the spool ${orders.directory}: ${messageOf(error)}. It is tried again.`,
    )
  }

  async function adopt(): Promise<void> {
    const { directory, owner } = orders
    const adopted = await adoptOrphans({ directory, owner, onProblem: tell })
    for (const subdirectory of adopted) {
      say({ kind: 'adopted', subdirectory })
      add(subdirectory, true)
    }
  }

  function tell({ code, message }: { code: string; message: string }): void {
    problem(code, message)
  }

  function add(subdirectory: string, finished: boolean): void {
    if (sources.has(subdirectory) || shipper === undefined || stopped) return
    const source = createSpoolSource({
      subdirectory,
      finished,
      parserOf: (names) => lineParser(names, clock.now),
      fsync: 'interval',
      note: (lost) => noteOf(orders, lost, clock),
      onProblem: tell,
    })
    sources.set(subdirectory, source)
    void shipper.add(spoolSource(source), { first: finished }).then(() => sources.delete(subdirectory))
  }

  function carry(to: Shipper, id: number, lines: string): void {
    if (carried === undefined) {
      const parse = lineParser(orders.names ?? {}, clock.now)
      carried = createCarriedSource(parse, (done) => say({ kind: 'carried', id: done }))
      void to.add(carried)
    }
    carried.add(id, lines)
  }

  async function touch(): Promise<void> {
    for (const source of [...sources.values()]) await source.touch()
  }

  const budget = createSpoolBudget({
    directory: orders.directory,
    budgetBytes: orders.budgetBytes,
    maxAgeMs: orders.maxAgeMs,
    sources: () => sources.values(),
    onProblem: tell,
  })

  async function look(): Promise<void> {
    const lost = await budget.enforce()
    if (lost.lines > 0 || lost.told.size > 0) tellOf(lost)
    tellStats()
  }

  function tellOf(lost: Dropped): void {
    dropped += lost.lines
    const byLevel = Object.fromEntries(lost.byLevel)
    const reason = reasonOf(orders)
    const message = `${recordsText(lost.lines)}${lost.exact ? '' : ' and more'} in ${orders.directory} were given up (${levelsText(byLevel)}): ${reason}`
    if (lost.lines > 0) problem('dropped', message, lost.lines)
    const untold = lost.lines - lost.noted + linesOf(lost.told)
    if (untold > 0) say({ kind: 'lost', loss: { lines: untold, byLevel: levelsOf(lost) }, reason })
  }

  function tellStats(): void {
    if (shipper === undefined) return
    say({ kind: 'stats', stats: shipper.stats(), spoolBytes: spoolBytes(), dropped })
  }

  /** As it was the last time that the directory could be read; the budget tells where it can't. */
  function spoolBytes(): number {
    try {
      held = bytesOf(heldIn(orders.directory))
    } catch {
      // It stays what it was.
    }
    return held
  }

  function follow(order: ShipOrder): void {
    if (order.kind === 'stop') void end(order.waitMs)
    else if (ready === undefined) waiting.push(order)
    else if (order.kind === 'directory') add(order.subdirectory, false)
    else if (order.kind === 'carry') carry(ready, order.id, order.lines)
    else if (order.kind === 'poke') poke(ready)
    else void drain(ready, order.id, order.waitMs)
  }

  function poke(to: Shipper): void {
    for (const source of sources.values()) source.poke()
    to.poke()
  }

  async function drain(of: Shipper, id: number, waitMs: number): Promise<void> {
    poke(of)
    const all = await within(of.idle(), waitMs, clock)
    tellStats()
    say({ kind: 'drained', id, all })
  }

  async function end(waitMs: number): Promise<void> {
    if (ending) return
    ending = true
    const until = clock.monotonic() + waitMs
    // What it was told of before it was ready is waited for too.
    if (waitMs > 0) await within(begun, waitMs, clock)
    stopped = true
    for (const takeBack of ticks) takeBack()
    for (const source of sources.values()) source.finish()
    carried?.finish()
    await shipper?.stop(Math.max(until - clock.monotonic(), TIDY_MS))
    tellStats()
    say({ kind: 'stopped' })
  }

  const begun = begin().catch((error) => say({ kind: 'failed', message: messageOf(error) }))
  return { order: follow }
}

function makeDestination(
  orders: DestinationOrders,
  own: Preset | Destination | undefined,
  problem: (code: string, message: string) => void,
): Destination | Promise<Destination> {
  if (own !== undefined) return destinationFrom(own, orders)
  return destinationOf(orders, ({ variable, accepted, used }) =>
    problem(`config.${variable}`, `${variable} is not understood; accepted: ${accepted}; used: ${used}`),
  )
}

function reasonOf({ budgetBytes }: ShipOrders): string {
  return `the spool is full (LOG_SPOOL_MAX, ${budgetBytes} bytes) or they had waited too long (LOG_SPOOL_AGE); look at why they could not be delivered.`
}

function linesOf(levels: ReadonlyMap<string, number>): number {
  return [...levels.values()].reduce((sum, lines) => sum + lines, 0)
}

/** With the losses that were told of in what was lost. */
function levelsOf({ byLevel, told }: Dropped): Record<string, number> {
  return Object.fromEntries(sumOfLevels(byLevel, told))
}

/** The record that stands where the lost ones are missing: what the logger would write, with the loss's own fields. */
function noteOf(orders: ShipOrders, lost: Dropped, clock: ShippingClock): string {
  const fields = JSON.parse(orders.note) as Record<string, unknown>
  return JSON.stringify({
    ...fields,
    [orders.timeKey]:
      orders.timeKey in fields && typeof fields[orders.timeKey] === 'number'
        ? clock.now()
        : new Date(clock.now()).toISOString(),
    dropped: lost.lines + linesOf(lost.told),
    dropped_by_level: levelsOf(lost),
    reason: reasonOf(orders),
  })
}

/** Whether it came within `ms`. */
function within(promise: Promise<void>, ms: number, clock: ShippingClock): Promise<boolean> {
  return new Promise((resolve) => {
    const takeBack = clock.after(ms, () => resolve(false))
    void promise.then(() => {
      takeBack()
      resolve(true)
    })
  })
}
