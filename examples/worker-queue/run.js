// A queue between two threads. The producer puts a carrier into each job, the consumer goes on with it, so the
// records of both carry one request_id and one trace_id. Usage: node run.js
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { startShop, stopShop } from './producer.js'

const directory = process.env.OUT ?? mkdtempSync(join(tmpdir(), 'spoor-worker-'))
// The logger reads the environment at its first use, and the thread gets a copy of it.
process.env.LOG_FILE ??= join(directory, 'worker-queue.log')

const consumer = new Worker(new URL('consumer.js', import.meta.url))
const url = await startShop(consumer)
const answers = await Promise.all(
  ['mail-1', 'mail-2', 'mail-3'].map((id) => fetch(`${url}/orders`, { headers: { 'x-request-id': id } })),
)
for (const answer of answers) assert.equal(answer.status, 202)
await stopShop()
consumer.postMessage('no more jobs')
await once(consumer, 'exit')

const records = readFileSync(process.env.LOG_FILE, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
const traces = new Set()
for (const id of ['mail-1', 'mail-2', 'mail-3']) {
  const own = records.filter(({ request_id }) => request_id === id)
  // Two threads wrote them: each record is whole, whose turn ended first is nobody's promise.
  assert.deepEqual(own.map(({ msg }) => msg).sort(), [
    'job queued',
    'job started',
    'mail sent',
    'request completed',
  ])
  assert.equal(new Set(own.map(({ trace_id }) => trace_id)).size, 1, `${id} has more than one trace`)
  traces.add(own[0].trace_id)
}
assert.equal(traces.size, 3, 'each request has a trace of its own')
if (process.env.OUT === undefined) rmSync(directory, { recursive: true })
