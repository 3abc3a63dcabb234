import { outsideScopes } from '../segments/timers.ts'
import { createDelivery } from './delivery.ts'
import { createHealth } from './health.ts'
import { createIntake, type Intake } from './intake.ts'
import { createLimit } from './limit.ts'
import { type ShipperOptions, settle } from './options.ts'
import { createQueue, type Parcel, parcelOf } from './parcel.ts'
import { createReading } from './reading.ts'
import { createReport } from './report.ts'
import type { Shipped } from './shipped.ts'
import type { Source } from './source.ts'
import { noCounts, type ShipperStats } from './stats.ts'
import { createTurns } from './turns.ts'
import { durationText, shownReason, sizeText } from './words.ts'

/** Brings the records of sources to a destination. */
export interface Shipper {
  /**
   * Reads a source from now on. One that has ended is closed once all of it is done with.
   *
   * @param options `first`: where the destination keeps the order (concurrency 1), it is emptied before others
   *   whose records are of the same group
   * @returns resolves when the source was closed, then or with the shipper. Never rejects
   */
  add(source: Source, options?: { readonly first?: boolean }): Promise<void>
  /** Tells that there is something to read; nothing else is hurried by it. */
  poke(): void
  /** Resolves when nothing readable is left and everything that was read is done with, or the shipper is stopped. */
  idle(): Promise<void>
  /**
   * Waits up to `waitMs` for that, then ends what is under way and closes the sources and the destination. What was
   * not acknowledged stays in the sources. Never rejects.
   */
  stop(waitMs: number): Promise<void>
  stats(): ShipperStats
}

/**
 * Makes a shipper; it does nothing before a source is added.
 *
 * Every record that a source gives is delivered at least once, or put into the dead letters, or counted as lost or
 * expired; only then, and when all before it are too, is it committed. What is read and not acknowledged is bounded:
 * as many batches as may be in flight, and one more; a
 * record that is larger than all that comes on top.
 *
 * @throws TypeError ERR_SPOOR_OPTION for an option that is wrong
 */
