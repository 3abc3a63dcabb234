export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from '../transports/memory.ts'
export {
  checkTransport,
  type TransportCheck,
  type TransportUnderTest,
  transportChecks,
} from './transport-kit.ts'
