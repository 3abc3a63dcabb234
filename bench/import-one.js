// What one import costs, in a fresh process: `node --expose-gc import-one.js import|require <specifier>`. Sends
// { ms, heap, rss }: milliseconds, and the growth of the heap in use and of the resident memory in bytes.

import { createRequire } from 'node:module'

const [how, specifier] = process.argv.slice(2)
const require = createRequire(import.meta.url)

gc()
const before = process.memoryUsage()
const from = performance.now()
if (how === 'import') await import(specifier)
else require(specifier)
const ms = performance.now() - from
const loaded = process.memoryUsage().rss
gc()
const { heapUsed, rss } = process.memoryUsage()
process.send({ ms, heap: heapUsed - before.heapUsed, rss: loaded - before.rss, total: rss }, () =>
  process.exit(),
)
