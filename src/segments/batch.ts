import { beforeExit, isExiting } from '../config/exit.ts'
import { createBacklog, type HeldLine } from './backlog.ts'
import { after, atEndOfTurn, clearTimeout } from './timers.ts'

/**
 * 32 Ki units: on files, pipes and the null device within a few per cent of the cheapest size, and far enough
 * from 128 KiB of memory, where V8 moves strings to its large-object space and a flush costs three times as much.
 */
const SIZE = 32 * 1024
const URGENT = 50
const BUFFER_LIMIT = 16 * 1024 * 1024

export interface BatchOptions {
  /**
   * Writes whole lines and says how many UTF-16 units it took, up to the end of a line; less than all means
   * 'not now'. Never throws. What it took is its own: it writes the rest of a line that it began by itself.
   */
  commit(lines: string): number
  /** True while `commit` has something left to write of what it took. @default never */
  pending?: (() => boolean) | undefined
  /** UTF-16 units at which the buffer is written before the turn ends. @default 32768 */
  size?: number | undefined
  /** Ms that lines below error may wait. @default they are written at the end of the event-loop turn */
  interval?: number | undefined
  /** UTF-16 units held while nothing can be written. @default 16 Mi */
  bufferLimit?: number | undefined
  /** First and longest pause between tries while nothing can be written, in ms; it doubles in between. */
  retryMs: readonly [first: number, longest: number]
  /** Whether the process stays alive while something is held. */
  keepAlive: boolean
  /** Until when to go on trying at exit, in ms, blocking, of the process's one wait. @default 0: one try */
  exitWaitMs?: number | undefined
  /** Told when writing stops being possible. */
  onBlocked?: (() => void) | undefined
  /** Told of the first line that is given up since writing stopped, and of those given up at exit and close. */
  onLoss?: ((loss: Loss, final: boolean) => void) | undefined
  /** Told when everything held has been written, with what was given up in the meantime. */
  onRecovered?: ((loss: Loss) => void) | undefined
}

/** What was given up while nothing could be written. */
export interface Loss {
  dropped: number
  /** Lines by level number. */
  readonly byLevel: Map<number, number>
  /** When writing stopped, epoch ms. */
  readonly since: number
}

/** Lines collected during an event-loop turn and written together at its end. */
export interface Batch {
  /** Adds one whole line ending in '\n'. At level 50 (error) and above it is written before the call returns. */
  add(line: string, level: number): void
  /** Writes what is held, as far as possible; true if nothing is left. */
  flush(): boolean
  /** Tries again what could not be written, because there may be room now. */
  retry(): void
  /** Resolves when nothing is held any more, written or given up. */
  drained(): Promise<void>
  /** Flushes, waits up to `waitMs` for what is held, gives up the rest; lines added later are only counted. */
  close(waitMs: number): Promise<void>
  /** Lines added. */
  readonly records: number
  /** Lines given up. */
  readonly dropped: number
  /** UTF-16 units held. */
  readonly buffered: number
}

