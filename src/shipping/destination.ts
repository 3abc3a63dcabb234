import type { Verdict } from './preset.ts'
import type { Shipped } from './shipped.ts'

/** Where a shipper sends batches: an HTTP back end by its preset, a Fluentd, a syslog server, an SDK's client. */
export interface Destination {
  readonly name: string
  /** Most bytes of the records of one batch, as `Shipped.bytes` counts them. */
  readonly maxBytes: number
  readonly maxCount: number
  /** Most batches in flight; 1 keeps the order. */
  readonly concurrency: number
  /** See Preset. */
  readonly oldestMs?: number | undefined
  group?(record: Shipped): string
  /**
   * Sends a batch once. The shipper gives the signal a time-out; it calls again after 'retry' and the like.
   *
   * @returns what became of it; rejects for what is no answer (network, time-out), which counts as 'retry'
   */
  send(records: readonly Shipped[], signal: AbortSignal): Promise<Verdict>
  close?(): Promise<void>
}
