import type { RotationOptions } from '../write/rotation.ts'
import type { WriterOptions } from '../write/writer.ts'

/** What a writer is told as plain data, so that it can be told to a thread. */
export interface WriterSettings extends Pick<WriterOptions, 'path' | 'mode' | 'directoryMode' | 'synced'> {
  readonly rotation: RotationOptions
}

/** What the writing thread is given as its `workerData`. */
export interface WriteOrders {
  readonly kind: 'write'
  readonly settings: WriterSettings
  readonly memory: SharedArrayBuffer
}

/** A chunk of whole lines on its way to the thread. Numbers follow each other and wrap as 32-bit integers. */
export interface Chunk {
  readonly sequence: number
  readonly lines: string
}

/** What the thread is asked for, in its place between the chunks. */
export type Order = Chunk | 'rotate' | 'reopen' | 'sync'

/** An error as plain data: a cloned one loses its code. */
export interface PlainError {
  readonly message: string
  readonly code: string | undefined
  readonly errno: number | undefined
  readonly syscall: string | undefined
  readonly path: string | undefined
}

/** What the thread says. `unsuited`: the path is no regular file, so nothing was written nor will be. */
export type Report =
  | { readonly kind: 'done' }
  | { readonly kind: 'unsuited' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'shared' }
  | { readonly kind: 'rotated'; readonly done: string }
  | { readonly kind: 'synced'; readonly error: PlainError | undefined }
  | { readonly kind: 'problem'; readonly error: PlainError }
  | { readonly kind: 'rotationFailed'; readonly error: PlainError }

/** Where the file ended before an append: what to look behind for what a dead thread wrote. */
export interface Mark {
  /** The chunk's. */
  readonly sequence: number
  /** The inode of the file at the path, 0 if there was none. */
  readonly ino: number
  /** Its size in bytes. */
  readonly size: number
}

/** How far the writing has got and whose turn it is, in memory that both threads see. */
export interface Progress {
  readonly memory: SharedArrayBuffer
  /** The writing thread's: waits while the other side has the turn, then takes it. */
  begin(): void
  /** The writing thread's: gives the turn up, to the other side if that wants it. */
  end(): void
  /**
   * The other side's: takes the turn, waiting up to `waitMs` for the end of a write.
   *
   * @param insist leaves the wish standing when the wait runs out: the turn comes with the end of the write
   */
  seize(waitMs: number, insist: boolean): boolean
  /** The other side's: gives back what `seize` took. */
  giveBack(): void
  /** How often the turn was given back: between two equal ones nobody else wrote for this process. */
  readonly returns: number
  /** The other side's, once the thread is dead: takes the turn. True if the thread died during an append. */
  inherit(): boolean
  /** Waits until the other side has finished a chunk, at most `ms`. */
  pause(ms: number): void
  /** Whether the chunk with that number is in the file. */
  reached(sequence: number): boolean
  /** UTF-16 units of the chunk after the last finished one that are in the file. Valid for who has the turn. */
  readonly part: number
  /** For who has the turn: `part` units more of an unfinished chunk, or the end of chunk `sequence`. */
  partIs(part: number): void
  finish(sequence: number): void
  /** The writing thread's figures: bytes written and files rotated. */
  count(bytes: number, rotated: number): void
  readonly bytes: number
  readonly rotated: number
  mark: Mark
}

// WANTED is WRITING with the wish of the other side: the end of the write makes it TAKEN, not IDLE, so that the
// next write can't come first.
const IDLE = 0
const WRITING = 1
const WANTED = 2
const TAKEN = 3

const TURN = 0
const DONE = 1
const PART = 2
const RETURNS = 3
const CELLS = 4

const BYTES = 0
const ROTATED = 1
const MARK_INO = 2
const MARK_SIZE = 3
const MARK_SEQUENCE = 4
const FIGURES = 5

/** Makes the state, or sees one in the `memory` of another thread's. No chunk is finished; the first is number 1. */
export function createProgress(memory = new SharedArrayBuffer(CELLS * 4 + FIGURES * 8)): Progress {
  const cells = new Int32Array(memory, 0, CELLS)
  const figures = new Float64Array(memory, CELLS * 4, FIGURES)
  const swap = (expected: number, next: number): number =>
    Atomics.compareExchange(cells, TURN, expected, next)

  function want(): boolean {
    for (;;) {
      const was = swap(IDLE, TAKEN)
      if (was === IDLE || was === TAKEN) return true
      if (was === WANTED || swap(WRITING, WANTED) === WRITING) return false
    }
  }

  return {
    memory,
    begin() {
      while (swap(IDLE, WRITING) !== IDLE) Atomics.wait(cells, TURN, TAKEN)
    },
    end() {
      if (swap(WRITING, IDLE) === WANTED) Atomics.store(cells, TURN, TAKEN)
      Atomics.notify(cells, TURN)
    },
    seize(waitMs, insist) {
      if (want()) return true
      if (waitMs > 0 && Atomics.wait(cells, TURN, WANTED, waitMs) !== 'timed-out') return true
      return insist ? Atomics.load(cells, TURN) === TAKEN : swap(WANTED, WRITING) === TAKEN
    },
    get returns() {
      return Atomics.load(cells, RETURNS)
    },
    giveBack() {
      Atomics.add(cells, RETURNS, 1)
      Atomics.store(cells, TURN, IDLE)
      Atomics.notify(cells, TURN)
    },
    inherit() {
      const was = Atomics.exchange(cells, TURN, TAKEN)
      return was === WRITING || was === WANTED
    },
    pause(ms) {
      Atomics.wait(cells, DONE, Atomics.load(cells, DONE), ms)
    },
    reached: (sequence) => ((Atomics.load(cells, DONE) - sequence) | 0) >= 0,
    get part() {
      return Atomics.load(cells, PART)
    },
    partIs(part) {
      Atomics.store(cells, PART, part)
    },
    finish(sequence) {
      Atomics.store(cells, PART, 0)
      Atomics.store(cells, DONE, sequence)
      Atomics.notify(cells, DONE)
    },
    count(bytes, rotated) {
      figures[BYTES] = bytes
      figures[ROTATED] = rotated
    },
    get bytes() {
      return figures[BYTES] as number
    },
    get rotated() {
      return figures[ROTATED] as number
    },
    get mark() {
      return {
        sequence: figures[MARK_SEQUENCE] as number,
        ino: figures[MARK_INO] as number,
        size: figures[MARK_SIZE] as number,
      }
    },
    set mark(mark) {
      figures[MARK_INO] = mark.ino
      figures[MARK_SIZE] = mark.size
      // Last: until then it is the chunk's before.
      figures[MARK_SEQUENCE] = mark.sequence
    },
  }
}
