// The costs that are measured apart: a call below the level, entering a scope, making ids. All are a few
// nanoseconds, so they are taken in long loops, several times over, and the least disturbed one counts.

import { AsyncLocalStorage } from 'node:async_hooks'
import { build } from 'esbuild'

const REPEATS = 7
const MS = 60

/** The least ns a call over seven loops of about 60 ms each. */
function best(loop) {
  const time = (count) => {
    const from = process.hrtime.bigint()
    loop(count)
    return Number(process.hrtime.bigint() - from) / count
  }
  time(10_000)
  const count = Math.ceil((MS * 1e6) / Math.max(1, time(50_000)))
  const ns = Math.min(...Array.from({ length: REPEATS }, () => time(count)))
  return { ns, cpu: ns, records: 0 }
}

export async function offAlone(contender, spec, theCase) {
  const { log, close } = await contender.open(spec)
  const call = theCase[contender.order]
  const fields = { order_id: 1, total: 9.5 }
  const result = best((count) => {
    for (let i = 0; i < count; i++) {
      // A store that the next turn of the loop reads: neither the loop nor the argument can be left out.
      fields.order_id = (fields.order_id + i) | 0
      call(log, fields)
    }
    return fields.order_id
  })
  await close()
  return result
}

export function runAlone() {
  const storage = new AsyncLocalStorage()
  const store = {}
  let seen = 0
  const look = () => {
    seen += storage.getStore() === store ? 1 : 0
  }
  const result = best((count) => {
    for (let i = 0; i < count; i++) storage.run(store, look)
  })
  if (seen === 0) throw new Error('run() did not enter its scope')
  return result
}

export async function idsAlone() {
  const entry = new URL('../src/context/traceparent.ts', import.meta.url).pathname
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  })
  const { newTrace } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
  let length = 0
  return best((count) => {
    for (let i = 0; i < count; i++) length += crypto.randomUUID().length + newTrace().traceId.length
    return length
  })
}
