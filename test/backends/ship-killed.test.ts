import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { deadLettersIn, leftIn, startService } from '../faults/ship-service.ts'
import { type Bundle, bundleShipping } from '../support/bundle.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { type Fault, PASS } from '../support/faults/fault.ts'
import { randomFrom } from '../support/random.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts'

// The same as test/faults/ship-killed, with a back end that knows a repetition: nothing is there twice, however often
// an answer got lost.

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 3)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)

let bundle: Bundle
let search: OpenSearch
beforeAll(async () => {
  bundle = bundleShipping()
  search = await startOpenSearch()
}, START_LIMIT_MS)
afterAll(() => bundle.remove())

const FAULTS: Readonly<Record<string, Fault>> = {
  nothing: PASS,
  'an answer that is lost': { kind: 'lose-answer' },
  'an answer that is cut': { kind: 'cut-answer', afterBytes: 30 },
  'an answer that is another': { kind: 'answer', status: 503, passOn: true },
}

describe('SIGKILL of a service that ships to OpenSearch, with', () => {
  it.each(Object.keys(FAULTS))(`%s: every record once, ${KILLS} times; seed ${SEED}`, async (name) => {
    const fault = FAULTS[name] as Fault
    const random = randomFrom(SEED)
    for (let kill = 0; kill < KILLS; kill++) {
      const index = `killed-${Object.keys(FAULTS).indexOf(name)}-${kill}`
      const proxy = await startFaultProxy(search.url)
      onTestFinished(() => proxy.close())
      const spoolDir = temporaryDirectory()
      const transport = { url: `${proxy.url}/_bulk`, index, spoolDir, batch: { count: 50, ageMs: 10 } }
      const always = random() < 0.5
      proxy.always(() => (always || random() < 0.5 ? fault : PASS))
      const killed = startService(bundle, { transport })
      await killed.run(1)
      await killed.acknowledges(1)
      await proxy.happened({ kind: 'request' })
      await pause(random() * 400)
      await killed.kill()
      proxy.always(PASS)
      const next = startService(bundle, { transport, from: 1_000_000 })
      await next.log(10)
      expect(await next.delivered(), name).toBe(true)
      expect((await next.close()).code).toBe(0)

      const documents = await search.documents(index)
      const numbers = documents.map(({ source }) => source.n as number)
      const there = new Set(numbers)
      expect(numbers.length, `${name}, twice`).toBe(there.size)
      const missing = Array.from({ length: killed.acknowledged }, (_, n) => n).filter((n) => !there.has(n))
      expect(missing, name).toEqual([])
      expect(deadLettersIn(spoolDir)).toEqual([])
      expect(leftIn(spoolDir)).toEqual([])
    }
  })
})
