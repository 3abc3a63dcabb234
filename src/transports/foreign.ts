import { isMainThread } from 'node:worker_threads'
import { isExiting } from '../config/exit.ts'
import { outsideScopes } from '../segments/timers.ts'

/** What the console may be given in place of a descriptor; a Writable says more than that. */
export interface StreamLike {
  write(text: string): unknown
}

interface MaybeWritable extends StreamLike {
  readonly writableNeedDrain?: boolean
  readonly writableLength?: number
  on?(event: 'error', told: (error: Error) => void): unknown
  once?(event: 'drain', told: () => void): unknown
}

/** Somebody's stream as an output uses it. */
export interface Foreign {
  readonly stream: StreamLike
  /** What the stream has failed with. */
  readonly error: NodeJS.ErrnoException | undefined
  /** True while it asks to wait and would only hold what it is given; its 'drain' is told. */
  full(): boolean
  write(text: string): void
}

const STDOUT = 1
const STDERR = 2

// One listener for each stream, however many transports write to it.
const failures = new WeakMap<StreamLike, { error: NodeJS.ErrnoException | undefined }>()

function watched(stream: MaybeWritable): { error: NodeJS.ErrnoException | undefined } {
  let failure = failures.get(stream)
  if (failure === undefined) {
    const made: { error: NodeJS.ErrnoException | undefined } = { error: undefined }
    failure = made
    failures.set(stream, made)
    // Without a listener a reader that has gone (EPIPE) would end the process. Whatever it is, it comes at the
    // stream's end.
    if (typeof stream.on === 'function') {
      stream.on('error', (error) => {
        made.error ??= error
      })
    }
  }
  return failure
}

/** @param onDrain told when the stream takes text again, after `full` has said that it does not */
export function foreignOf(stream: StreamLike, onDrain: () => void): Foreign {
  const writable: MaybeWritable = stream
  const failure = watched(writable)
  let asked = false

  function drained(): void {
    asked = false
    onDrain()
  }

  return {
    stream,
    get error() {
      return failure.error
    },
    full() {
      // What a synchronous stream has written already it only has not said yet.
      if (writable.writableNeedDrain !== true || writable.writableLength === 0) return false
      // A worker's stream is emptied by the main thread also after the worker's end.
      if (!isMainThread && isExiting()) return false
      if (!asked) {
        asked = true
        writable.once?.('drain', drained)
      }
      return true
    },
    write(text) {
      outsideScopes(() => stream.write(text))
    },
  }
}

/** The stream that somebody put in place of Node's, or whose `write` somebody replaced: a test runner, a wrapper. */
export function replaced(fd: number): StreamLike | undefined {
  if (fd !== STDOUT && fd !== STDERR) return undefined
  try {
    // Reading it has a use of its own: Node then makes a socket (PM2, child_process) not block.
    const stream = fd === STDOUT ? process.stdout : process.stderr
    const foreign = Object.hasOwn(stream, 'write') || (isMainThread && stream.fd !== fd)
    return foreign ? stream : undefined
  } catch {
    return undefined
  }
}
