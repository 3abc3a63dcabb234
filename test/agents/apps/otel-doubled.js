import { register } from 'node:module'
import { load, tell } from './common.js'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)

const { registerInstrumentations } = await load('@opentelemetry/instrumentation')
const { PinoInstrumentation } = await load('@opentelemetry/instrumentation-pino')
const instrumentation = new PinoInstrumentation()
registerInstrumentations({ instrumentations: [instrumentation] })

const { createLogger } = await load('spoor')
const seen = []
const transport = {
  name: 'probe',
  attach: (host) => seen.push(host.instrumented),
  write() {},
  stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
}
createLogger({ transports: [transport] })
instrumentation.setConfig({ disableLogSending: true })
createLogger({ transports: [transport] })
tell({ lines: [], seen })
process.exit(0)
