import type { ShippingClock } from './clock.ts'
import type { Destination } from './destination.ts'
import type { OnEvent } from './events.ts'
import { createNotices, type Notice } from './notices.ts'
import { addLevels, durationText, levelsText, recordsText, shownReason } from './words.ts'

type Levels = Readonly<Record<string, number>>

/** Tells what became of records that were not simply delivered. */
export interface Report {
  refused(byLevel: Levels, records: number, reason: string): void
  /** Refused, and they could not be put into the dead letters. */
  unburied(byLevel: Levels, records: number, error: string | undefined): void
  /** The destination took them and threw some away. */
  thrownAway(records: number, reason: string): void
  expired(byLevel: Levels, records: number): void
  warned(warning: string): void
  /** Tells at once what has come up since it was last told. */
  flush(): void
  readonly expiredByLevel: Levels
}

export function createReport(
  { name, oldestMs = 0 }: Destination,
  deadLettersPath: string,
  clock: ShippingClock,
  tell: OnEvent,
): Report {
  const expiredByLevel: Record<string, number> = {}
  const notices = {
    refused: createNotices(clock, tell, (notice) => ({
      code: 'refused',
      message: `${name} refused ${kinds(notice)}: ${shownReason(notice.reason)}. See the dead letters, ${deadLettersPath}: mend what it complains of, then send them again with 'spoor ship --dead-letter'.`,
      ...counted(notice),
    })),
    lost: createNotices(clock, tell, (notice) => ({
      code: 'lost',
      message: `lost on the way to ${name}: ${kinds(notice)}. ${shownReason(notice.reason)}.`,
      ...counted(notice),
    })),
    expired: createNotices(clock, tell, (notice) => ({
      code: 'expired',
      message: `not sent to ${name}: ${kinds(notice)}. It takes nothing older than ${durationText(oldestMs)}, and would refuse this; look since when it could not be reached.`,
      ...counted(notice),
    })),
    warning: createNotices(clock, tell, (notice) => ({
      code: 'warning',
      message: `${name} took records and complains: ${shownReason(notice.reason)}.`,
    })),
  }

  return {
    refused: (byLevel, records, reason) => notices.refused.note(records, byLevel, reason),
    unburied(byLevel, records, error = 'an unknown error') {
      const reason = `It refused this, and the dead letters could not be written, ${deadLettersPath}: ${error}; make room there, or let this process write it`
      notices.lost.note(records, byLevel, reason)
    },
    thrownAway: (records, reason) =>
      notices.lost.note(records, {}, `It took this and threw it away: ${reason}`),
    expired(byLevel, records) {
      addLevels(expiredByLevel, byLevel)
      notices.expired.note(records, byLevel, '')
    },
    warned: (warning) => notices.warning.note(0, {}, warning),
    flush() {
      for (const notice of Object.values(notices)) notice.flush()
    },
    get expiredByLevel() {
      return { ...expiredByLevel }
    },
  }
}

function counted({ records, byLevel }: Notice): { records: number; byLevel: Levels } {
  return { records, byLevel }
}

/** '3 records (1 error, 2 info)'. */
function kinds({ records, byLevel }: Notice): string {
  const levels = levelsText(byLevel)
  return levels === '' ? recordsText(records) : `${recordsText(records)} (${levels})`
}
