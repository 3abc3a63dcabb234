/** What a shipper counted since it was made, and how it stands. */
export interface ShipperStats {
  readonly state: ShipperState
  /** Records read, and their bytes. */
  readonly records: number
  readonly bytes: number
  /** Records put into requests, each time; and their bytes. */
  readonly sent: number
  readonly sentBytes: number
  /** Records that the destination has. */
  readonly delivered: number
  /** Records that were put into a request again. */
  readonly retried: number
  readonly requests: number
  /** Records in the dead letters. */
  readonly refused: number
  /** Records that nobody has: thrown away by the destination, or refused and not to be kept. */
  readonly lost: number
  /** Records not sent for their age. */
  readonly expired: number
  readonly expiredByLevel: Readonly<Record<string, number>>
  /** Dead letters that were dropped, since there were too many. */
  readonly dropped: number
  /** Batches in flight. */
  readonly inFlight: number
  /** How many may be, at present. */
  readonly limit: number
  /** Bytes in the sources that are not committed. */
  readonly queueBytes: number
  /** Bytes of records in memory, as `Shipped.bytes` counts them. */
  readonly heldBytes: number
  /** Age in ms of the oldest record that was read and is not done with; undefined if there is none. */
  readonly oldestMs: number | undefined
  /** The mean round trip in ms; undefined before the first. */
  readonly roundTripMs: number | undefined
  readonly lastError: string | undefined
}

/** 'failing': the last batch is to be sent again. 'held': so it is once somebody has done something. */
export type ShipperState = 'healthy' | 'failing' | 'held'

/** What only goes up. */
export type Counts = {
  -readonly [K in
    | 'records'
    | 'bytes'
    | 'sent'
    | 'sentBytes'
    | 'delivered'
    | 'retried'
    | 'requests'
    | 'refused'
    | 'lost'
    | 'expired']: number
}

export function noCounts(): Counts {
  return {
    records: 0,
    bytes: 0,
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    retried: 0,
    requests: 0,
    refused: 0,
    lost: 0,
    expired: 0,
  }
}
