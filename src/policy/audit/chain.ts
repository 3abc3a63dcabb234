import { Buffer } from 'node:buffer'
import { fdatasync, fdatasyncSync, fstatSync, type Stats, writeSync } from 'node:fs'
import { isNeedless, syncFlag } from '../../segments/durable.ts'
import { hiddenName, type RotatePeriod, type RotateTimeZone } from '../../segments/names.ts'
import { outsideScopes } from '../../segments/timers.ts'
import { createMover } from '../../segments/write/done.ts'
import { createLiveFile } from '../../segments/write/live-file.ts'
import { createRotation } from '../../segments/write/rotation.ts'
import { type Batch, type Entry, sealBatch, wholeRecords } from './batch.ts'
import { type End, findEnd } from './end.ts'
import type { Head, HeadFile } from './head.ts'
import { LINK_BYTES, newChain } from './link.ts'

export interface ChainOptions {
  /** Absolute. */
  readonly path: string
  readonly mode: number
  readonly directoryMode: number
  readonly maxSize: number
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  /** The secret; undefined for plain SHA-256. */
  readonly key: string | undefined
  readonly head: HeadFile | undefined
  /** Epoch ms. */
  readonly now: () => number
  readonly onOpened: () => void
  readonly onRotated: () => void
  /** Told why the file could not be renamed; it is written on. */
  readonly onRotationFailed: (message: string) => void
  /** Told what an operator should know, in one sentence. */
  readonly onSuspicion: (message: string) => void
}

/** What an append came to. */
export interface Appended {
  /** Records that are in the file, in their order. */
  readonly count: number
  /** The last one of them. */
  readonly last: Head | undefined
  /** Why it is not all of them. */
  readonly error: Error | undefined
}

/** One writer's chain of records in a log that other writers append to as well. Not to be used by two at once. */
export interface Chain {
  /** Writes records behind the log's last one. To be called in one's turn. Never throws. */
  append(entries: readonly Entry[]): Appended
  /** Makes durable what was appended. @throws an errno error */
  sync(): Promise<void>
  /** The same, blocking. */
  syncNow(): void
  /** Leaves the file; the next append opens what the path names then. */
  leave(): void
}

const ROTATION_RETRY_MS = 1000

/**
 * Makes it; it touches no file before the first append.
 *
 * Each append looks where the log ends: other processes write to it too. Where nobody has, that is known from the
 * append before.
 */
