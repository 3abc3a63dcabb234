import { register } from 'node:module'
import { calls, load, makeLogger, tell } from './common.js'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)

const { trace, context } = await load('@opentelemetry/api')
const { logs } = await load('@opentelemetry/api-logs')
const { registerInstrumentations } = await load('@opentelemetry/instrumentation')
const { PinoInstrumentation } = await load('@opentelemetry/instrumentation-pino')
const { NodeTracerProvider } = await load('@opentelemetry/sdk-trace-node')
const { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } =
  await load('@opentelemetry/sdk-logs')

new NodeTracerProvider().register()
const exporter = new InMemoryLogRecordExporter()
const loggerProvider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
logs.setGlobalLoggerProvider(loggerProvider)
registerInstrumentations({ loggerProvider, instrumentations: [new PinoInstrumentation()] })

const lines = []
const log = await makeLogger({}, (line) => lines.push(line))
const span = trace.getTracer('test').startSpan('request')
context.with(trace.setSpan(context.active(), span), () => calls(log))
span.end()
log.info('outside any span')
await loggerProvider.forceFlush()
const { traceId, spanId } = span.spanContext()
tell({
  lines,
  traceId,
  spanId,
  records: exporter.getFinishedLogRecords().map((record) => ({
    body: record.body,
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    attributes: record.attributes,
    traceId: record.spanContext?.traceId,
    hasTime: record.hrTime[0] > 0,
  })),
})
process.exit(0)
