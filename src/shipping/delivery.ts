import type { Entry } from './batches.ts'
import { wholeOf } from './bisect.ts'
import type { Health } from './health.ts'
import type { Limit } from './limit.ts'
import type { ShipperSettings } from './options.ts'
import { type Answered, type Outcome, outcomeOf, type Refused } from './outcome.ts'
import type { Parcel } from './parcel.ts'
import type { Verdict } from './preset.ts'
import { createRefusals } from './refusals.ts'
import type { Report } from './report.ts'
import type { Shipped } from './shipped.ts'
import type { Counts } from './stats.ts'
import { understood } from './understood.ts'
import { levelsOf, messageOf, recordsText } from './words.ts'

/** Sends parcels and does what the answers ask for. */
export interface Delivery {
  /**
   * Sends what comes next of a parcel, once. When it resolves, what is done with was told to the parcel's intake,
   * and the parcel has what is left. Never rejects.
   */
  deliver(parcel: Parcel): Promise<void>
  /** Ends all requests that are under way; nothing is made of them. */
  abort(): void
}

export interface DeliveryOptions {
  readonly settings: ShipperSettings
  readonly counts: Counts
  readonly health: Health
  readonly limit: Limit
  readonly report: Report
}

export function createDelivery({ settings, counts, health, limit, report }: DeliveryOptions): Delivery {
  const { destination, deadLetters, clock, timeoutMs } = settings
  const refusals = createRefusals(clock.monotonic)
  const underWay = new Set<AbortController>()
  let aborted = false

  async function send(records: readonly Shipped[]): Promise<Answered> {
    const controller = new AbortController()
    const { signal } = controller
    underWay.add(controller)
    const cancel = clock.after(timeoutMs, () =>
      controller.abort(new Error(`there was no answer within ${timeoutMs / 1000} s`)),
    )
    try {
      // Raced, lest one that does not listen to the signal keeps its place for ever.
      return understood(await Promise.race([destination.send(records, signal), failureOf(signal)]))
    } catch (error) {
      return { kind: 'retry', reason: messageOf(error) }
    } finally {
      cancel()
      underWay.delete(controller)
    }
  }

  async function deliver(parcel: Parcel): Promise<void> {
    if (parcel.tries === 0) expire(parcel)
    const first = parcel.entries[0]
    if (first === undefined) return
    if (first.record.bytes > destination.maxBytes) return refuseUnsent(parcel, first)
    const records = parcel.entries.slice(0, parcel.part.send).map((entry) => entry.record)
    count(parcel, records)
    const startedMs = clock.monotonic()
    const verdict = await send(records)
    if (aborted) return
    const outcome = judge(parcel, verdict)
    learn(outcome, startedMs)
    if (verdict.kind === 'bisect') parcel.why = verdict.reason
    const warning = warningOf(verdict)
    if (warning !== undefined) report.warned(warning)
    await settle(parcel, outcome, verdict.status)
  }

  function judge(parcel: Parcel, verdict: Answered): Outcome {
    return outcomeOf(parcel, verdict, () => refusals.maySearch(parcel.found, parcel.anyTaken))
  }

  function count(parcel: Parcel, records: readonly Shipped[]): void {
    counts.requests++
    counts.sent += records.length
    if (parcel.tries > 0) counts.retried += records.length
    for (const record of records) counts.sentBytes += record.bytes
    parcel.tries++
  }

  function learn(outcome: Outcome, startedMs: number): void {
    const now = clock.monotonic()
    const { taken, refused, pause, reason = '' } = outcome
    if (pause === 'retry') limit.overloaded(now)
    else if (taken.length > 0) limit.answered(now - startedMs, now)
    if (taken.length > 0) refusals.taken()
    refusals.refused(refused.length)
    if (pause === 'retry') health.failed(startedMs, reason, outcome.afterMs, taken.length > 0)
    else if (pause === 'hold') health.held(startedMs, reason)
    else if (taken.length > 0) health.succeeded(startedMs)
    else if (refused.length > 0 && refusals.braking)
      health.held(startedMs, `it has refused all of the last ${recordsText(refusals.inARow)}, ${reason}`)
  }

  async function settle(parcel: Parcel, outcome: Outcome, status: number | undefined): Promise<void> {
    const { taken, refused, lost } = outcome
    parcel.entries = outcome.left
    parcel.part = outcome.part
    parcel.found += refused.length
    if (taken.length > 0) parcel.anyTaken = true
    counts.delivered += taken.length - lost
    counts.lost += lost
    if (lost > 0) report.thrownAway(lost, outcome.reason ?? '')
    parcel.intake.settle(taken)
    if (refused.length > 0) await bury(parcel, refused, status)
  }

  /** What is refused is done with once it is in the dead letters, or can't be. */
  async function bury(
    parcel: Parcel,
    refused: readonly Refused[],
    status: number | undefined,
  ): Promise<void> {
    const letters = refused.map(({ entry, reason }) => ({
      record: entry.record,
      destination: destination.name,
      reason,
      status,
    }))
    let written = 0
    try {
      written = await deadLetters.add(letters)
    } catch {
      // It promised not to; then they are lost.
    }
    const records = letters.map((letter) => letter.record)
    const reason = letters.at(-1)?.reason ?? ''
    if (written > 0) report.refused(levelsOf(records.slice(0, written)), written, reason)
    if (written < records.length)
      report.unburied(levelsOf(records.slice(written)), records.length - written, deadLetters.lastError)
    counts.refused += written
    counts.lost += records.length - written
    parcel.intake.settle(refused.map((one) => one.entry))
  }

  async function refuseUnsent(parcel: Parcel, entry: Entry): Promise<void> {
    parcel.entries = parcel.entries.slice(1)
    parcel.part = wholeOf(parcel.entries.length)
    const reason = `the record has ${entry.record.bytes} bytes, ${destination.name} takes ${destination.maxBytes}`
    await bury(parcel, [{ entry, reason }], undefined)
  }

  /** Before the first try alone: later ones are the same request again. */
  function expire(parcel: Parcel): void {
    const { oldestMs } = destination
    if (oldestMs === undefined) return
    const since = clock.now() - oldestMs
    const expired = parcel.entries.filter((entry) => entry.record.timeMs < since)
    if (expired.length === 0) return
    parcel.entries = parcel.entries.filter((entry) => entry.record.timeMs >= since)
    parcel.part = wholeOf(parcel.entries.length)
    counts.expired += expired.length
    report.expired(levelsOf(expired.map((entry) => entry.record)), expired.length)
    parcel.intake.settle(expired)
  }

  return {
    deliver,
    abort() {
      aborted = true
      for (const controller of underWay) controller.abort(new Error('the shipper was stopped'))
    },
  }
}

/** What the destination complains of though it took everything. */
function warningOf(verdict: Verdict): string | undefined {
  if (verdict.kind === 'delivered') return verdict.warning
  if (verdict.kind !== 'partly') return undefined
  const { retry = [], refused = [], lost = 0, reason } = verdict
  return retry.length === 0 && refused.length === 0 && lost === 0 ? reason : undefined
}

function failureOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
