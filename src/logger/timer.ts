import { LEVELS } from '../config/levels.ts'
import { type Core, cellSym, voiceSym } from './core.ts'
import { copyKey, NO_ERROR } from './line/said.ts'
import { record } from './record.ts'
import type { EndTimer, Fields, LevelName, TimerOptions } from './types.ts'

const DIGITS = 1000

/** Milliseconds since `start`, to the microsecond. */
function since(start: number): number {
  return Math.round((performance.now() - start) * DIGITS) / DIGITS
}

/** One record with its duration, which a field of that name can't take the place of. Never throws. */
function write(
  core: Core,
  level: number,
  msg: string,
  given: Fields | undefined,
  duration_ms: number,
  err: unknown,
): void {
  const { pipeline } = core[voiceSym]
  try {
    pipeline.prepare?.()
    if (level < core[cellSym].value) return
    const fields = { duration_ms }
    for (const key of Object.keys(given ?? {})) {
      copyKey(fields, key === 'duration_ms' ? '_duration_ms' : key, given as Fields, key)
    }
    record(core, level, msg, fields, err, '')
  } catch (thrown) {
    pipeline.fail("a timer's record could not be written", thrown)
  }
}

function numberOf(level: LevelName): number {
  return LEVELS[level] ?? LEVELS.info
}

/** Starts a timer; the returned function writes one record with `duration_ms`, a warning where it was slow. */
export function startTimer(this: Core, msg: string, options: TimerOptions = {}): EndTimer {
  const { level = 'info' } = options
  const start = performance.now()
  return (fields) => {
    const duration_ms = since(start)
    const slow = duration_ms > (options.slowMs ?? this[voiceSym].pipeline.slowMs)
    const number = slow ? Math.max(LEVELS.warn, numberOf(level)) : numberOf(level)
    write(this, number, msg, fields, duration_ms, NO_ERROR)
    return duration_ms
  }
}

/** Times `fn`, which may be asynchronous. A failure is logged with its duration and thrown again, unchanged. */
export function time<T>(this: Core, msg: string, fn: () => T, options?: TimerOptions): T {
  const start = performance.now()
  const end = startTimer.call(this, msg, options)
  const failed = (thrown: unknown): never => {
    write(this, LEVELS.error, msg, undefined, since(start), thrown)
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
