import type { HttpFormat } from '../config/formats.ts'
import type { KeyNames } from '../segments/spool/about.ts'
import type { ShipperEvent } from './events.ts'
import type { ShipperStats } from './stats.ts'

/** What a destination is made of, as plain data that can go to a thread. */
export interface DestinationOrders {
  readonly format: HttpFormat
  /** A module whose `preset` or default export makes a preset, instead of one of ours: a URL or absolute path. */
  readonly module?: string | undefined
  /** Where to; undefined where the environment says so (otlp, dash0, datadog). */
  readonly url?: string | undefined
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Names of constant fields that become labels. */
  readonly labels?: readonly string[] | undefined
  readonly tenant?: string | undefined
  readonly index?: string | undefined
  /** More options of the format's own. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  readonly allowInsecure: boolean
  readonly timeoutMs: number
  /** PEM. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The variables that the formats read by themselves: OTEL_EXPORTER_OTLP_*, DASH0_*, DD_*. */
  readonly environment: Readonly<Record<string, string>>
}

/** What a shipping worker is told when it is started. */
export interface ShipOrders {
  readonly kind: 'ship'
  /** The destination's directory in the spool. */
  readonly directory: string
  /** The owner that the writer writes as. */
  readonly owner: string
  readonly destination: DestinationOrders
  readonly budgetBytes: number
  /** Ms that records wait at most; Infinity is for ever. */
  readonly maxAgeMs: number
  readonly batch: { readonly bytes?: number; readonly count?: number; readonly ageMs?: number }
  readonly deadLetterBytes: number
  /** A line as the logger writes it, for the record that tells of a loss; the loss's fields are put into it. */
  readonly note: string
  /** What its `time` is called. */
  readonly timeKey: string
  /** The default schema's key of each key that is written under another name, in lines that are carried. @default none */
  readonly names?: KeyNames | undefined
  /** Subdirectories that one who died before it had adopted for the same owner. */
  readonly adopted?: readonly string[] | undefined
}

/** What it is told later. */
export type ShipOrder =
  /** The writer has begun this subdirectory. */
  | { readonly kind: 'directory'; readonly subdirectory: string }
  /** Lines that could not be written to the spool; of which it says 'carried' once they are done with. */
  | { readonly kind: 'carry'; readonly id: number; readonly lines: string }
  /** Look at once. */
  | { readonly kind: 'poke' }
  /** Answer when all that is in the spool now is delivered, after `waitMs` at the latest. */
  | { readonly kind: 'drain'; readonly id: number; readonly waitMs: number }
  /** The writer has closed: finish what can be finished within `waitMs`, and end. */
  | { readonly kind: 'stop'; readonly waitMs: number }

/** Records that were given up because the spool was full or they had waited too long. */
export interface SpoolLoss {
  readonly lines: number
  readonly byLevel: Readonly<Record<string, number>>
}

/** What it says. */
export type ShipReport =
  | {
      readonly kind: 'stats'
      readonly stats: ShipperStats
      readonly spoolBytes: number
      readonly dropped: number
    }
  | { readonly kind: 'event'; readonly event: ShipperEvent }
  | { readonly kind: 'problem'; readonly code: string; readonly message: string; readonly dropped?: number }
  /** Told when the endpoint takes records again: what went meanwhile. */
  | { readonly kind: 'lost'; readonly loss: SpoolLoss; readonly reason: string }
  /** It has taken this subdirectory over from a dead process. */
  | { readonly kind: 'adopted'; readonly subdirectory: string }
  | { readonly kind: 'carried'; readonly id: number }
  | { readonly kind: 'drained'; readonly id: number; readonly all: boolean }
  | { readonly kind: 'stopped' }
  /** It could not begin: there is nothing that could be sent. */
  | { readonly kind: 'failed'; readonly message: string }
