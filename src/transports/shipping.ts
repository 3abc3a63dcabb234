import type { Worker } from 'node:worker_threads'
import { builtin } from '../config/builtin.ts'
import { isExiting } from '../config/exit.ts'
import type { KeyNames } from '../segments/spool/about.ts'
import { threadFile } from '../segments/thread-file.ts'
import { after, atEndOfTurn, clearTimeout, outsideScopes } from '../segments/timers.ts'
import type { ShipperEvent } from '../shipping/events.ts'
import type { ShipOrder, ShipOrders, ShipReport } from '../shipping/orders.ts'
import type { ShipperStats } from '../shipping/stats.ts'
import { createCarried } from './carried.ts'
import type { HttpSettings } from './http-options.ts'

/** The other end of a transport that ships: it is started, and started again when it dies. */
export interface Shipping {
  /** Starts it at the end of this turn. */
  begin(): void
  /** To be told of each subdirectory that the writer begins. */
  wrote(subdirectory: string): void
  /**
   * Resolves true when all that is in the spool is delivered, false after `waitMs`.
   *
   * @param written resolves when what is asked for is in the spool
   */
  drain(written: Promise<void>, waitMs: number): Promise<boolean>
  /**
   * Hands lines that the spool does not take to the shipper, as long as the back end takes records.
   *
   * @returns how many UTF-16 units it took: all or none
   */
  carry(lines: string): number
  /** UTF-16 units that were carried and are not delivered. */
  readonly carried: number
  /** Gives those back. */
  takeCarried(): string
  /** The writer has closed. Resolves when it has ended, having waited up to `waitMs` for deliveries. */
  end(waitMs: number): Promise<void>
  /** `failure`: why it could not even begin. */
  stats(): {
    shipper: ShipperStats | undefined
    spoolBytes: number
    dropped: number
    failure: string | undefined
  }
}

export interface ShippingHost {
  onEvent(event: ShipperEvent): void
  onProblem(code: string, message: string, dropped?: number): void
  onLost(lines: number, byLevel: Readonly<Record<string, number>>, reason: string): void
  /** There is room for more that is carried. */
  onCarried(): void
  /** A line of the logger's for a loss, what its time is called, and what the others are. */
  note(): { line: string; timeKey: string; names: KeyNames }
}

/** What was started: a thread, or the same code here. */
interface Runner {
  order(order: ShipOrder): void
  kill(): void
  ref(): void
  unref(): void
}

/** Somebody who waits until all is delivered. */
interface Drain {
  readonly waitMs: number
  /** Whether all that he waits for is in the spool. */
  written: boolean
  done(all: boolean): void
}

const RESTART_MS = [1000, 30_000] as const
const STOP_MS = 2000

