// Started with dd-trace in front (--require dd-trace/init, --import dd-trace/initialize.mjs) and DD_LOGS_INJECTION.
import { calls, load, makeLogger, tell } from './common.js'

const tracer = (await load('dd-trace')).default ?? (await load('dd-trace'))
const lines = []
const log = await makeLogger({}, (line) => lines.push(line))
const ids = []
tracer.trace('first', (span) => {
  ids.push(span.context().toTraceId(true))
  calls(log)
  log.info({ dd: { own: true } }, 'brings its own dd')
})
log.info('outside any span')
tell({ lines, ids })
process.exit(0)
