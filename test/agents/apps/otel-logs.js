import { load } from './common.js'
import { logThrough } from './logs.js'

const api = await load('@opentelemetry/api')
const { logs } = await load('@opentelemetry/api-logs')
const { NodeTracerProvider } = await load('@opentelemetry/sdk-trace-node')
new NodeTracerProvider().register()
const sdk = await load('@opentelemetry/sdk-logs')
await logThrough({ load, api, sdk, register: (provider) => logs.setGlobalLoggerProvider(provider) })
