import type { LoggerProvider as ApiProvider } from '@opentelemetry/api-logs'
import type { LoggerProvider } from '@opentelemetry/sdk-logs'
import { expectTypeOf, it } from 'vitest'
import type { FanoutStats } from '../../src/transports/fanout.ts'
import { type OtelLoggerProvider, otelTransport } from '../../src/transports/otel.ts'
import type { Transport } from '../../src/transports/transport.ts'

declare const sdk: LoggerProvider

it('takes a provider of the SDK, and one of the API', () => {
  expectTypeOf<LoggerProvider>().toExtend<OtelLoggerProvider>()
  expectTypeOf<ApiProvider>().toExtend<OtelLoggerProvider>()
  expectTypeOf(otelTransport({ loggerProvider: sdk })).toExtend<Transport>()
  // @ts-expect-error no provider
  otelTransport({ loggerProvider: {} })
  // @ts-expect-error no such level
  otelTransport({ level: 'loud' })
})

it('has its counts among those of the others', () => {
  expectTypeOf<FanoutStats['transports'][string]['unregistered']>().toEqualTypeOf<number | undefined>()
})