export function createShipper(options: ShipperOptions): Shipper {
  const settings = settle(options)
  const { destination, deadLetters, clock, tell, concurrency } = settings
  const intakes: Intake[] = []
  const firsts: Intake[] = []
  const ends = new Map<Intake, () => void>()
  const counts = noCounts()
  const limit = createLimit(concurrency)
  const queue = createQueue()
  const turns = createTurns({ intakes, firsts, queue, concurrency, ageMs: settings.ageMs })
  const report = createReport(destination, deadLetters.path, clock, tell)
  const health = createHealth({
    name: destination.name,
    clock,
    random: settings.random,
    tell,
    waiting: waitingText,
  })
  const delivery = createDelivery({ settings, counts, health, limit, report })
  const underWay = new Set<Promise<void>>()
  let numbers = 0
  let serials = 0
  let lastError: string | undefined
  let waiters: { since: number; resolve: () => void }[] = []
  let alarm: { atMs: number; cancel: () => void } | undefined
  // When `send` last looked for something to send, ms of the monotonic clock.
  let lookedAt = 0
  let pumping = false
  let again = false
  let stopped = false
  let stopping: Promise<void> | undefined
  // The sources that have ended.
  let closing: Promise<unknown> = Promise.resolve()

  /** In flight while all is well; while it is not, one that finds out. */
  const slots = (): number => (health.state === 'healthy' ? limit.value : 1)

  const reading = createReading({ intakes, settings, turns, slots, nextSerial: () => ++serials })

  /** Does all that can be done now; called whenever something may have changed. */
  function pump(): void {
    again = true
    if (pumping) return
    pumping = true
    while (again && !stopped) {
      again = false
      removeFinished()
      reading.read()
      send()
      wakeWaiters()
    }
    pumping = false
    if (!stopped) setAlarm()
  }

  function removeFinished(): void {
    for (const intake of intakes.filter((one) => one.finished)) {
      intakes.splice(intakes.indexOf(intake), 1)
      if (intake.first) firsts.splice(firsts.indexOf(intake), 1)
      closing = Promise.all([closing, end(intake)])
    }
  }

  async function end(intake: Intake): Promise<void> {
    await intake.close()
    ends.get(intake)?.()
    ends.delete(intake)
  }

  function send(): void {
    while (underWay.size < slots()) {
      lookedAt = clock.monotonic()
      if (lookedAt < health.pausedUntil) return
      const parcel = turns.next(lookedAt, isHurried())
      if (parcel === undefined) return
      if (parcel.tries === 0) parcel.intake.sending(parcel.last)
      const task = deliver(parcel).finally(() => {
        underWay.delete(task)
        pump()
      })
      underWay.add(task)
      limit.started(underWay.size)
    }
  }

  /** Whether a batch that is not full would wait in vain for more. */
  function isHurried(): (intake: Intake) => boolean {
    const { isFull } = reading
    return (intake) => isFull || intake.source.ended || (waiters.length > 0 && intake.emptySerial > 0)
  }

  async function deliver(parcel: Parcel): Promise<void> {
    await delivery.deliver(parcel)
    if (parcel.entries.length > 0 && !stopped) queue.add(parcel)
  }

  /**
   * For what time alone changes; a place that gets free pumps by itself. What has become due since `send` looked is
   * not past: it was not sent.
   */
  function setAlarm(): void {
    const atMs = underWay.size < slots() ? nextMs(lookedAt) : Number.POSITIVE_INFINITY
    if (alarm?.atMs === atMs) return
    alarm?.cancel()
    alarm = undefined
    if (atMs === Number.POSITIVE_INFINITY) return
    const cancel = clock.after(Math.max(0, atMs - clock.monotonic()), () => {
      alarm = undefined
      pump()
    })
    alarm = { atMs, cancel }
  }

  /** When something may be sent that may not be now; Infinity if only other things can change that. */
  function nextMs(nowMs: number): number {
    if (health.pausedUntil > nowMs) return health.pausedUntil
    return turns.dueMs(nowMs)
  }

  function isIdleSince(serial: number): boolean {
    if (underWay.size > 0) return false
    return intakes.every((intake) => intake.caughtUp && intake.emptySerial > serial)
  }

  function wakeWaiters(): void {
    const woken = waiters.filter((waiter) => isIdleSince(waiter.since))
    if (woken.length === 0) return
    waiters = waiters.filter((waiter) => !woken.includes(waiter))
    for (const waiter of woken) waiter.resolve()
  }

  function idle(): Promise<void> {
    if (stopped) return Promise.resolve()
    return new Promise((resolve) => {
      waiters.push({ since: serials, resolve })
      poke()
    })
  }

  function poke(): void {
    for (const intake of intakes) intake.poke()
    outsideScopes(pump)
  }

  async function stopNow(waitMs: number): Promise<void> {
    if (waitMs > 0) {
      let cancel: (() => void) | undefined
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(waitMs, resolve)
      })
      await Promise.race([idle(), patience])
      cancel?.()
    }
    stopped = true
    alarm?.cancel()
    delivery.abort()
    await Promise.all(underWay)
    await Promise.all([closing, ...intakes.splice(0).map(end)])
    report.flush()
    for (const waiter of waiters) waiter.resolve()
    try {
      await destination.close?.()
    } catch {
      // It is left in whatever state it is.
    }
  }

  function groupOf(record: Shipped): string {
    try {
      return destination.group?.(record) ?? ''
    } catch {
      // Whatever it does with such a record when it is sent, no batch but its own is concerned.
      return record.id
    }
  }

  function queueBytes(): number {
    return intakes.reduce((sum, { source }) => sum + source.backlog, 0)
  }

  function oldestMs(): number | undefined {
    const times = intakes.flatMap(({ frontier }) => (frontier === undefined ? [] : [frontier.record.timeMs]))
    return times.length === 0 ? undefined : Math.max(0, clock.now() - Math.min(...times))
  }

  function waitingText(): string {
    const age = oldestMs()
    return age === undefined ? '' : `${sizeText(queueBytes())}, the oldest for ${durationText(age)}`
  }

  return {
    add(source, { first = false } = {}) {
      if (stopped) return source.close().catch(() => {})
      const intake = createIntake({
        source,
        first,
        bytes: settings.bytes,
        count: settings.count,
        pollMs: settings.pollMs,
        clock,
        nextNumber: () => ++numbers,
        groupOf,
        onRecords(records) {
          counts.records += records.length
          for (const record of records) counts.bytes += record.bytes
        },
        onFull(batches, from) {
          for (const batch of batches) queue.add(parcelOf(batch, from))
        },
        onChange: pump,
        onError(message) {
          lastError = shownReason(message)
        },
      })
      intakes.push(intake)
      if (first) firsts.push(intake)
      return new Promise((resolve) => {
        ends.set(intake, resolve)
        outsideScopes(pump)
      })
    },
    poke,
    idle,
    stop(waitMs) {
      stopping ??= stopNow(waitMs)
      return stopping
    },
    stats: () => ({
      ...counts,
      state: health.state,
      expiredByLevel: report.expiredByLevel,
      dropped: deadLetters.dropped,
      inFlight: underWay.size,
      limit: slots(),
      queueBytes: queueBytes(),
      heldBytes: intakes.reduce((sum, intake) => sum + intake.bytes, 0),
      oldestMs: oldestMs(),
      roundTripMs: limit.meanMs,
      lastError: health.lastError ?? lastError,
    }),
  }
}
