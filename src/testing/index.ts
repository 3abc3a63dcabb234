export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from '../transports/memory.ts'
export {
  assertPassed,
  type CheckResult,
  findRecords,
  hasNoRecord,
  hasRecord,
  hasRecordsInOrder,
} from './check-result.ts'
export { type RecordMatchers, recordMatchers } from './matchers.ts'
export type { RecordPattern } from './pattern.ts'
export type { LogRecord, RecordSource } from './records.ts'
export {
  expectNoSecrets,
  findSecrets,
  hasNoSecrets,
  type SecretFound,
  type SecretOptions,
} from './secrets.ts'
export {
  checkTransport,
  type TransportCheck,
  type TransportUnderTest,
  transportChecks,
} from './transport-kit.ts'
