import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { LEVELS, type LevelName } from '../../config/levels.ts'
import { type FileIdentity, HEAD_BYTES, type Place } from '../../segments/read/identity.ts'
import type { Batch } from '../../segments/read/lines.ts'
import type { Shipped } from '../../shipping/shipped.ts'
import { type ConstantFields, withConstantFields } from './constant-fields.ts'
import { type ForeignLine, withTime } from './lines.ts'
import type { LogCounts } from './log-counts.ts'
import { createTimeline } from './timeline.ts'

export interface RecordMakerOptions {
  readonly parse: (text: string) => ForeignLine | undefined
  readonly fields: ConstantFields
  /** Number of the lowest level that is shipped. */
  readonly minLevel: number
  /** Counted up. */
  readonly counts: LogCounts
  /** Told of each line of text that the pattern does not fit. @default there is no pattern */
  readonly onUnmatched: (() => void) | undefined
}

/** A line of a log. */
export interface LogLine {
  /** Right behind it. */
  readonly place: Place
  /** Its bytes with its newline. */
  readonly length: number
  /** Undefined where it is not to be shipped. */
  readonly record: Shipped | undefined
}

/** Makes records of a log's lines. */
export interface RecordMaker {
  /** The lines from here on, in their order, each once. */
  take(batch: Batch): Iterator<LogLine, undefined>
  /** The lines to come were not there yet when those before were read. */
  pause(): void
}

export function createRecordMaker(options: RecordMakerOptions): RecordMaker {
  const { counts } = options
  const timeline = createTimeline()
  const keyOf = fileKeys()
  // Of the last line that said one, as long as lines are read together with it.
  let level: unknown

  function recordOf(text: string, place: Place, start: number): Shipped | undefined {
    const foreign = options.parse(text)
    if (foreign === undefined) return undefined
    const moment = timeline.timeOf(foreign.timeMs, start)
    if (foreign.plain) tellUnmatched()
    // A stack's trace has the level of the line before it.
    if (foreign.plain) foreign.record.level = level ?? foreign.record.level
    else level = foreign.record.level
    if (isBelow(foreign.record.level)) {
      counts.filtered++
      return undefined
    }
    const { line, record } = withConstantFields(withTime(foreign, moment.timeMs), options.fields)
    const id = `${keyOf(place.file)}-${start.toString(36)}`
    return { line, bytes: Buffer.byteLength(line), record, ...moment, id }
  }

  function tellUnmatched(): void {
    if (options.onUnmatched === undefined) return
    counts.unmatched++
    options.onUnmatched()
  }

  /** A name that is no level of ours passes. */
  function isBelow(name: unknown): boolean {
    const number = Object.hasOwn(LEVELS, name as string) ? LEVELS[name as LevelName] : undefined
    return (number ?? Number.POSITIVE_INFINITY) < options.minLevel
  }

  function* take(batch: Batch): Generator<LogLine, undefined> {
    const last = batch.place(batch.count - 1)
    for (let i = 0; i < batch.count; i++) {
      const length = batch.end(i) + 1 - batch.start(i)
      const offset = last.offset - (batch.bytes.length - batch.end(i) - 1)
      // A fingerprint for each line would be dear: behind the first 1024 bytes all of a file have the same.
      const place = offset >= HEAD_BYTES ? { file: last.file, offset } : batch.place(i)
      counts.lines++
      counts.bytes += length
      yield { place, length, record: recordOf(batch.text(i), place, offset - length) }
    }
    return undefined
  }

  return {
    take,
    pause() {
      timeline.pause()
      level = undefined
    },
  }
}

/** Makes what names a file in its records' ids: not by its device, whose number another start may change. */
function fileKeys(): (file: FileIdentity) => string {
  let last: FileIdentity | undefined
  let key = ''
  return (file) => {
    if (file === last) return key
    const { ino, birth, head, length } = file
    key = createHash('sha256').update(`${ino} ${birth} ${head} ${length}`).digest('hex').slice(0, 20)
    last = file
    return key
  }
}
