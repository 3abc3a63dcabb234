/** What a shipper tells of itself. */
export interface ShipperEvent {
  /**
   * - `failing`: the destination takes nothing; the first time, then at most once a minute
   * - `held`: nor will it before somebody does something; once
   * - `recovered`: it takes records again, after one of the two was told
   * - `refused`: records went to the dead letters
   * - `lost`: records that nobody has any more
   * - `expired`: records that were too old for the destination and not sent
   * - `warning`: it took them, and complained
   *
   * The last four come at most once a minute, with what has come up since.
   */
  readonly code: 'failing' | 'held' | 'recovered' | 'refused' | 'lost' | 'expired' | 'warning'
  /** What happened, what spoor does now, what the operator can do. */
  readonly message: string
  /** How many records it is about, where it is about records. */
  readonly records?: number | undefined
  /** The same by level, where that is known. */
  readonly byLevel?: Readonly<Record<string, number>> | undefined
}

export type OnEvent = (event: ShipperEvent) => void

/** The callback, but what it throws stays its own. */
export function guarded(onEvent: OnEvent | undefined): OnEvent {
  return (event) => {
    try {
      onEvent?.(event)
    } catch {
      // A report that fails must not stop what it reports of.
    }
  }
}
