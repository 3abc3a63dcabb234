import { tracingChannel } from 'node:diagnostics_channel'

/**
 * True where an agent rewrote the source of pino's asJson (New Relic does, through orchestrion): only a line
 * that pino's own asJson writes is seen by it.
 */
export function isAsJsonRewritten(): boolean {
  const rewritten = tracingChannel('orchestrion:pino:nr_asJson')
  return rewritten.start.hasSubscribers || rewritten.end.hasSubscribers
}

/**
 * True for the stream that OpenTelemetry's instrumentation of pino (seen in 0.69) puts in place of a logger's own: it
 * reads each line again and hands it to the SDK.
 */
export function sendsToOtel(stream: unknown): boolean {
  const { streams } = (stream ?? {}) as { streams?: unknown }
  if (!Array.isArray(streams)) return false
  return streams.some((each) => each?.stream?.constructor?.name === 'OTelPinoStream')
}
