import pino from 'pino'

export type {
  Bindings,
  ChildLoggerOptions,
  DestinationStream,
  Level,
  LevelOrString,
  LevelWithSilent,
  LevelWithSilentOrString,
  LogFn,
  Logger,
  LoggerExtras,
  LoggerOptions,
  MultiStreamOptions,
  SerializerFn,
  StreamEntry,
  TransportMultiOptions,
  TransportPipelineOptions,
  TransportSingleOptions,
  TransportTargetOptions,
} from 'pino'
export {
  destination,
  levels,
  multistream,
  pino,
  stdSerializers,
  stdTimeFunctions,
  symbols,
  transport,
  version,
} from 'pino'
export default pino
