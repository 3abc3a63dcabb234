import type { Core, Voice } from './core.ts'
import { type LoggerPrefix, renewLoggerPrefix } from './line/prefix.ts'
import { chindingsSym } from './slots.ts'

/** The prefix of a logger, made again when its bindings or the configuration's ground have changed. */
export function loggerPrefix(core: Core, voice: Voice): LoggerPrefix {
  const { prefix, pipeline } = voice
  const raw = core[chindingsSym]
  if (prefix !== undefined && prefix.ground === pipeline.ground && prefix.raw === raw) return prefix
  voice.prefix = renewLoggerPrefix(prefix, pipeline.ground, raw)
  return voice.prefix
}
