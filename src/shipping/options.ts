import {
  checkOptions,
  isAnything,
  isBoolean,
  isFunction,
  isNumber,
  isObject,
  isOptions,
} from '../config/check.ts'
import { optionError } from '../config/errors.ts'
import { type ShippingClock, systemClock } from './clock.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Destination } from './destination.ts'
import { guarded, type OnEvent, type ShipperEvent } from './events.ts'

/** When a batch is full. */
export interface BatchBounds {
  /** Bytes of its records, as `Shipped.bytes` counts them; a larger record goes alone. @default 1 MiB */
  readonly bytes?: number | undefined
  /** Records. @default 1000 */
  readonly count?: number | undefined
  /** How long its oldest record has waited since it was read, in ms. @default 1000 */
  readonly ageMs?: number | undefined
}

export interface ShipperOptions {
  readonly destination: Destination
  /** Where refused records go. */
  readonly deadLetters: DeadLetters
  readonly batch?: BatchBounds | undefined
  /** Most batches in flight. @default what the destination allows, and never more than that */
  readonly concurrency?: number | undefined
  /** How long a batch may be on its way until it is sent again, in ms. @default 30000 */
  readonly timeoutMs?: number | undefined
  /** How often a source that does not say so itself is looked at for more, in ms. @default 250 */
  readonly pollMs?: number | undefined
  /** Whether the process may end while something is unsent; the spool has it. @default true */
  readonly unref?: boolean | undefined
  /** @default the machine's */
  readonly clock?: ShippingClock | undefined
  /** From 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined
  readonly onEvent?: OnEvent | undefined
}

/** The options with their defaults. */
export interface ShipperSettings {
  readonly destination: Destination
  readonly deadLetters: DeadLetters
  readonly bytes: number
  readonly count: number
  readonly ageMs: number
  readonly concurrency: number
  readonly timeoutMs: number
  readonly pollMs: number
  readonly clock: ShippingClock
  readonly random: () => number
  readonly tell: (event: ShipperEvent) => void
}

const BYTES = 1024 * 1024
const COUNT = 1000
const AGE_MS = 1000
const TIMEOUT_MS = 30_000
const POLL_MS = 250

const atLeastOne = isNumber({ min: 1, integer: true })
const milliseconds = isNumber({ min: 0 })

/** @throws TypeError ERR_SPOOR_OPTION for an option that is wrong */
export function settle(options: ShipperOptions): ShipperSettings {
  checkOptions<ShipperOptions>(
    options,
    {
      destination: isObject,
      deadLetters: isObject,
      batch: isOptions<BatchBounds>({ bytes: atLeastOne, count: atLeastOne, ageMs: milliseconds }),
      concurrency: atLeastOne,
      timeoutMs: isNumber({ min: 1 }),
      pollMs: isNumber({ min: 1 }),
      unref: isBoolean,
      clock: isAnything,
      random: isFunction,
      onEvent: isFunction,
    },
    'createShipper',
  )
  const { destination, deadLetters, batch = {} } = options
  if (destination === undefined || deadLetters === undefined)
    throw optionError({
      option: `createShipper({ ${destination === undefined ? 'destination' : 'deadLetters'} })`,
      value: undefined,
      expected: 'an object',
    })
  return {
    destination,
    deadLetters,
    bytes: Math.max(1, Math.min(batch.bytes ?? BYTES, destination.maxBytes)),
    count: Math.max(1, Math.min(batch.count ?? COUNT, destination.maxCount)),
    ageMs: batch.ageMs ?? AGE_MS,
    concurrency: Math.max(
      1,
      Math.min(options.concurrency ?? Number.POSITIVE_INFINITY, destination.concurrency),
    ),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    pollMs: options.pollMs ?? POLL_MS,
    clock: options.clock ?? systemClock(options.unref ?? true),
    random: options.random ?? Math.random,
    tell: guarded(options.onEvent),
  }
}
