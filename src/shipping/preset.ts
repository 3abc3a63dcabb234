import type { Shipped } from './shipped.ts'

/**
 * How one back end wants its records, and what its answers mean: records in, request out, answer in, verdict out.
 * A preset is pure: no clock, no network, no state; the shipper does the rest (batches, gzip, retry, time-outs,
 * bisection, dead letters, checkpoint).
 */
export interface Preset {
  /** 'loki', 'elasticsearch', … */
  readonly name: string
  /** Most bytes of a request's body before it is compressed; the shipper stays below it. */
  readonly maxBytes: number
  /** Most records of a request. */
  readonly maxCount: number
  /** Most requests in flight; 1 where the back end wants the order kept. */
  readonly concurrency: number
  /** What the body may be compressed with. */
  readonly compression: 'gzip' | 'none'
  /** Age in ms from which on the back end refuses a record: such are not sent, but counted and told. @default none */
  readonly oldestMs?: number | undefined
  /** Records of different groups are never in one request. @default all are of one */
  group?(record: Shipped): string
  /** Makes the request. It must give the same bytes for the same records: back ends know a repetition by them. */
  encode(records: readonly Shipped[]): PresetRequest
  /** What the answer means for the records of its request. Never throws, whatever was answered. */
  judge(answer: Answer, records: readonly Shipped[]): Verdict
}

export interface PresetRequest {
  /** Absolute. */
  readonly url: string
  /** @default 'POST' */
  readonly method?: 'POST' | 'PUT' | undefined
  /** Lower-case names; content-type and authorisation among them, content-length and content-encoding not. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface Answer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The first 64 KiB of it. */
  readonly body: string
}

/** What became of the records of one request. */
export type Verdict =
  /** The back end has them all. */
  | { readonly kind: 'delivered'; readonly warning?: string | undefined }
  /** None of them was taken, later they may be. `afterMs`: what the back end asked for (Retry-After). */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number | undefined }
  /** The same, but somebody has to do something first (401, 403, blocked): kept, told once, tried slowly. */
  | { readonly kind: 'hold'; readonly reason: string }
  /** None was taken, since they are too many or too large together: sent again in halves; one alone is refused. */
  | { readonly kind: 'halve'; readonly reason: string }
  /** None was taken because of some of them, it is not known which: bisected down to those, which are refused. */
  | { readonly kind: 'bisect'; readonly reason: string }
  /** None can ever be taken, and sending fewer would change nothing: all are refused, into the dead letters. */
  | { readonly kind: 'refuse'; readonly reason: string }
  /** Some were taken. What is neither in `retry` nor in `refused` was, but for `lost` of them. */
  | {
      readonly kind: 'partly'
      /** Indexes of records to send again. */
      readonly retry?: readonly number[] | undefined
      /** Those that can never be taken: into the dead letters. */
      readonly refused?: readonly { readonly index: number; readonly reason: string }[] | undefined
      /** How many more the back end says it threw away without saying which: counted and told. */
      readonly lost?: number | undefined
      readonly reason: string
      readonly afterMs?: number | undefined
    }

/** What every preset is made from; each has more of its own. */
export interface PresetOptions {
  /** Where to: what it must hold is each preset's to say. */
  readonly url: URL
  /** How the back end is to believe us; where in the request it goes is each preset's to know. */
  readonly token?: string | undefined
  /** More headers, which win over the preset's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Constant fields (LOG_LABELS) that a back end with labels gets as labels: their names. */
  readonly labels?: readonly string[] | undefined
}
