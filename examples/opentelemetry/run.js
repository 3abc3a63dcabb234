// An OpenTelemetry SDK is there: records made while a span is active carry its trace_id and span_id. spoor is told
// nothing about it. Usage: node run.js
import assert from 'node:assert/strict'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { consoleTransport, createLogger, memoryTransport, withContext } from 'spoor'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()
const tracer = trace.getTracer('example')

// The memory is for the checks below; an app just imports `logger`.
const memory = memoryTransport()
const logger = createLogger({ transports: [consoleTransport(), memory] })

await withContext({ job_id: 'import-7' }, () =>
  tracer.startActiveSpan('import', async (outer) => {
    logger.info('import started')
    for (const file of ['a.csv', 'b.csv']) {
      await tracer.startActiveSpan('read file', async (span) => {
        try {
          if (file === 'b.csv') throw new Error('no such file')
          logger.info('file read', { file, rows: 120 })
        } catch (err) {
          span.setStatus({ code: SpanStatusCode.ERROR })
          logger.error('file not read', err, { file })
        } finally {
          span.end()
        }
      })
    }
    logger.info('import ended')
    outer.end()
  }),
)
logger.info('outside any span')

const spans = exporter.getFinishedSpans().map((span) => span.spanContext())
const [first, second, outer] = spans
assert.deepEqual(
  memory.records().map(({ trace_id, span_id }) => [trace_id, span_id]),
  [outer, first, second, outer, {}].map(({ traceId, spanId }) => [traceId, spanId]),
)
await provider.shutdown()