/** Makes a batch: the group commit that every local transport writes through. */
export function createBatch(options: BatchOptions): Batch {
  const { commit } = options
  const size = options.size ?? SIZE
  const pending = options.pending ?? (() => false)
  const backlog = createBacklog(options.bufferLimit ?? BUFFER_LIMIT, drop)

  let buffer = ''
  // Where in the buffer a run of lines of one level begins: offset, level, offset, level, …
  let runs: number[] = []
  let runLevel = -1
  // At 0 every line goes through write() at once: while exiting, blocked or closed.
  let limit = isExiting() ? 0 : size
  let scheduled = false
  let blocked = false
  let draining = false
  let exiting = isExiting()
  // While exit is waited for: what can't be written is held and not given up.
  let awaited = false
  // Given up what was held, and nothing written since: there is no recovery to tell.
  let givenUp = false
  let closed = false
  let loss: Loss | undefined
  let timer: NodeJS.Timeout | undefined
  // The end of the interval; it holds the process, since records wait for it.
  let waiting: NodeJS.Timeout | undefined
  let pause = 0
  let waiters: (() => void)[] = []
  let records = 0
  let dropped = 0

  function add(line: string, level: number): void {
    records++
    if (level !== runLevel) beginRun(level)
    buffer += line
    if (level >= URGENT || buffer.length >= limit) write()
    else if (!scheduled) schedule()
  }

  function beginRun(level: number): void {
    runs.push(buffer.length, level)
    runLevel = level
  }

  function schedule(): void {
    scheduled = true
    if (options.interval === undefined) atEndOfTurn(endOfTurn)
    else waiting = after(options.interval, endOfTurn)
  }

  function endOfTurn(): void {
    scheduled = false
    if (blocked) drain()
    else if (buffer !== '') write()
  }

  function write(): void {
    const text = buffer
    // Taken before commit, which may call code that logs: those lines begin a buffer and runs of their own.
    const textRuns = runs
    buffer = ''
    runs = []
    runLevel = -1
    if (closed) {
      hold(text, textRuns, 0)
      backlog.clear()
      return
    }
    if (blocked) hold(text, textRuns, 0)
    else {
      const taken = commit(text)
      if (taken === text.length && !pending()) return
      block()
      options.onBlocked?.()
      hold(text, textRuns, taken)
    }
    if (exiting) {
      if (!awaited && !drain()) giveUp()
    } else if (!scheduled) schedule()
  }

  /** Moves the lines of `text` behind `from` to the backlog, each with its level. */
  function hold(text: string, textRuns: readonly number[], from: number): void {
    for (let i = 0; i < textRuns.length; i += 2) {
      const level = textRuns[i + 1] as number
      const end = textRuns[i + 2] ?? text.length
      let start = Math.max(textRuns[i] as number, from)
      while (start < end) {
        const newline = text.indexOf('\n', start)
        const next = newline === -1 || newline >= end ? end : newline + 1
        backlog.add(text.slice(start, next), level)
        start = next
      }
    }
  }

  function block(): void {
    blocked = true
    limit = 0
    pause = 0
    loss = { dropped: 0, byLevel: new Map(), since: Date.now() }
  }

  function drop(level: number): void {
    dropped++
    if (loss === undefined) return
    loss.dropped++
    loss.byLevel.set(level, (loss.byLevel.get(level) ?? 0) + 1)
    if (loss.dropped === 1 && !exiting && !closed) options.onLoss?.(loss, false)
  }

  /** Writes the backlog, first line alone so that a try in vain is cheap. True if nothing is left. */
  function drain(): boolean {
    if (draining) return false
    draining = true
    try {
      if (!drained()) {
        arm()
        return false
      }
    } finally {
      draining = false
    }
    if (givenUp) release()
    else recovered()
    return true
  }

  function drained(): boolean {
    let wanted = 1
    while (backlog.count > 0) {
      const lines = backlog.take(wanted)
      const taken = commit(lines.map((held) => held.line).join(''))
      const left = behind(lines, taken)
      if (left.length < lines.length) {
        givenUp = false
        pause = 0
      }
      if (left.length > 0) {
        backlog.restore(left)
        return false
      }
      wanted = size
    }
    return !pending() || (commit('') === 0 && !pending())
  }

  function behind(lines: readonly HeldLine[], taken: number): readonly HeldLine[] {
    let units = 0
    for (let i = 0; i < lines.length; i++) {
      units += (lines[i] as HeldLine).line.length
      if (units > taken) return lines.slice(i)
    }
    return []
  }

  function arm(): void {
    if (timer !== undefined || exiting) return
    if (pause === 0) pause = options.retryMs[0]
    timer = after(pause, () => {
      timer = undefined
      drain()
    })
    if (!options.keepAlive) timer.unref()
    pause = Math.min(pause * 2, options.retryMs[1])
  }

  function recovered(): void {
    clearTimeout(timer)
    timer = undefined
    const past = loss
    blocked = false
    loss = undefined
    limit = exiting || closed ? 0 : size
    if (past !== undefined) options.onRecovered?.(past)
    release()
  }

  function release(): void {
    const released = waiters
    waiters = []
    for (const resolve of released) resolve()
  }

  function flush(): boolean {
    // A turn's end that never comes (a test's clock again) must not stand in the way of the next one.
    scheduled = false
    clearTimeout(waiting)
    if (buffer !== '') write()
    return blocked ? drain() : true
  }

  function giveUp(): void {
    givenUp = true
    // The rest of a line that was begun: the reader has got its first half only.
    if (pending()) drop(0)
    backlog.clear()
    const past = loss
    if (past !== undefined && past.dropped > 0) options.onLoss?.(past, true)
    release()
  }

  function atExit(waitedMs: number): boolean {
    exiting = true
    limit = 0
    clearTimeout(timer)
    // Before the flush, whose first try may be refused: that is no reason to give up yet.
    awaited = true
    awaited = !flush()
    if (!awaited) return false
    awaited = waitedMs < (options.exitWaitMs ?? 0)
    if (!awaited) giveUp()
    return awaited
  }

  const forget = beforeExit(atExit)

  function wait(): Promise<void> {
    return flush() ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))
  }

  async function close(waitMs: number): Promise<void> {
    if (closed) return
    if (!flush() && waitMs > 0) {
      let patience: NodeJS.Timeout | undefined
      await Promise.race([
        wait(),
        new Promise((resolve) => (patience = after(waitMs, () => resolve(undefined)))),
      ])
      clearTimeout(patience)
    }
    closed = true
    limit = 0
    forget()
    clearTimeout(waiting)
    clearTimeout(timer)
    timer = undefined
    if (blocked) giveUp()
    blocked = false
  }

  return {
    add,
    flush,
    retry() {
      if (blocked) drain()
    },
    drained: wait,
    close,
    get records() {
      return records
    },
    get dropped() {
      return dropped
    },
    get buffered() {
      return buffer.length + backlog.units
    },
  }
}
