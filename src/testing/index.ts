export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from '../transports/memory.ts'
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
export {
  assertVerdict,
  findRecords,
  hasNoRecord,
  hasRecord,
  hasRecordsInOrder,
  type Verdict,
} from './verdict.ts'
