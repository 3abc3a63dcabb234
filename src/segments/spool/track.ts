import { openRegular } from '../read/regular.ts'
import { codeOf } from '../upkeep/remove.ts'
import type { SpoolPlace } from './place.ts'
import type { Shelf } from './shelf.ts'
import { createTape, type LineTaker, type SkippedLines, type Tape } from './tape.ts'

export interface TrackOptions {
  readonly shelf: Shelf
  /** Bytes. */
  readonly maxLine: number
  readonly skipped: SkippedLines
  /** Whether nobody will write to the newest segment any more; asked right after a look. */
  readonly isOver: () => boolean
}

/** Where a reader is in its segments, one behind the other. */
export interface Track {
  /** Goes to a place. */
  begin(place: SpoolPlace): Promise<void>
  /** Gives lines until one is not wanted or there are no more now. @throws an errno error that may pass by itself */
  read(taker: LineTaker): Promise<void>
  /** Whether it is worth reading again. @throws an errno error */
  hasMore(): Promise<boolean>
  /** Where the next line begins. */
  readonly position: SpoolPlace
  /** Nothing more will come. */
  readonly ended: boolean
  /** Bytes of a torn line at the end. */
  readonly rest: number
  close(): Promise<void>
}

/** The machine has too little of something: no fault of the file. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR', 'EBUSY', 'ETIMEDOUT', 'ESTALE'])

/** A segment that is not there is passed over, one that can't be read is set aside: neither stops it. */
export function createTrack({ shelf, maxLine, skipped, isOver }: TrackOptions): Track {
  let place: SpoolPlace = { seq: 0, offset: 0 }
  let tape: Tape | undefined
  // Whether the tape's segment was seen to be finished, before it was read to its end.
  let sealed = false
  let ended = false
  let rest = 0

  async function read(taker: LineTaker): Promise<void> {
    do {
      if (tape?.lines(taker) === true) return
    } while (await more())
  }

  /** Reads on, into the next segment if need be; false if there is nothing now. */
  async function more(): Promise<boolean> {
    while (!ended) {
      tape ??= await open()
      if (tape === undefined) return false
      const bytes = await fill(tape)
      if (bytes === undefined) continue
      if (bytes > 0) return true
      // Its last lines may have come between the reading and the look, so it is read once more.
      if (sealed) await finish(tape)
      else if (!(await isFinished(tape))) return false
    }
    return false
  }

  async function open(): Promise<Tape | undefined> {
    for (;;) {
      if (shelf.from(place.seq) === undefined) await shelf.look()
      const seq = shelf.from(place.seq)
      if (seq === undefined) {
        ended = shelf.gone || isOver()
        return undefined
      }
      if (seq !== place.seq) place = { seq, offset: 0 }
      try {
        const { handle } = await openRegular(shelf.pathOf(seq), false)
        sealed = false
        return createTape(seq, handle, place.offset, maxLine, skipped)
      } catch (error) {
        await passOver(seq, error as Error)
      }
    }
  }

  /** @throws the error, if it is one that passes by itself */
  async function passOver(seq: number, error: Error): Promise<void> {
    if (PASSING.has(codeOf(error))) throw error
    if (codeOf(error) === 'ENOENT') shelf.forget(seq)
    else await shelf.setAside(seq, error.message)
  }

  async function fill(from: Tape): Promise<number | undefined> {
    try {
      return await from.fill()
    } catch (error) {
      // Opened anew in any case: what an NFS server has forgotten (ESTALE) is never found again by an open file.
      await leave(PASSING.has(codeOf(error)) ? position() : { seq: from.seq + 1, offset: 0 })
      await passOver(from.seq, error as Error)
      return undefined
    }
  }

  async function isFinished(read: Tape): Promise<boolean> {
    await shelf.look()
    if (shelf.gone) {
      ended = true
      await leave(position())
      return false
    }
    sealed = (shelf.newest ?? 0) > read.seq || isOver()
    return sealed
  }

  async function finish(read: Tape): Promise<void> {
    rest = await read.tear()
    const next = shelf.from(read.seq + 1)
    ended = next === undefined
    await leave(next === undefined ? { seq: read.seq, offset: read.offset } : { seq: next, offset: 0 })
  }

  async function leave(next: SpoolPlace): Promise<void> {
    const old = tape
    tape = undefined
    place = next
    await old?.close().catch(() => {})
  }

  function position(): SpoolPlace {
    return tape === undefined ? place : { seq: tape.seq, offset: tape.offset }
  }

  return {
    async begin(at) {
      await leave(at)
      ended = false
      rest = 0
    },
    read,
    async hasMore() {
      if (ended) return false
      if (tape !== undefined && (await tape.hasGrown())) return true
      await shelf.look()
      const { seq, offset } = position()
      if (shelf.gone || isOver() || (shelf.newest ?? 0) > seq) return true
      return tape === undefined && shelf.sizeOf(seq) > offset
    },
    get position() {
      return position()
    },
    get ended() {
      return ended
    },
    get rest() {
      return rest
    },
    close: () => leave(position()),
  }
}
