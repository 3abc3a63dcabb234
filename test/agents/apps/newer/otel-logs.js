import { createRequire } from 'node:module'
import { load as loadSpoor } from '../common.js'
import { logThrough } from '../logs.js'

// What stands beside this file, not beside common.js.
const require = createRequire(import.meta.url)
const load = (name) => (process.argv[3] === 'cjs' ? require(name) : import(name))

const api = await load('@opentelemetry/api')
const { AsyncLocalStorageContextManager } = await load('@opentelemetry/context-async-hooks')
api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
const sdk = await load('@opentelemetry/sdk-logs')
await logThrough({
  load: loadSpoor,
  api,
  sdk,
  register: (provider) => api.logs.setGlobalLoggerProvider(provider),
})
