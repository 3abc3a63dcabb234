import { tracingChannel } from 'node:diagnostics_channel'

/**
 * True where an agent rewrote the source of pino's asJson (New Relic does, through orchestrion): only a line
 * that pino's own asJson writes is seen by it.
 */
export function isAsJsonRewritten(): boolean {
  const rewritten = tracingChannel('orchestrion:pino:nr_asJson')
  return rewritten.start.hasSubscribers || rewritten.end.hasSubscribers
}
