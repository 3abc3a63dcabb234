import { calls, load, makeLogger, tell } from './common.js'

const Sentry = await load('@sentry/node')
const logs = []
const events = []
const lines = []
Sentry.init({
  dsn: 'http://key@127.0.0.1:9/1',
  enableLogs: true,
  integrations: [Sentry.pinoIntegration({ error: { levels: ['error', 'fatal'] } })],
  beforeSendLog(log) {
    logs.push(log)
    return null
  },
  beforeSend(event) {
    events.push(event)
    return null
  },
})

const log = await makeLogger({}, (line) => lines.push(line))
calls(log)
await Sentry.flush(1000)
tell({
  lines,
  logs: logs.map(({ level, message, attributes }) => ({ level, message, attributes })),
  events: events.map((event) => ({
    level: event.level,
    logger: event.logger,
    message: event.message,
    exceptions: event.exception?.values?.map(({ type, value, mechanism }) => ({ type, value, mechanism })),
    pino: event.contexts?.pino,
  })),
})
process.exit(0)
