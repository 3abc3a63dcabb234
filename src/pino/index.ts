import { spoorPino } from './factory.ts'

// A drop-in has to be imported as the original is: by default and by name.
export default spoorPino
export { spoorPino as pino }
export const {
  destination,
  levels,
  multistream,
  stdSerializers,
  stdTimeFunctions,
  symbols,
  transport,
  version,
} = spoorPino
