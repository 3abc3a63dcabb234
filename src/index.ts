export type { HttpFormat } from './config/formats.ts'
export type { Identity } from './config/identity.ts'
export type { LevelName, LevelOrSilent } from './config/levels.ts'
export { safeLine } from './config/safe-json.ts'
export { type Carrier, captureContext, continueContext, environmentCarrier } from './context/carrier.ts'
export { disableOutbound, enableOutbound, injectHeaders, type OutboundOptions } from './context/outbound.ts'
export { bindContext, type ContextFields, withContext } from './context/scope.ts'
export { addContext, keepBuffered } from './logger/context.ts'
export { createLogger } from './logger/create.ts'
export {
  configure,
  getLevels,
  getLogger,
  logger,
  type SetLevelOptions,
  setLevel,
  shutdown,
  stats,
} from './logger/default.ts'
export type { BufferStats, LimitStats, LoggerStats, SampleStats } from './logger/gate-stats.ts'
export type { SchemaName } from './logger/line/schema.ts'
export type { LimitOptions, LoggerOptions } from './logger/options.ts'
export type {
  ChildOptions,
  EndTimer,
  Fields,
  LogFields,
  LogFn,
  Logger,
  TimerOptions,
} from './logger/types.ts'
export type { AuditOptions } from './policy/audit/settings.ts'
export type { RedactOptions } from './policy/redact/options.ts'
export { type Secret, secret } from './policy/secret.ts'
export type { Destination } from './shipping/destination.ts'
export type { Answer, Preset, PresetOptions, PresetRequest, Verdict } from './shipping/preset.ts'
export type { Shipped } from './shipping/shipped.ts'
export type { ShipperState, ShipperStats } from './shipping/stats.ts'
export { type ConsoleTransportOptions, consoleTransport } from './transports/console.ts'
export type { FanoutStats } from './transports/fanout.ts'
export {
  type FileStats,
  type FileTransport,
  type FileTransportOptions,
  fileTransport,
} from './transports/file.ts'
export {
  type HttpBatchOptions,
  type HttpStats,
  type HttpTransport,
  type HttpTransportOptions,
  httpTransport,
} from './transports/http.ts'
export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from './transports/memory.ts'
export {
  type PinoPipeline,
  type PinoTarget,
  type PinoTransportOptions,
  pinoTransport,
} from './transports/pino.ts'
export { type StreamTransportOptions, streamTransport } from './transports/stream.ts'
export type { Transport, TransportEvent, TransportHost, TransportStats } from './transports/transport.ts'
