import { tracingChannel } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import type { Logger } from '../../src/logger/types.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { parseStrict } from '../support/strict-json.ts'

export type Record_ = Record<string, unknown>

/** A logger whose lines are kept, without identity, source and environment unless they are asked for. */
export interface Recorder {
  readonly logger: Logger
  /** Every line, strictly parsed. */
  records(): Record_[]
  /** The only record since the last call. */
  only(): Record_
  lines(): readonly string[]
  clear(): void
}

export const NOW = Date.parse('2026-03-04T05:06:07.089Z')
export const HEAD = { time: '2026-03-04T05:06:07.089Z' }

export function recorder(options: LoggerOptions = {}): Recorder {
  const transport = memoryTransport({ limit: 100_000 })
  const logger = createLogger({
    identity: false,
    source: 'off',
    level: 'trace',
    env: {},
    now: () => NOW,
    ...options,
    transports: [transport],
  })
  const records = (): Record_[] => transport.lines.map((line) => parseStrict(line))
  return {
    logger,
    records,
    only() {
      const all = records()
      if (all.length !== 1)
        throw new Error(`expected one record, got ${all.length}: ${transport.lines.join('')}`)
      transport.clear()
      return all[0] as Record_
    },
    lines: () => transport.lines,
    clear: () => transport.clear(),
  }
}

/** The ways that a record can take: each has to give the same keys and values. */
export const WAYS = ['direct', 'mixin', 'streamWrite', 'subscriber', 'redact'] as const
export type Way = (typeof WAYS)[number]

/** What makes a logger's records take a way. */
export function optionsOf(way: Way): LoggerOptions {
  switch (way) {
    case 'mixin':
      return { mixin: () => ({}) }
    case 'streamWrite':
      return { hooks: { streamWrite: (line) => line } }
    case 'redact':
      return { redact: ['no.such.path'] }
    default:
      return {}
  }
}

/** Like `recorder`, on one of the ways; must be called in a test. */
export function recorderOn(way: Way, options: LoggerOptions = {}): Recorder {
  if (way === 'subscriber') subscribe()
  return recorder({ ...options, ...optionsOf(way) })
}

/** Makes records pass through pino's tracing channel, until the test ends. */
export function subscribe(): void {
  const channel = tracingChannel('pino_asJson')
  const listener = (): void => {}
  channel.end.subscribe(listener)
  onTestFinished(() => {
    channel.end.unsubscribe(listener)
  })
}