export function createChain(options: ChainOptions): Chain {
  const { path, mode, key, head, now } = options
  const rotation = createRotation(options)
  const mover = createMover(path, mode, rotation.labelAt)
  let fresh = false
  const file = createLiveFile({
    path,
    mode,
    directoryMode: options.directoryMode,
    lock: hiddenName(path, 'lock'),
    monotonic: () => performance.now(),
    synced: true,
    flags: syncFlag(),
    onBegun(size, writtenAtMs) {
      rotation.opened(size, writtenAtMs, now())
      fresh = true
    },
    onPipe() {},
    onShared() {},
  })
  const chain = newChain()
  let chainSeq = 0
  let chainHash: string | undefined
  // How long the file was after the last write.
  let reached: { readonly ino: number; readonly size: number } | undefined
  // Written and not known to be durable.
  let owed = false
  let broken = false
  let rotateAgainAt = 0
  // The end of the log as the last append left it, and the file that it was in.
  let known: { readonly end: End; readonly ino: number; readonly size: number } | undefined

  function endOfLog(): End {
    const { ino, size } = fstatSync(file.fd)
    if (known?.ino === ino && known.size === size) return known.end
    return findEnd(path, file.fd, size)
  }

  function isShorter(): boolean {
    const { ino, size } = fstatSync(file.fd)
    return reached?.ino === ino && size < reached.size
  }

  function rotateIfDue(length: number): void {
    const isDue = file.movable && rotation.due(file.size, length, now())
    if (!isDue || performance.now() < rotateAgainAt) return
    // Others may have written what is not durable yet: nothing in the next file may be so before that.
    syncFile()
    file.unsynced = false
    try {
      if (mover.move(rotation.label) !== undefined) options.onRotated()
    } catch (error) {
      rotateAgainAt = performance.now() + ROTATION_RETRY_MS
      options.onRotationFailed((error as Error).message)
    }
    file.leave()
    file.look()
  }

  /**
   * What the head file says, where it is to be written into the next record: in a chain's first, since the head is
   * replaced from there on, and where it names what is not the log's end. It is never ahead of a log that is whole.
   */
  function headToTell(end: End): string | undefined {
    if (head === undefined) return undefined
    const found = head.read()
    if (typeof found === 'string') {
      if (found === 'invalid') options.onSuspicion('the head file of the audit log is damaged')
      return found
    }
    if ('mac' in found) {
      options.onSuspicion('the head file of the audit log was made with another key, or changed')
      return `${found.seq}:${found.hash}:${found.mac}`
    }
    const { seq = 0, hash } = end.last ?? {}
    const isBeyond = found.seq > seq || (found.seq === seq && found.hash !== hash)
    if (isBeyond)
      options.onSuspicion(
        `it ends with record ${seq}, and its head file names record ${found.seq}: it was cut off or changed, or the head is another log's`,
      )
    return isBeyond || chainSeq === 0 ? `${found.seq}:${found.hash}` : undefined
  }

  function numberAfter(end: End, headText: string | undefined): number {
    // What was cut off is not to be covered by others of its numbers; a number that anybody may have written counts nothing.
    const inHead = Number(/^\d+(?=:[^:]+$)/.exec(headText ?? '')?.[0] ?? 0)
    return Math.max(end.last?.seq ?? 0, inHead) + 1
  }

  function append(entries: readonly Entry[]): Appended {
    let count = 0
    let fruitless = 0
    let last: Head | undefined
    try {
      while (count < entries.length) {
        const done = appendSome(entries, count)
        // After a short write the next one takes the rest, or says why it can't.
        if (done.count === 0 && ++fruitless > 1) throw new Error('a write came back short')
        count += done.count
        last = done.last ?? last
      }
      return { count, last, error: undefined }
    } catch (error) {
      // Opened again at the next try: the descriptor may be what is broken.
      known = undefined
      broken = true
      return { count, last, error: error as Error }
    } finally {
      if (fresh && file.fd !== -1) options.onOpened()
      fresh = false
    }
  }

  function appendSome(entries: readonly Entry[], from: number): { count: number; last: Head | undefined } {
    // What a look leaves, because it was renamed, is out of reach.
    if (owed) syncNow()
    if (broken) file.leave()
    broken = false
    file.look()
    if (!file.regular) throw new Error(`${path} is no regular file`)
    rotateIfDue((entries[from] as Entry).line.length + LINK_BYTES)
    const end = endOfLog()
    if (isShorter()) options.onSuspicion('the audit log was cut while this process wrote it')
    const headText = headToTell(end)
    const batch = sealBatch(entries, from, {
      seq: numberAfter(end, headText),
      prev: end.last?.hash,
      chain,
      chainSeq: chainSeq + 1,
      own: chainHash,
      torn: end.torn,
      head: headText,
      key,
    })
    const buffer = Buffer.from(`${end.open ? '\n' : ''}${batch.text}`)
    const before = fstatSync(file.fd)
    const written = writeSync(file.fd, buffer)
    owed = true
    file.wrote('', written, written === buffer.length)
    const stats = fstatSync(file.fd)
    if (stats.nlink === 0) throw new Error('the file was removed while it was written')
    const whole = take(batch, wholeRecords(batch, buffer, written))
    reached = { ino: stats.ino, size: stats.size }
    known = knownAfter(stats, before, written === buffer.length ? whole.last : undefined, buffer.length)
    return whole
  }

  function take({ records }: Batch, count: number): { count: number; last: Head | undefined } {
    const last = records[count - 1]
    chainSeq += count
    chainHash = last?.hash ?? chainHash
    return { count, last }
  }

  function knownAfter(stats: Stats, before: Stats, last: Head | undefined, length: number): typeof known {
    // Somebody who did not wait for his turn has written beside: to be looked at.
    if (last === undefined || stats.size !== before.size + length) return undefined
    return { end: { last, torn: undefined, open: false }, ino: stats.ino, size: stats.size }
  }

  function syncNow(): void {
    if (!owed) return
    if (file.fd === -1) throw new Error(`${path} was closed before it was synced`)
    syncFile()
    synced()
  }

  function syncFile(): void {
    try {
      fdatasyncSync(file.fd)
    } catch (error) {
      if (!isNeedless(error)) throw error
    }
  }

  function synced(): void {
    owed = false
    file.unsynced = false
  }

  async function sync(): Promise<void> {
    if (!owed) return
    if (file.fd === -1) throw new Error(`${path} was closed before it was synced`)
    const { fd } = file
    try {
      await new Promise<void>((resolve, reject) => {
        outsideScopes(() => fdatasync(fd, (error) => (error === null ? resolve() : reject(error))))
      })
    } catch (error) {
      // Opened again at the next try; what was written is not acknowledged.
      broken = !isNeedless(error)
      if (broken) throw error
    } finally {
      synced()
    }
  }

  return {
    append,
    sync,
    syncNow,
    leave: () => file.leave(),
  }
}
