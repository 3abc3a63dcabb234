import { lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../upkeep/remove.ts'
import { isBookkeeping, parseSegmentName, SET_ASIDE, segmentName } from './layout.ts'
import type { SpoolPlace } from './place.ts'
import type { SpoolProblem } from './problems.ts'

/** The segments of one subdirectory, as they were at the last look. */
export interface Shelf {
  /** @throws an errno error if the directory can't be read */
  look(): Promise<void>
  /** The directory has been adopted by somebody else, or removed. */
  readonly gone: boolean
  readonly newest: number | undefined
  /** The first segment of that number or a later one. */
  from(seq: number): number | undefined
  /** The last segment before that number. */
  before(seq: number): number | undefined
  /** Bytes; 0 for one that is not there. */
  sizeOf(seq: number): number
  /** When the newest was last written to, epoch ms. */
  readonly writtenMs: number
  /** Bytes from a place on. */
  bytesFrom(place: SpoolPlace): number
  pathOf(seq: number): string
  /** Leaves a segment out for good, because it can't be read, and keeps its file under another name. */
  setAside(seq: number, why: string): Promise<void>
  /** Deletes the segments before a number. */
  discardBefore(seq: number): Promise<void>
  /** Notes that a segment is no longer there. */
  forget(seq: number): void
  /** Deletes what is ours in the directory, and the directory. */
  remove(): Promise<void>
}

/** @param onProblem never throws */
export function createShelf(subdirectory: string, onProblem: (problem: SpoolProblem) => void): Shelf {
  let seqs: number[] = []
  const sizes = new Map<number, number>()
  const aside = new Set<number>()
  let writtenMs = 0
  let gone = false
  let foreignTold = false

  const pathOf = (seq: number): string => join(subdirectory, segmentName(seq))

  async function namesIn(): Promise<string[]> {
    try {
      return await readdir(subdirectory)
    } catch (error) {
      if (!isMissing(error)) throw error
      gone = true
      return []
    }
  }

  async function look(): Promise<void> {
    const names = await namesIn()
    const changing = seqs.at(-1) ?? 0
    seqs = []
    for (const name of names) {
      const seq = parseSegmentName(name)
      if (seq !== undefined && !aside.has(seq)) seqs.push(seq)
      else if (seq === undefined && !isBookkeeping(name) && !name.endsWith(SET_ASIDE)) tellForeign(name)
    }
    seqs.sort((a, b) => a - b)
    for (const seq of seqs) if (seq >= changing || !sizes.has(seq)) await measure(seq)
    seqs = seqs.filter((seq) => sizes.has(seq))
    for (const seq of sizes.keys()) if (seqs[0] === undefined || seq < seqs[0]) sizes.delete(seq)
  }

  async function measure(seq: number): Promise<void> {
    try {
      const stats = await lstat(pathOf(seq))
      sizes.set(seq, stats.size)
      writtenMs = stats.mtimeMs
    } catch (error) {
      if (!isMissing(error)) throw error
      sizes.delete(seq)
    }
  }

  function tellForeign(name: string): void {
    if (foreignTold) return
    foreignTold = true
    const file = join(subdirectory, name)
    const message = `${file} is no file of spoor's. It is left alone; move it away, since what is in a spool's directory may be deleted with it.`
    onProblem({ code: 'foreign', file, message })
  }

  async function setAside(seq: number, why: string): Promise<void> {
    aside.add(seq)
    forget(seq)
    const file = pathOf(seq)
    const kept = `${file}${SET_ASIDE}`
    const renamed = await rename(file, kept).then(
      () => true,
      () => false,
    )
    const message = `can't read ${file}: ${why}. Its records are not delivered; ${renamed ? `it is kept as ${kept}` : 'it is left where it is'}, and the segments behind it go on.`
    onProblem({ code: 'unreadable', file, message })
  }

  function forget(seq: number): void {
    seqs = seqs.filter((one) => one !== seq)
    sizes.delete(seq)
  }

  async function discard(file: string): Promise<boolean> {
    try {
      await unlink(file)
      return true
    } catch (error) {
      if (isMissing(error)) return true
      const message = `can't remove ${file}: ${(error as Error).message}. It was delivered and is not needed; it is tried again, and takes up the spool's budget until then.`
      onProblem({ code: 'removal', file, message })
      return false
    }
  }

  async function discardBefore(end: number): Promise<void> {
    for (const seq of seqs.filter((one) => one < end)) if (await discard(pathOf(seq))) forget(seq)
  }

  async function remove(): Promise<void> {
    await discardBefore(Number.POSITIVE_INFINITY)
    if (seqs.length > 0) return
    for (const name of await namesIn()) if (isBookkeeping(name)) await discard(join(subdirectory, name))
    try {
      await rmdir(subdirectory)
    } catch (error) {
      if (isMissing(error)) return
      const inIt = codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST'
      const why = inIt ? 'there are files in it that were left alone' : (error as Error).message
      const message = `can't remove ${subdirectory}: ${why}. Nothing in it waits for delivery; look through it and remove it.`
      onProblem({ code: 'removal', file: subdirectory, message })
    }
  }

  return {
    look,
    get gone() {
      return gone
    },
    get newest() {
      return seqs.at(-1)
    },
    from: (seq) => seqs.find((one) => one >= seq),
    before: (seq) => seqs.findLast((one) => one < seq),
    sizeOf: (seq) => sizes.get(seq) ?? 0,
    get writtenMs() {
      return writtenMs
    },
    bytesFrom(place) {
      let bytes = 0
      for (const [seq, size] of sizes) {
        if (seq > place.seq) bytes += size
        else if (seq === place.seq) bytes += Math.max(0, size - place.offset)
      }
      return bytes
    },
    pathOf,
    setAside,
    discardBefore,
    forget,
    remove,
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}
