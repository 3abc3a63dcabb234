import type { Place } from '../../segments/read/identity.ts'
import type { Batch } from '../../segments/read/lines.ts'
import { createReader, type Reader, type ReaderProblem } from '../../segments/read/reader.ts'
import type { Keeper } from './keeper.ts'

export interface LogReaderOptions {
  /** The live file, absolute. */
  readonly path: string
  readonly keeper: Keeper
  /** Whether there is more to come at the end. */
  readonly follow: boolean
  readonly onProblem: (problem: ReaderProblem) => void
}

/** Reads a log when it is asked to, and never waits for what is not there yet. */
export interface LogReader {
  /** The next lines, valid until it is called again; undefined if there are none now. */
  next(): Promise<Batch | undefined>
  /** Whether there will never be more. */
  readonly over: boolean
  /** Notes that all up to this place is done with. */
  commit(place: Place): Promise<void>
  /** Bytes on disk that are known and not read. */
  readonly lag: number
  /** Lines left out: torn ones at the end of files that are done, and those that are too long. */
  readonly skipped: { readonly torn: number; readonly tooLong: number }
  close(): Promise<void>
}

/** As a spool's: what is longer no back end takes. */
const MAX_LINE = 8 * 1024 * 1024

/** Makes the reader; it opens nothing before it is asked. */
export function createLogReader({ path, keeper, follow, onProblem }: LogReaderOptions): LogReader {
  let reader: Reader | undefined
  let iterator: AsyncIterator<Batch, void, void> | undefined
  let pending: Promise<IteratorResult<Batch, void>> | undefined
  let resting = false
  let onRest = (): void => {}
  let over = false
  let closed = false

  async function open(): Promise<AsyncIterator<Batch, void, void>> {
    reader = createReader({
      path,
      ...(await keeper.begin()),
      follow,
      lines: 'all',
      maxLine: MAX_LINE,
      onProblem,
      // It looks for more when it is poked, not by a timer: that it would wait says that there is nothing now.
      clock: {
        now: () => performance.now(),
        after() {
          resting = true
          onRest()
          return () => {}
        },
      },
    })
    return reader[Symbol.asyncIterator]()
  }

  /** No file makes the reader fail; should it, another one begins where the checkpoint is. */
  function failed(error: Error): IteratorResult<Batch, void> {
    onProblem({ code: 'unreadable', file: path, message: error.message })
    return { done: true, value: undefined }
  }

  return {
    async next() {
      iterator ??= await open()
      if (over || closed) return undefined
      if (resting) {
        resting = false
        reader?.poke()
      }
      pending ??= iterator.next().catch(failed)
      const rest = new Promise<undefined>((resolve) => {
        onRest = () => resolve(undefined)
      })
      const result = await Promise.race([pending, rest])
      if (result === undefined) return undefined
      pending = undefined
      if (result.done !== true) return result.value
      over = true
      return undefined
    },
    get over() {
      return over
    },
    async commit(place) {
      if (reader !== undefined) await keeper.commit(reader, place)
    },
    get lag() {
      return reader?.stats().lag ?? 0
    },
    get skipped() {
      const { torn = 0, tooLong = 0 } = reader?.stats() ?? {}
      return { torn, tooLong }
    },
    async close() {
      closed = true
      await reader?.close()
    },
  }
}
