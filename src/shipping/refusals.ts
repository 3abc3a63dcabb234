const MINUTE_MS = 60_000
// About 11 requests each for a batch of 1,000.
const SEARCHES = 30
/** So many records at fault, and none taken, in one batch: then all of it is taken for bad. */
const FRUITLESS = 3
/** Three batches of the default size. */
const BRAKE_AT = 3000

/** What is known of refusals, to keep them from becoming a storm of requests or a flood of dead letters. */
export interface Refusals {
  /**
   * Whether the record at fault may be searched for in a batch in which so many were found already. A search costs
   * a dozen requests: 30 may be had at once, then one a minute.
   */
  maySearch(found: number, anyTaken: boolean): boolean
  /** Tells of records that the destination refused. */
  refused(records: number): void
  /** Tells that the destination took something. */
  taken(): void
  /**
   * True where so many were refused in a row that the fault is rather with the address, the format or the back end
   * than with each of them: what follows is then tried slowly, so that it stays in the spool and not all goes to the
   * dead letters.
   */
  readonly braking: boolean
  /** Records refused since anything was taken. */
  readonly inARow: number
}

/** @param monotonic ms that no setting of the clock changes */
export function createRefusals(monotonic: () => number): Refusals {
  let searches = SEARCHES
  let countedMs = monotonic()
  let inARow = 0

  function refill(): void {
    const now = monotonic()
    const minutes = Math.floor((now - countedMs) / MINUTE_MS)
    searches = Math.min(SEARCHES, searches + minutes)
    countedMs = searches === SEARCHES ? now : countedMs + minutes * MINUTE_MS
  }

  return {
    maySearch(found, anyTaken) {
      if (found >= FRUITLESS && !anyTaken) return false
      refill()
      if (searches < 1) return false
      searches--
      return true
    },
    refused(records) {
      inARow += records
    },
    taken() {
      inARow = 0
    },
    get braking() {
      return inARow >= BRAKE_AT
    },
    get inARow() {
      return inARow
    },
  }
}
