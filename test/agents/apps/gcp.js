// An option set like Google's for Cloud Logging: severity, a timestamp in two parts, the trace ids that a mixin
// (OpenTelemetry's) put into the record renamed by formatters.log, which writes into the object that it is given.
import { calls, makeLogger, tell } from './common.js'

const severity = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
}
const options = {
  messageKey: 'message',
  base: { serviceContext: { service: 'shop', version: '1.2.3' } },
  timestamp: () => ',"timestamp":{"seconds":1700000000,"nanos":5000000}',
  mixin: () => ({
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
    trace_flags: '01',
  }),
  formatters: {
    level: (label, number) => ({ severity: severity[label], level: number }),
    log(entry) {
      if (entry.err instanceof Error) entry.stack_trace = `${entry.err.name}: ${entry.err.message}`
      if (entry.trace_id !== undefined) {
        entry['logging.googleapis.com/trace'] = `projects/p/traces/${entry.trace_id}`
        entry['logging.googleapis.com/spanId'] = entry.span_id
        entry['logging.googleapis.com/trace_sampled'] = entry.trace_flags === '01'
        delete entry.trace_id
        delete entry.span_id
        delete entry.trace_flags
      }
      return entry
    },
  },
}
const lines = []
calls(await makeLogger(options, (line) => lines.push(line)))
tell({ lines })
