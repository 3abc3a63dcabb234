import { LEVELS } from '../config/levels.ts'
import { type Core, cellSym } from './core.ts'
import { NO_ERROR } from './said.ts'
import { record } from './record.ts'
import type { EndTimer, Fields, TimerOptions } from './types.ts'

const SLOW_MS = 2000
const DIGITS = 1000

/** Milliseconds since `start`, to the microsecond. */
function since(start: number): number {
  return Math.round((performance.now() - start) * DIGITS) / DIGITS
}

function write(core: Core, level: number, msg: string, fields: Fields, err: unknown): void {
  if (level >= core[cellSym].value) record(core, level, msg, fields, err, '')
}

/** Starts a timer; the returned function writes one record with `duration_ms`, a warning where it was slow. */
export function startTimer(this: Core, msg: string, options: TimerOptions = {}): EndTimer {
  const { slowMs = SLOW_MS, level = 'info' } = options
  const start = performance.now()
  return (fields) => {
    const duration_ms = since(start)
    const slow = duration_ms > slowMs
    write(
      this,
      slow ? Math.max(LEVELS.warn, LEVELS[level]) : LEVELS[level],
      msg,
      { ...fields, duration_ms },
      NO_ERROR,
    )
    return duration_ms
  }
}

/** Times `fn`, which may be asynchronous. A failure is logged with its duration and thrown again, unchanged. */
export function time<T>(this: Core, msg: string, fn: () => T, options?: TimerOptions): T {
  const start = performance.now()
  const end = startTimer.call(this, msg, options)
  const failed = (thrown: unknown): never => {
    write(this, LEVELS.error, msg, { duration_ms: since(start) }, thrown)
    throw thrown
  }
  let result: T
  try {
    result = fn()
  } catch (thrown) {
    return failed(thrown)
  }
  if (!isThenable(result)) {
    end()
    return result
  }
  return result.then((value: unknown) => {
    end()
    return value
  }, failed) as T
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
