import { promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, clearTimeout } from '../timers.ts'
import { codeOf, isFull } from '../upkeep/remove.ts'
import { readAbout } from './about.ts'
import { createBookmark } from './bookmark.ts'
import { dropSegment } from './drop.ts'
import { ABOUT, ALIVE, CHECKPOINT, NOBODY, parseSubdirectoryName, subdirectoryName } from './layout.ts'
import { MAX_LINE_BYTES } from './limits.ts'
import { type Dropped, NOTHING_DROPPED, type SpoolLine } from './line.ts'
import { comparePlaces, later, lineId, nthOf, type SpoolPlace } from './place.ts'
import type { SpoolProblem, SpoolProblemCode } from './problems.ts'
import { createShelf } from './shelf.ts'
import { touchAlive } from './signs.ts'
import type { SpoolSource, SpoolSourceOptions } from './source-options.ts'
import type { SkippedLines } from './tape.ts'
import { createTrack } from './track.ts'

const POLL_MS = 100
/** What was taken from a living owner by a wrong guess may still grow; see isLost in writer.ts. */
const GROWTH_MS = 10 * 60 * 1000

/**
 * Makes the source; it opens nothing before it is read.
 *
 * @throws TypeError for a path that is no spool's subdirectory
 */
export function createSpoolSource(options: SpoolSourceOptions): SpoolSource {
  const { subdirectory, fsync, parserOf } = options
  const name = parseSubdirectoryName(basename(subdirectory))
  if (name === undefined) throw new TypeError(`${subdirectory} is not the name of a spool's subdirectory`)
  const { unique, guessed } = name
  const now = options.now ?? Date.now
  const monotonic = options.monotonic ?? (() => performance.now())
  const maxLine = options.maxLine ?? MAX_LINE_BYTES
  const skipped: SkippedLines = { broken: 0, tooLong: 0, torn: 0 }
  const shelf = createShelf(subdirectory, tell)
  const bookmark = createBookmark({ subdirectory, shelf, fsync, monotonic, onProblem: tell })
  const track = createTrack({ shelf, maxLine, skipped, isOver })

  let { finished } = options
  let begun = false
  let parse = parserOf({})
  let committed: SpoolPlace = { seq: 0, offset: 0 }
  // Behind the last line that was given.
  let given: SpoolPlace | undefined
  let removed = false
  let closed = false
  let wake = (): void => {}
  let last: Promise<unknown> = Promise.resolve()

  function tell(problem: SpoolProblem): void {
    try {
      options.onProblem(problem)
    } catch {
      // Nobody is left to tell.
    }
  }

  function problem(code: SpoolProblemCode, file: string, message: string): void {
    tell({ code, file, message })
  }

  /** One after the other. */
  function inTurn<T>(act: () => Promise<T>, otherwise: T): Promise<T> {
    const result = last.then(act).catch((error: Error) => {
      tellUnreadable(error)
      return otherwise
    })
    last = result
    return result
  }

  function tellUnreadable(error: Error): void {
    problem('unreadable', subdirectory, `can't read ${subdirectory}: ${error.message}. It is tried again.`)
  }

  function isOver(): boolean {
    return finished && (!guessed || now() - shelf.writtenMs >= GROWTH_MS)
  }

  /** @throws an errno error, to be tried again */
  async function begin(): Promise<void> {
    if (begun) return
    await shelf.look()
    const names = await readAbout(subdirectory)
    if (typeof names !== 'string') parse = parserOf(names)
    else if (shelf.newest !== undefined) {
      const file = join(subdirectory, ABOUT)
      const message = `can't tell from ${file} what the keys of its records are called (${names}). They are taken for the default ones.`
      problem('about', file, message)
    }
    committed = await bookmark.load()
    await track.begin(committed)
    begun = true
  }

  async function readNow(maxBytes: number, maxCount: number): Promise<readonly SpoolLine[]> {
    if (closed || track.ended) return []
    await begin()
    const lines: SpoolLine[] = []
    let bytes = 0
    const before = { ...skipped }
    try {
      await track.read({
        wants: (more) => lines.length < maxCount && (lines.length === 0 || bytes + more <= maxBytes),
        take(line, offset, length) {
          const parsed = parse(line)
          if (parsed === undefined) {
            skipped.broken++
            return
          }
          const { seq } = track.position
          const id = lineId(unique, seq, offset)
          const place = { seq, offset: offset + length + 1 }
          lines.push({
            record: parsed.record,
            timeMs: parsed.timeMs,
            line,
            bytes: length,
            id,
            nth: nthOf(offset),
            place,
          })
          bytes += length
        },
      })
    } catch (error) {
      // What was read before it is given all the same.
      tellUnreadable(error as Error)
    }
    given = lines.at(-1)?.place ?? given
    passSkipped()
    tellSkipped(before)
    if (lines.length === 0) await cleanUp()
    return lines
  }

  /** What was left out right behind what is done with, is done with. */
  function passSkipped(): void {
    if (given === undefined || comparePlaces(committed, given) >= 0)
      committed = later(committed, track.position)
  }

  function tellSkipped(before: SkippedLines): void {
    const broken = skipped.broken - before.broken
    const tooLong = skipped.tooLong - before.tooLong
    const torn = skipped.torn - before.torn
    const file = shelf.pathOf(track.position.seq)
    if (broken > 0)
      problem('broken', file, `${broken} lines in or before ${file} are no records; they are left out.`)
    if (tooLong > 0)
      problem(
        'broken',
        file,
        `${tooLong} lines in or before ${file} have over ${maxLine} bytes; they are left out.`,
      )
    if (torn > 0)
      problem(
        'torn',
        file,
        `a line in or before ${file} was torn when its process died or its disk was full; it is left out.`,
      )
  }

  async function commitNow(place: SpoolPlace): Promise<void> {
    if (!begun || removed || shelf.gone) return
    if (given !== undefined && comparePlaces(place, given) <= 0) committed = later(committed, place)
    passSkipped()
    await cleanUp()
  }

  /** Notes how far it is, and deletes what was passed: in this order, so that nobody waits for what is not there. */
  async function cleanUp(): Promise<void> {
    if (removed || shelf.gone) return
    const passes = (shelf.from(0) ?? committed.seq) < committed.seq
    const done = track.ended && comparePlaces(committed, track.position) === 0
    const failure = await bookmark.save(committed, passes || done)
    if (failure !== undefined && !(await mayGoOn(failure))) return
    if (passes) await shelf.discardBefore(committed.seq)
    if (passes && failure !== undefined) await bookmark.save(committed, true)
    if (done) await remove()
  }

  /**
   * A disk that is full takes no checkpoint, but must still let go of what was delivered. Then the absence of a
   * segment says how far it was.
   */
  async function mayGoOn(failure: Error): Promise<boolean> {
    await shelf.look()
    if (shelf.gone) return false
    const file = join(subdirectory, CHECKPOINT)
    const message = `can't write the checkpoint ${file}: ${failure.message}. What is delivered meanwhile may be delivered a second time after a restart.`
    problem('checkpoint', file, message)
    return isFull(failure)
  }

  async function remove(): Promise<void> {
    await shelf.look()
    if (shelf.bytesFrom(track.position) > track.rest) {
      // Its owner, wrongly taken for dead, was writing.
      await track.begin(committed)
      return
    }
    await track.close()
    await shelf.remove()
    removed = true
  }

  async function dropNow(seq: number): Promise<Dropped | undefined> {
    if (closed || removed) return undefined
    await begin()
    await shelf.look()
    const bytes = shelf.sizeOf(seq)
    if (seq < committed.seq) {
      await cleanUp()
      return shelf.sizeOf(seq) === 0 ? { ...NOTHING_DROPPED, bytes } : undefined
    }
    if (shelf.gone || shelf.from(seq) !== seq || isInUse(seq)) return undefined
    const front = shelf.before(seq)
    const isFree = front !== undefined && front >= committed.seq && !isInUse(front)
    if (seq === track.position.seq || (isFree && front === track.position.seq)) await track.close()
    const { note } = options
    const before = { ...skipped }
    try {
      const file = shelf.pathOf(seq)
      const drop = { seq, file, before: isFree ? shelf.pathOf(front) : undefined }
      return await dropSegment({ ...drop, parse, maxLine, note, skipped })
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      const file = shelf.pathOf(seq)
      problem(
        'removal',
        file,
        `can't drop ${file}, though the spool is over its budget: ${(error as Error).message}.`,
      )
      return undefined
    } finally {
      tellSkipped(before)
      shelf.forget(seq)
      if (front !== undefined) shelf.forget(front)
      await shelf.look()
    }
  }

  function isInUse(seq: number): boolean {
    const { position } = track
    if (seq === shelf.newest && !isOver()) return true
    return seq < position.seq || (seq === position.seq && position.offset > 0)
  }

  async function wait(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !closed; left -= options.pollMs ?? POLL_MS) {
      if (begun && (await inTurn(track.hasMore, false))) return
      if (await pause(Math.min(left, options.pollMs ?? POLL_MS))) return
    }
  }

  /** True if it was woken. */
  function pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = after(ms, () => resolve(false)).unref()
      wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  async function closeNow(): Promise<void> {
    if (closed) return
    closed = true
    await track.close()
    if (removed || shelf.gone) return
    if (begun) {
      const failure = await bookmark.save(committed, fsync !== 'never')
      if (failure !== undefined) await mayGoOn(failure)
    }
    if (finished && !shelf.gone) await release()
  }

  async function release(): Promise<void> {
    const free = subdirectoryName({ unique, owner: NOBODY, guessed })
    try {
      await fs.rename(subdirectory, join(dirname(subdirectory), free))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      const message = `can't give up ${subdirectory}: ${(error as Error).message}. It is delivered by whoever finds this process dead.`
      problem('release', subdirectory, message)
    }
  }

  async function touch(): Promise<void> {
    if (closed || removed || shelf.gone) return
    try {
      await touchAlive(subdirectory, now())
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      const file = join(subdirectory, ALIVE)
      const message = `can't touch ${file}: ${(error as Error).message}. Other processes may take this one for dead and deliver its records as well.`
      problem('alive', file, message)
    }
  }

  return {
    name: unique,
    subdirectory,
    read: (maxBytes, maxCount) => inTurn(() => readNow(maxBytes, maxCount), []),
    wait,
    poke: () => wake(),
    commit: (place) => inTurn(() => commitNow(place), undefined),
    finish() {
      finished = true
      wake()
    },
    touch,
    drop: (seq) => inTurn(() => dropNow(seq), undefined),
    get ended() {
      return track.ended
    },
    get backlog() {
      return removed || shelf.gone ? 0 : shelf.bytesFrom(committed)
    },
    skipped,
    close() {
      wake()
      return inTurn(closeNow, undefined)
    },
  }
}
