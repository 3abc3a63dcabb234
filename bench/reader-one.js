// Reads a log line by line: `node reader-one.js <path of the live file>`. Sends { lines, bytes, seconds, growth }:
// bytes decompressed, and how far the resident memory rose at most while it read, in bytes.

const [path] = process.argv.slice(2)
const { createReader } = await import('../dist/reader.js')

// One time unmeasured, so that what is measured is neither compilation nor a heap that is still small.
const FIRST_BATCHES = 100

let resident = 0
async function read(most) {
  let lines = 0
  let bytes = 0
  let batches = 0
  for await (const batch of createReader({ path })) {
    for (let i = 0; i < batch.count; i++) bytes += batch.line(i).length + 1
    lines += batch.count
    if (++batches >= most) break
    if (batches % 16 === 0) resident = Math.max(resident, process.memoryUsage.rss())
  }
  return { lines, bytes }
}

await read(FIRST_BATCHES)
const before = process.memoryUsage.rss()
resident = before
const from = performance.now()
const { lines, bytes } = await read(Number.POSITIVE_INFINITY)
const seconds = (performance.now() - from) / 1000
process.send({ lines, bytes, seconds, growth: resident - before })
process.disconnect()
