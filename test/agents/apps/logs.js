// What both generations of OpenTelemetry's logs SDK get from spoor's transport: the same calls, the same answers.

import { tell } from './common.js'

/**
 * @param load loads spoor in the form that is tested
 * @param api the generation's @opentelemetry/api, with a context manager registered
 * @param sdk its @opentelemetry/sdk-logs
 * @param register registers a logger provider
 */
export async function logThrough({ load, api, sdk, register }) {
  const { continueContext, createLogger, withContext } = await load('spoor')
  const { otelTransport } = await load('spoor/otel')
  const transport = otelTransport()
  const log = createLogger({ identity: false, source: 'off', transports: [transport] })
  log.info('before any SDK')

  const exporter = new sdk.InMemoryLogRecordExporter()
  const loggerConfigurator = sdk.createLoggerConfigurator([
    { pattern: 'quiet', config: { minimumSeverity: 17 } },
  ])
  const processors = [new sdk.SimpleLogRecordProcessor({ exporter })]
  const provider = new sdk.LoggerProvider({ processors, loggerConfigurator })
  register(provider)

  log.info('plain', {
    order_id: 42,
    order: { id: 1, lines: [{ sku: 'a' }, null] },
    '': 1,
    body: { constructor: 'x' },
  })
  log
    .child({ component: 'db.pool' })
    .error('it failed', Object.assign(new TypeError('bad', { cause: new Error('root') }), { code: 'E_BAD' }))
  const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }
  api.context.with(api.trace.setSpanContext(api.context.active(), spanContext), () => {
    withContext({ request_id: 'r-1' }, () => log.warn('in a span'))
  })
  const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`
  continueContext({ fields: { request_id: 'r-2' }, traceparent }, () => log.info('in a scope'))
  let read = 0
  const fields = {
    get field() {
      return ++read
    },
  }
  log.child({ component: 'quiet' }).info('not wanted', fields)
  log.child({ component: 'quiet' }).error('wanted', fields)
  await transport.flush()

  tell({
    lines: [],
    read,
    stats: transport.stats(),
    records: exporter.getFinishedLogRecords().map((record) => ({
      body: record.body,
      severityNumber: record.severityNumber,
      severityText: record.severityText,
      scope: record.instrumentationScope.name,
      attributes: record.attributes,
      trace: record.spanContext && [
        record.spanContext.traceId,
        record.spanContext.spanId,
        record.spanContext.traceFlags,
      ],
      hasTime: record.hrTime[0] > 0,
    })),
  })
  process.exit(0)
}