export function createShipping(settings: HttpSettings, owner: string, host: ShippingHost): Shipping {
  const file = mayHaveThread(settings) ? threadFile('spoor-shipper.js') : undefined
  const directories = new Set<string>()
  // Those of dead processes, which a runner that comes after the one that took them over must be told.
  const adopted = new Set<string>()
  const carried = createCarried()
  const draining = new Map<number, Drain>()
  let runner: Runner | undefined
  let starting: Promise<void> | undefined
  let begun = false
  let ended = false
  let drains = 0
  let pauseMs: number = RESTART_MS[0]
  let shipper: ShipperStats | undefined
  let spoolBytes = 0
  // Of runners before this one, and of this one.
  let droppedBefore = 0
  let dropped = 0
  let stopped: (() => void) | undefined
  let failure: string | undefined

  function begin(): void {
    if (begun) return
    begun = true
    atEndOfTurn(() => void start())
  }

  function start(): Promise<void> {
    starting ??= launch().finally(() => {
      starting = undefined
    })
    return starting
  }

  async function launch(): Promise<void> {
    if (runner !== undefined || ended || isExiting()) return
    const { line, timeKey, names } = host.note()
    const orders: ShipOrders = {
      kind: 'ship',
      directory: settings.directory,
      owner,
      destination: settings.destination,
      budgetBytes: settings.budgetBytes,
      maxAgeMs: settings.maxAgeMs,
      batch: settings.batch,
      deadLetterBytes: settings.deadLetterBytes,
      note: line,
      timeKey,
      names,
      adopted: [...adopted],
    }
    try {
      runner = file === undefined ? await startHere(orders) : startThread(file, orders)
      for (const subdirectory of directories) runner.order({ kind: 'directory', subdirectory })
      for (const order of carried.orders()) runner.order(order)
      for (const [id, drain] of draining) ask(id, drain)
      if (ended) runner.order({ kind: 'stop', waitMs: 0 })
    } catch (error) {
      host.onProblem(
        'thread',
        `can't ship ${settings.directory}: ${(error as Error).message}. Records wait in the spool.`,
      )
      again()
    }
  }

  async function startHere(orders: ShipOrders): Promise<Runner> {
    const { ship } = await import('../shipping/ship.ts')
    const { order } = outsideScopes(() => ship(orders, hear, settings.own))
    return { order, kill() {}, ref() {}, unref() {} }
  }

  function startThread(path: string, workerData: ShipOrders): Runner {
    const { Worker } = builtin('node:worker_threads')
    return outsideScopes(() => {
      // Neither what the service preloads nor its environment is the thread's business; but AWS's SDK looks there.
      const env = workerData.destination.format === 'cloudwatch' ? process.env : {}
      const worker: Worker = new Worker(path, { name: 'spoor-ship', workerData, execArgv: [], env })
      let crash: Error | undefined
      worker.on('message', hear)
      worker.on('error', (error: Error) => {
        crash = error
      })
      worker.on('exit', (code) => died(crash ?? new Error(`it ended with code ${code}`)))
      // Behind the listeners: one for messages would take it back.
      worker.unref()
      return {
        order: (order) => worker.postMessage(order),
        kill: () => void worker.terminate(),
        ref: () => worker.ref(),
        unref: () => worker.unref(),
      }
    })
  }

  /** All it knew is in the spool: the next one goes on from there. */
  function died(error: Error): void {
    runner = undefined
    droppedBefore += dropped
    dropped = 0
    stopped?.()
    if (ended || isExiting()) return
    host.onProblem(
      'thread',
      `the thread that ships ${settings.directory} has died: ${error.message}. Records wait in the spool; it is started again.`,
    )
    again()
  }

  function again(): void {
    after(pauseMs, () => void start()).unref()
    pauseMs = Math.min(pauseMs * 2, RESTART_MS[1])
  }

  function hear(report: ShipReport): void {
    if (report.kind === 'stats') {
      shipper = report.stats
      spoolBytes = report.spoolBytes
      dropped = report.dropped
      pauseMs = RESTART_MS[0]
    } else if (report.kind === 'event') host.onEvent(report.event)
    else if (report.kind === 'problem') host.onProblem(report.code, report.message, report.dropped)
    else if (report.kind === 'lost') host.onLost(report.loss.lines, report.loss.byLevel, report.reason)
    else if (report.kind === 'adopted') adopted.add(report.subdirectory)
    else if (report.kind === 'carried') {
      carried.done(report.id)
      host.onCarried()
    } else if (report.kind === 'drained') drained(report.id, report.all)
    else if (report.kind === 'stopped') stopped?.()
    else failed(report.message.replace(/^spoor: /, ''))
  }

  /** It could not begin, and will not before somebody has corrected what it complains of. */
  function failed(reason: string): void {
    failure = reason
    const message = `nothing is shipped from ${settings.directory}: ${reason} Records wait in the spool until that is corrected.`
    host.onEvent({ code: 'held', message })
  }

  function ask(id: number, { written, waitMs }: Drain): void {
    if (written) runner?.order({ kind: 'drain', id, waitMs })
  }

  function drained(id: number, all: boolean): void {
    draining.get(id)?.done(all)
    draining.delete(id)
  }

  return {
    begin,
    wrote(subdirectory) {
      directories.add(subdirectory)
      begin()
      runner?.order({ kind: 'directory', subdirectory })
    },
    carry(lines) {
      if (runner === undefined || ended || isExiting() || shipper?.state !== 'healthy') return 0
      const order = carried.add(lines)
      if (order === undefined) return 0
      runner.order(order)
      return lines.length
    },
    get carried() {
      return carried.units
    },
    takeCarried: carried.take,
    drain(written, waitMs) {
      const id = drains++
      begin()
      return new Promise((resolve) => {
        // Holds the process: somebody waits for it.
        const patience = after(waitMs, () => drained(id, false))
        const drain: Drain = {
          waitMs,
          written: false,
          done(all) {
            clearTimeout(patience)
            resolve(all)
          },
        }
        draining.set(id, drain)
        void written.then(() => {
          drain.written = true
          if (draining.has(id)) ask(id, drain)
        })
      })
    },
    async end(waitMs) {
      // What was written in this very turn is waited for too.
      if (begun && waitMs > 0) await start()
      ended = true
      if (runner === undefined) return
      const ending = runner
      ending.ref()
      await new Promise<void>((resolve) => {
        stopped = resolve
        ending.order({ kind: 'stop', waitMs })
        after(waitMs + STOP_MS, resolve).unref()
      })
      ending.kill()
    },
    stats: () => ({ shipper, spoolBytes, dropped: droppedBefore + dropped, failure }),
  }
}

/** Functions among the options, and presets that are objects, can't go to another thread. */
function mayHaveThread({ thread, own, destination }: HttpSettings): boolean {
  if (!thread || own !== undefined) return false
  try {
    structuredClone(destination)
    return true
  } catch {
    return false
  }
}
