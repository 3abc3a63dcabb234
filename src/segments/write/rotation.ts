import { periodLabel, type RotatePeriod, type RotateTimeZone } from '../names.ts'

export interface RotationOptions {
  /** Bytes that a file may reach. */
  readonly maxSize: number
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
}

/** Decides when a file is done. It reads no clock: `now` comes in, epoch ms. */
export interface Rotation {
  /** Tells it of the live file that was opened: its size in bytes and the time of its last write. */
  opened(size: number, writtenAt: number, now: number): void
  /** Whether the live file is done before `bytes` more are written to it. */
  due(size: number, bytes: number, now: number): boolean
  /** What the live file's period is called. */
  readonly label: string
  /** What the period of a time is called, epoch ms. */
  labelAt(ms: number): string
}

// Every zone in use is off UTC by a multiple of this, so no period begins in between.
const QUARTER_MS = 15 * 60 * 1000
const DAY_MS = 24 * 60 * 60 * 1000
// A file's times come from a clock that the kernel moves on once a tick, at most 10 ms.
const TICK_MS = 50

/**
 * By size, decided before the write that would exceed it: a file passes `maxSize` only if one flush alone does.
 *
 * By period: a file belongs to the period of its last write (mtime: unlike the birth time every file system has
 * it, and a copy or a truncation does not turn it back). A clock set back by up to a day begins no period until
 * it has caught up; set back further, the present file goes on as the new time's. Of an hour that the clock
 * shows twice (end of summer time) there is one file.
 */
export function createRotation(options: RotationOptions): Rotation {
  const { maxSize, rotate, timeZone } = options
  let label = ''
  let since = 0
  let sameUntil = 0

  const labelAt = (ms: number): string => periodLabel(ms, rotate, timeZone)

  function adopt(at: number): void {
    label = labelAt(at)
    since = at
    sameUntil = 0
  }

  function periodOver(now: number): boolean {
    if (rotate === 'off' || (now >= since && now < sameUntil)) return false
    if (now < since) {
      if (since - now > DAY_MS) adopt(now)
      return false
    }
    if (labelAt(now) !== label) return true
    sameUntil = (Math.floor(now / QUARTER_MS) + 1) * QUARTER_MS
    return false
  }

  return {
    opened(size, writtenAt, now) {
      adopt(size === 0 ? now : writtenAt + TICK_MS)
    },
    due(size, bytes, now) {
      return size > 0 && (size + bytes > maxSize || periodOver(now))
    },
    get label() {
      return label
    },
    labelAt,
  }
}
