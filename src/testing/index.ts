export { memoryTransport } from '../transports/memory.ts'
export * from './transport-kit.ts'
